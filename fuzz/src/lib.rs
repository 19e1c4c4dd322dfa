//! Bad input, made from good: the kept inputs of a target are mutated, and for each of them the
//! target says what came of it.
//!
//! A target is a function over bytes that panics when what it holds true is not. Which targets
//! there are is decided where the parsers are; `corpus/` has a folder of kept inputs for each.

mod chance;
mod corpus;
mod mutate;
mod odd;
mod run;
mod shrink;

pub use chance::Chance;
pub use corpus::Corpus;
pub use mutate::{mutant, mutate};
pub use run::{Verdict, hold, inputs};
