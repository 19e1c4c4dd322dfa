//! Whose clock deadlines are told by.

use std::time::Instant;

use time::OffsetDateTime;

/// When something was read, by Postgres's clock: the one that the ends of holds are set by. Ours
/// may be off by minutes.
#[derive(Clone, Copy, Debug)]
pub struct ReadAt {
    database: OffsetDateTime,
    here: Instant,
}

impl ReadAt {
    /// Postgres has just said that it is `database`.
    #[must_use]
    pub fn just_now(database: OffsetDateTime) -> Self {
        Self { database, here: Instant::now() }
    }

    /// What Postgres's clock shows by now.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.database + self.here.elapsed()
    }
}
