//! What processes take of the machine (proc(5)).

use std::fs;

use serde::Serialize;

/// A process, by what it is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    pub name: &'static str,
    pub id: u32,
}

/// What a process takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Taken {
    /// Memory that is resident, in MiB.
    pub memory_mib: f64,
    /// CPU time since it began, in seconds.
    pub cpu_s: f64,
}

impl Watched {
    /// Those of a shop, and this one.
    pub fn with_us(of_the_shop: Vec<(&'static str, u32)>) -> Vec<Self> {
        let us = ("load", std::process::id());
        of_the_shop.into_iter().chain([us]).map(|(name, id)| Self { name, id }).collect()
    }

    /// What it takes now; nothing of one that is no more.
    pub fn taken(&self) -> Taken {
        let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", self.id)).ok();
        Taken {
            memory_mib: read("status").and_then(|status| resident_mib(&status)).unwrap_or_default(),
            cpu_s: read("stat").and_then(|stat| cpu_seconds(&stat)).unwrap_or_default(),
        }
    }
}

/// `VmRSS:      1234 kB`
fn resident_mib(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u32 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(f64::from(kib) / 1_024.0)
}

/// Fields 14 and 15, in ticks of a hundredth of a second (`USER_HZ`, time(7)).
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(f64::from(user + system) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_says_is_read() {
        let status = "Name:\tx\nVmHWM:\t  9000 kB\nVmRSS:\t    2048 kB\n";
        assert_eq!(resident_mib(status), Some(2.0));
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 9 0 5";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(resident_mib("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_takes_something() {
        let us = &Watched::with_us(Vec::new())[0];
        assert!(us.taken().memory_mib > 0.5);
    }
}
