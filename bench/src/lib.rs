//! Benchmarks: every figure is a ratio of two things measured in the same run, in turns.
//!
//! What the product is held against: [`floor`] is the least that its promises cost, [`naive`] is
//! the same shop as a tutorial would build it, [`bare`] is a web server that does nothing.

pub mod bare;
pub mod floor;
pub mod measures;
pub mod naive;

mod machine;
mod product;
mod report;
mod statements;
mod worker;
mod world;
