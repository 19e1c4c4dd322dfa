//! Mutations that keep most of an input's shape: words and bracketed parts are replaced, left out,
//! doubled and moved, in JSON as in forms, headers and times. Random bytes would not get past the
//! first check.

use std::ops::Range;

use crate::{chance::Chance, odd};

/// No mutant is longer, in bytes: somewhat more than any door lets in.
const LONGEST: usize = 70_000;
/// Mutations of one input, at the most.
const MOST_AT_ONCE: u64 = 4;

/// One of `pool`, mutated once to four times.
///
/// # Panics
/// When the pool is empty.
pub fn mutant<T: AsRef<[u8]>>(pool: &[T], chance: &mut Chance) -> Vec<u8> {
    let mut input = chance.pick(pool).as_ref().to_vec();
    for _ in 0..=chance.below(MOST_AT_ONCE) {
        let other = chance.pick(pool).as_ref();
        mutate(&mut input, other, chance);
    }
    input
}

/// Mutates `input` once; pieces may come from `other`.
pub fn mutate(input: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    match chance.below(16) {
        0..4 => {
            let place = word(input, chance);
            put(input, place, chance.pick::<&[u8]>(odd::PIECES));
        }
        4 => {
            let place = word(input, chance);
            put(input, place, &other[word(other, chance)]);
        }
        5 => {
            let place = part(input, chance);
            put(input, place, &other[part(other, chance)]);
        }
        6 => {
            let place = word(input, chance);
            put(input, place, b"");
        }
        7 => {
            let place = part(input, chance);
            put(input, place, b"");
        }
        8 => {
            let copy = input[part(input, chance)].to_vec();
            let place = word(input, chance).start;
            put(input, place..place, &copy);
        }
        9 => {
            let place = chance.index(input.len() + 1);
            put(input, place..place, chance.pick::<&[u8]>(odd::PIECES));
        }
        10 => repeat(input, chance),
        11 => nest(input, chance),
        12 => swap(input, chance),
        13 => change_digit(input, chance),
        14 => flip_bit(input, chance),
        _ => input.truncate(chance.index(input.len() + 1)),
    }
    input.truncate(LONGEST);
}

fn put(input: &mut Vec<u8>, place: Range<usize>, piece: &[u8]) {
    input.splice(place, piece.iter().copied());
}

/// A word of letters and digits, or one other byte; nothing of nothing.
fn word(input: &[u8], chance: &mut Chance) -> Range<usize> {
    let at = chance.index(input.len());
    let is_in = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
    if !input.get(at).is_some_and(is_in) {
        return at..(at + 1).min(input.len());
    }
    let before = input[..at].iter().rev().take_while(|byte| is_in(byte)).count();
    let after = input[at..].iter().take_while(|byte| is_in(byte)).count();
    at - before..at + after
}

/// What stands between brackets or quotes, with them, or from one separator to the next.
fn part(input: &[u8], chance: &mut Chance) -> Range<usize> {
    let at = chance.index(input.len());
    let opens = |byte: &u8| matches!(byte, b'{' | b'[' | b'"' | b'(');
    let separates = |byte: &u8| matches!(byte, b',' | b'&' | b';' | b'\n' | b'/' | b'?' | b'.');
    let rest = &input[at..];
    if let Some(start) = rest.iter().position(opens).filter(|_| chance.below(2) == 0) {
        return at + start..at + start + length_of_bracketed(&rest[start..]);
    }
    let before = input[..at].iter().rev().take_while(|byte| !separates(byte)).count();
    let after = rest.iter().position(separates).map_or(rest.len(), |separator| separator + 1);
    at - before..at + after
}

/// How long it is until what `text` begins with is closed.
fn length_of_bracketed(text: &[u8]) -> usize {
    if text.first() == Some(&b'"') {
        let end = text.iter().skip(1).position(|byte| *byte == b'"');
        return end.map_or(text.len(), |end| end + 2);
    }
    let mut depth = 0_usize;
    for (index, byte) in text.iter().enumerate() {
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    text.len()
}

/// A part many times over: more lines than a cart has, names longer than any column.
fn repeat(input: &mut Vec<u8>, chance: &mut Chance) {
    let place = part(input, chance);
    let times = (1 << chance.below(9)).min(LONGEST / place.len().max(1));
    let copies = input[place.clone()].repeat(times);
    put(input, place.end..place.end, &copies);
}

/// A part so deep inside brackets that whoever goes down by recursion runs out of stack.
fn nest(input: &mut Vec<u8>, chance: &mut Chance) {
    let place = part(input, chance);
    let (open, close) = *chance.pick(&[("[", "]"), ("{\"a\":", "}"), ("[a]", ""), ("(", ")")]);
    let times = 1 << chance.below(15);
    put(input, place.end..place.end, close.repeat(times).as_bytes());
    put(input, place.start..place.start, open.repeat(times).as_bytes());
}

fn swap(input: &mut Vec<u8>, chance: &mut Chance) {
    let (one, other) = (word(input, chance), word(input, chance));
    let (first, second) = if one.start <= other.start { (one, other) } else { (other, one) };
    if first.end <= second.start {
        let (front, back) = (input[first.clone()].to_vec(), input[second.clone()].to_vec());
        put(input, second, &front);
        put(input, first, &back);
    }
}

fn change_digit(input: &mut [u8], chance: &mut Chance) {
    let at = chance.index(input.len());
    let found = input.iter().skip(at).position(u8::is_ascii_digit);
    if let Some(digit) = found.and_then(|found| input.get_mut(at + found)) {
        *digit = *chance.pick(b"0123456789");
    }
}

fn flip_bit(input: &mut [u8], chance: &mut Chance) {
    let at = chance.index(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << chance.below(8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_has_the_same_mutants() {
        let pool =
            [b"{\"lines\":[{\"sku\":\"mug\",\"quantity\":1}]}".to_vec(), b"a=1&b[]=2".to_vec()];
        let of = |seed| {
            let mut chance = Chance::of(seed);
            (0..1_000).map(|_| mutant(&pool, &mut chance)).collect::<Vec<_>>()
        };
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn nothing_and_bytes_of_any_kind_can_be_mutated() {
        let bytes: Vec<u8> = (0..=255).collect();
        let pool = [Vec::new(), bytes, b"]})\"".to_vec(), b"\"".to_vec()];
        let mut chance = Chance::of(1);
        for _ in 0..20_000 {
            assert!(mutant(&pool, &mut chance).len() <= LONGEST);
        }
    }

    #[test]
    fn a_part_is_what_its_brackets_hold() {
        assert_eq!(length_of_bracketed(b"[1,[2],3],4"), 9);
        assert_eq!(length_of_bracketed(b"\"a]\",1"), 4);
        assert_eq!(length_of_bracketed(b"{\"never\":"), 9);
    }
}
