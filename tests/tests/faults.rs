//! What goes wrong: activities that fail, processes that die, a provider that is down, clients
//! that hang up, and what becomes of orders then.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says by panicking that something is wrong, and then what it prints is shown"
)]

mod faults {
    mod books;
    mod buying;
    mod deaths;
    mod dependencies;
    mod forgotten_keys;
    mod front;
    mod hang_ups;
    mod inbox;
    mod kills;
    mod mishaps;
    mod order_of_events;
    mod outage;
    mod paths;
    mod processing;
    mod provider;
    mod races;
    mod reconciling;
    mod recordings;
    mod replayer;
    mod saga;
    mod searches;
    mod second_run;
    mod secrecy;
    mod sessions;
    mod signed;
    mod stopping;
    mod story;
    mod temporal;
    mod transactions;
    mod worker;
}
