//! Making an input that fails smaller, as long as it fails.

/// How often is tried, at the most.
const MOST_TRIES: usize = 5_000;

/// The smallest input found from which `fails` still says that it does.
pub fn smallest(input: Vec<u8>, mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut smallest = input;
    let mut tries = 0;
    let mut size = smallest.len() / 2;
    while size > 0 {
        let mut at = 0;
        let mut got_smaller = false;
        while at < smallest.len() && tries < MOST_TRIES {
            let end = (at + size).min(smallest.len());
            let less = [&smallest[..at], &smallest[end..]].concat();
            tries += 1;
            if fails(&less) {
                smallest = less;
                got_smaller = true;
            } else {
                at += size;
            }
        }
        if !got_smaller {
            size /= 2;
        }
        if tries >= MOST_TRIES {
            break;
        }
    }
    smallest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let input = [&[b'x'; 1_000][..], b"a", &[b'y'; 999], b"b", b"zzz"].concat();
        let fails = |input: &[u8]| input.contains(&b'a') && input.contains(&b'b');
        assert_eq!(smallest(input, fails), b"ab");
    }
}
