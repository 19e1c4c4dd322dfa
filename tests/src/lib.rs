//! What whole-system tests stand on: real servers, the product's own binaries, and shoppers.
//!
//! `cargo xtask test` runs Postgres and Temporal and says where they are. A [`Shop`] is one
//! database, one Temporal namespace, one payment sandbox and the product's processes, all of its
//! own; tests that share one differ by the products that they make in it.
#![allow(clippy::unwrap_used, reason = "a harness that can't go on fails the test")]

mod books;
mod client;
mod invariants;
pub mod kept_alive;
mod operator;
mod own_servers;
mod process;
mod proxy;
mod raw;
mod servers;
mod shop;
mod shopper;
mod stop;
mod told;
mod verdict;
mod wait;
mod wire;

pub use books::Books;
pub use client::http_client;
pub use fuzz::Chance;
pub use invariants::{assert_invariants, assert_invariants_of, broken_invariants};
pub use operator::Operator;
pub use own_servers::OwnServers;
pub use process::{Process, Program};
pub use proxy::{Proxy, Trouble};
pub use raw::{Answer, NoAnswer, read_answer};
pub use servers::Servers;
pub use shop::{Running, Shop, ShopOptions, free_port};
pub use shopper::{Reply, Shopper};
pub use stop::Stop;
pub use told::Told;
pub use verdict::{PRICE, Verdict, verdict_on};
pub use wait::{eventually, within};
pub use wire::on_the_wire;
