//! How many connections there may be.

use anyhow::{Context, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Connections that shoppers share, unless told otherwise: more than the shop takes requests at
/// once, so that it is the shop that says that it is too much.
const CONNECTIONS: u64 = 8_192;
/// Descriptors for everything else: files, the database, Temporal; of the shop's processes, too,
/// which have the same limit.
const SPARE: u64 = 512;

/// How many connections there may be at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Those that shoppers share.
    pub connections: usize,
    /// Those of event streams.
    pub streams: usize,
}

/// Raises this process's limit on descriptors as far as it may; answers what it is. Processes that
/// it starts have the same.
///
/// # Errors
/// When the system does not say.
pub fn raise_descriptors() -> anyhow::Result<u64> {
    let (soft, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).context("read the limit of descriptors")?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raise the limit of descriptors")?;
    }
    Ok(hard)
}

/// What room `descriptors` leave, when so many connections are wanted.
///
/// # Errors
/// When they are too few.
pub fn room(descriptors: u64, wanted: Option<u64>) -> anyhow::Result<Room> {
    let left = descriptors.saturating_sub(SPARE);
    let connections = wanted.unwrap_or(CONNECTIONS.min(left / 2));
    ensure!(
        connections > 0 && connections < left,
        "{connections} connections need {} descriptors, and a process may have {descriptors} here: \
         raise the hard limit (`ulimit -Hn`), or ask for fewer --connections",
        connections + SPARE + 1
    );
    let as_usize = |number: u64| usize::try_from(number).unwrap_or(usize::MAX >> 3);
    Ok(Room { connections: as_usize(connections), streams: as_usize(left - connections) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_have_what_connections_leave() {
        let usual = room(20_000, None).unwrap();
        assert_eq!(usual, Room { connections: 8_192, streams: 20_000 - 512 - 8_192 });
        let few = room(1_024, None).unwrap();
        assert_eq!(few, Room { connections: 256, streams: 256 });
    }

    #[test]
    fn too_few_descriptors_are_said_and_not_found_out() {
        let said = room(1_024, Some(2_000)).unwrap_err().to_string();
        assert!(said.contains("2513 descriptors"), "{said}");
        assert!(room(100, None).is_err());
    }
}
