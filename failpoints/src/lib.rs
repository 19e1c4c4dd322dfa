//! Named places where a test has a process wait, so that it is killed there and nowhere else.
//!
//! They are in builds with debug assertions, and do something only when the environment names a
//! folder in `HOLDFAST_FAILPOINTS`. A file in it, `<point>@<whom>`, has the first task wait that
//! comes to the point for whom it names (a part of any of the ids that the point is told; nothing
//! stands for anyone). The file's name then ends in `.reached`; the task goes on when the file is
//! taken away. Release builds have none of it.
//!
//! A point is named by who comes to it, what for, and when: `activity.capture.after`. All of them
//! are listed here, so that a test can go through them.

#[cfg(not(debug_assertions))]
mod nothing;
#[cfg(debug_assertions)]
mod waiting;

#[cfg(not(debug_assertions))]
pub use nothing::{ProviderCall, reached};
#[cfg(debug_assertions)]
pub use waiting::{ProviderCall, reached};

/// The variable that names the folder.
pub const FOLDER: &str = "HOLDFAST_FAILPOINTS";
/// What the name of a file ends in once somebody waits.
pub const REACHED: &str = ".reached";

/// Activities, all but those that look through all orders there are.
pub const ACTIVITIES: [&str; 16] = [
    "reserve",
    "authorize",
    "inspect_payment",
    "commit",
    "capture",
    "close_payment",
    "release",
    "return_units",
    "payment_intent_of",
    "settle_intent",
    "begin_refund",
    "send_refund",
    "look_at_refund",
    "finish_refund",
    "look_at_dispute",
    "apply_change",
];
/// What is done for many orders in one transaction.
pub const BATCHES: [&str; 3] = ["reserve", "commit", "release"];
/// What is asked of the provider.
pub const PROVIDER_CALLS: [&str; 6] = ["create", "confirm", "capture", "cancel", "refund", "look"];
/// What is asked of the API, and has it tell somebody else.
pub const REQUESTS: [&str; 6] = ["start", "pay", "cancel", "refund", "change", "webhook"];

/// Every point.
#[must_use]
pub fn all() -> Vec<String> {
    let around = |who: &'static str, what: &'static str| {
        ["before", "after"].map(|when| [who, what, when].join("."))
    };
    let effects = PROVIDER_CALLS.into_iter().filter(|call| *call != "look");
    let pairs = (ACTIVITIES.into_iter().map(|what| ("activity", what)))
        .chain(PROVIDER_CALLS.into_iter().map(|what| ("provider", what)))
        .chain(REQUESTS.into_iter().map(|what| ("api", what)))
        .chain([("inbox", "deliver")])
        .chain(effects.map(|what| ("sandbox", what)))
        .chain([("sandbox", "webhook")]);
    let batches = BATCHES.into_iter().map(|what| ["transaction", what, "uncommitted"].join("."));
    pairs.flat_map(|(who, what)| around(who, what)).chain(batches).collect()
}
