//! The machine that is measured on: how much of it others use.

use std::{fs, time::Duration};

/// CPU time since boot, in clock ticks (proc(5), `/proc/stat`, first line).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CpuTime {
    all: u64,
    idle: u64,
}

impl CpuTime {
    fn now() -> Option<Self> {
        Self::read(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// `cpu  user nice system idle iowait irq softirq steal …`
    fn read(stat: &str) -> Option<Self> {
        let numbers = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
        let ticks: Vec<u64> = numbers.take(8).map_while(|number| number.parse().ok()).collect();
        Some(Self { all: ticks.iter().sum(), idle: ticks.get(3)? + ticks.get(4)? })
    }
}

/// CPU time that was used since boot, by everything, in seconds.
#[must_use]
pub fn cpu_seconds() -> Option<f64> {
    let now = CpuTime::now()?;
    let used = u32::try_from(now.all.checked_sub(now.idle)? % u64::from(u32::MAX)).ok()?;
    // A tick is a hundredth of a second (`USER_HZ`, time(7)).
    Some(f64::from(used) / 100.0)
}

/// The percentage of CPU time that is in use, watched for a moment.
pub async fn percent_in_use() -> Option<u64> {
    let before = CpuTime::now()?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = CpuTime::now()?;
    let all = after.all.checked_sub(before.all)?;
    let idle = after.idle.checked_sub(before.idle)?;
    (all.checked_sub(idle)? * 100).checked_div(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_a_disk_is_idle_time() {
        let stat = "cpu  100 1 50 700 40 0 5 4 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(CpuTime::read(stat), Some(CpuTime { all: 900, idle: 740 }));
        assert_eq!(CpuTime::read("intr 5"), None);
    }
}
