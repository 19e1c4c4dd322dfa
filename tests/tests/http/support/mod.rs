//! What the tests of this binary share.

mod bank;
mod brief;
mod event_stream;
mod problems;
mod requests;
mod signed;

pub use bank::Bank;
pub use brief::{BRIEF_HOLD, brief_shop};
pub use event_stream::{Event, EventStream};
pub use problems::{PROBLEMS, is_problem, pointers};
pub use requests::{at_time, json_text, raw, stranger_to, time_of};
pub use signed::{event, post_event, signature};
