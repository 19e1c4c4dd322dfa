//! How far a look through the provider's books has come. Kept in the activity's heartbeat, so that a
//! later run of it goes on where this one was.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::Findings;

/// How far back the provider's books are read: longer than any authorization lasts.
const SINCE: Duration = Duration::days(30);

/// Which list of the provider's is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum List {
    Refunds,
    Disputes,
    Payments,
    /// All of them are.
    Over,
}

/// What was read, page by page, and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Where the lists begin: Unix time in seconds.
    pub since: i64,
    pub list: List,
    /// The last of that list that was looked at.
    pub after: Option<String>,
    /// Payments that were looked at.
    pub checked: u64,
    pub findings: Findings,
    /// Payments whose sums will agree when what was found of them is put right.
    pub unsettled: BTreeSet<String>,
    /// Payments that did not agree, to be looked at a second time.
    pub in_doubt: Vec<String>,
}

impl Progress {
    fn begin() -> Self {
        Self {
            since: (OffsetDateTime::now_utc() - SINCE).unix_timestamp(),
            list: List::Refunds,
            after: None,
            checked: 0,
            findings: Findings::default(),
            unsettled: BTreeSet::new(),
            in_doubt: Vec::new(),
        }
    }

    /// Goes on after the page that ends with `last`, if the list has more.
    pub fn turn(&mut self, last: Option<String>, has_more: bool) {
        if has_more && last.is_some() {
            self.after = last;
            return;
        }
        self.after = None;
        self.list = match self.list {
            List::Refunds => List::Disputes,
            List::Disputes => List::Payments,
            List::Payments | List::Over => List::Over,
        };
    }
}

/// The progress that a later run would go on from.
pub(super) struct Kept(Mutex<Progress>);

impl Kept {
    /// Goes on from where an earlier run was, if there was one.
    pub fn after(earlier: Option<Progress>) -> Self {
        Self(Mutex::new(earlier.unwrap_or_else(Progress::begin)))
    }

    pub fn progress(&self) -> Progress {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn keep(&self, progress: &Progress) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(progress);
    }
}
