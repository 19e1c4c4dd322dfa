//! The deliveries that are owed, in the order in which they fall due, and the last that are done.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::objects::Delivery;

/// Finished deliveries kept for the console.
const KEPT: usize = 500;

/// All deliveries. Looking for what is due costs what is due, not what there is.
#[derive(Default)]
pub struct Outbox {
    all: BTreeMap<String, Delivery>,
    /// Open ones by the time at which they fall due.
    open: BTreeSet<(i64, String)>,
    /// How many are open of each event.
    open_of_event: HashMap<String, usize>,
    /// Finished ones, oldest first.
    done: VecDeque<String>,
}

impl Outbox {
    /// Keeps a delivery as it is now; answers with one that needs no keeping any more, if any.
    #[must_use]
    pub fn put(&mut self, delivery: Delivery) -> Option<String> {
        let id = delivery.id.clone();
        let was = self.all.remove(&id);
        let was_done = was.as_ref().is_some_and(|was| was.done);
        if let Some(was) = was.filter(|was| !was.done) {
            self.close(&was);
        }
        if delivery.done && !was_done {
            self.done.push_back(id.clone());
        } else if !delivery.done {
            self.open.insert((delivery.due_ms, id.clone()));
            *self.open_of_event.entry(delivery.event.clone()).or_default() += 1;
        }
        self.all.insert(id, delivery);
        self.forget_oldest_done()
    }

    fn close(&mut self, was: &Delivery) {
        self.open.remove(&(was.due_ms, was.id.clone()));
        if let Some(open) = self.open_of_event.get_mut(&was.event) {
            *open -= 1;
            if *open == 0 {
                self.open_of_event.remove(&was.event);
            }
        }
    }

    fn forget_oldest_done(&mut self) -> Option<String> {
        if self.done.len() <= KEPT {
            return None;
        }
        let oldest = self.done.pop_front()?;
        self.all.remove(&oldest);
        Some(oldest)
    }

    /// Open deliveries that fell due by `time_ms`, the one that waits longest first.
    pub fn due(&self, time_ms: i64) -> impl Iterator<Item = &Delivery> {
        let due = self.open.range(..(time_ms.saturating_add(1), String::new()));
        due.filter_map(|(_, id)| self.all.get(id))
    }

    /// How many deliveries of an event are open.
    pub fn pending(&self, event: &str) -> usize {
        self.open_of_event.get(event).copied().unwrap_or_default()
    }

    /// The delivery of this id, while it is kept.
    pub fn find(&self, id: &str) -> Option<&Delivery> {
        self.all.get(id)
    }

    /// All that are kept, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Delivery> {
        self.all.values().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(id: &str, due_ms: i64, done: bool) -> Delivery {
        Delivery {
            id: id.into(),
            event: "evt_1".into(),
            endpoint: "we_1".into(),
            created_ms: 0,
            attempts: 0,
            due_ms,
            done,
            last_result: None,
        }
    }

    fn due(outbox: &Outbox, time_ms: i64) -> Vec<&str> {
        outbox.due(time_ms).map(|delivery| delivery.id.as_str()).collect()
    }

    #[test]
    fn what_waits_longest_is_due_first_and_what_is_done_never() {
        let mut outbox = Outbox::default();
        for (id, due_ms, done) in
            [("b", 5, false), ("a", 7, false), ("c", 1, true), ("d", 9, false)]
        {
            assert_eq!(outbox.put(delivery(id, due_ms, done)), None);
        }
        assert_eq!(due(&outbox, 7), ["b", "a"]);
        assert_eq!(outbox.pending("evt_1"), 3);
    }

    #[test]
    fn a_retry_moves_and_an_end_removes() {
        let mut outbox = Outbox::default();
        for state in [delivery("a", 1, false), delivery("a", 8, false)] {
            assert_eq!(outbox.put(state), None);
        }
        assert!(due(&outbox, 7).is_empty());
        assert_eq!(due(&outbox, 8), ["a"]);
        assert_eq!(outbox.put(delivery("a", 8, true)), None);
        assert_eq!(outbox.pending("evt_1"), 0);
        assert!(due(&outbox, i64::MAX).is_empty());
    }

    #[test]
    fn only_the_last_finished_ones_are_kept() {
        let mut outbox = Outbox::default();
        let ids: Vec<_> = (0..=KEPT).map(|number| format!("{number:04}")).collect();
        let forgotten: Vec<_> =
            ids.iter().filter_map(|id| outbox.put(delivery(id, 0, true))).collect();
        assert_eq!(forgotten, [ids[0].clone()]);
        assert_eq!(outbox.newest_first().count(), KEPT);
    }
}
