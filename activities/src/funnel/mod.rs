//! The funnel's counts: rolled up from raw events as they come, built from scratch, and kept when
//! raw events are deleted. What an event counts for is said in the database
//! (`migrations/0010_funnel_steps.sql`), once for all three and for whoever reads.

mod rebuild;
mod retention;
mod rollup;

pub use self::{
    rebuild::{rebuild, was_restored_elsewhere},
    retention::{SHORTEST_RETENTION, forget_sessions},
    rollup::{Source, roll_up},
};
