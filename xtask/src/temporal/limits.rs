//! The server's limits that a laptop shop would hit.

/// The poll rates default to 20 a second for each of three queues, which makes every task wait for
/// tens of milliseconds on idle CPUs. A task queue is cut into four partitions by default, for the
/// sake of a cluster; on one node that only makes some tasks wait for a poller to come by while
/// others do not.
pub const DYNAMIC_CONFIG: [(&str, u32); 11] = [
    ("history.transferProcessorMaxPollRPS", 100_000),
    ("history.timerProcessorMaxPollRPS", 100_000),
    ("history.visibilityProcessorMaxPollRPS", 100_000),
    ("frontend.rps", 100_000),
    ("frontend.namespaceRPS", 100_000),
    ("frontend.namespaceCount", 100_000),
    ("history.rps", 100_000),
    ("matching.rps", 100_000),
    ("matching.numTaskqueueReadPartitions", 1),
    ("matching.numTaskqueueWritePartitions", 1),
    ("frontend.namespaceRPS.visibility", 10_000),
];

/// The same as a file.
pub fn yaml() -> String {
    DYNAMIC_CONFIG.map(|(key, value)| format!("{key}:\n  - value: {value}\n")).concat()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;
    use crate::places;

    #[test]
    fn containers_get_the_same_limits() {
        let file = places::root().join("deploy/temporal/dynamicconfig.yaml");
        let text = fs::read_to_string(file).unwrap();
        let said = |text: &str| {
            let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            let lines: Vec<_> = lines.map(str::to_owned).collect();
            lines.chunks(2).map(<[String]>::concat).collect::<BTreeSet<_>>()
        };
        assert_eq!(said(&text), said(&yaml()));
    }
}
