//! Chance that can be had again: the seed is printed, and `FAULTS_SEED` takes it back.

use std::{
    env,
    hash::{BuildHasher, RandomState},
};

/// A sequence of numbers that looks random (Steele, Lea and Flood, "Fast splittable pseudorandom
/// number generators": SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of this seed.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Begins with a seed of this run's own, or with the one of an earlier run.
    #[expect(clippy::print_stdout, reason = "what a test prints is shown when it fails")]
    #[must_use]
    pub fn seeded() -> Self {
        let given = env::var("FAULTS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(Self::new_seed);
        println!("FAULTS_SEED={seed}");
        Self(seed)
    }

    /// A seed that no other run has.
    #[must_use]
    pub fn new_seed() -> u64 {
        // Its keys are random, and std has no other randomness.
        RandomState::new().hash_one("seed")
    }

    /// Another sequence, for the `number`th of those who go on at the same time.
    #[must_use]
    pub fn branch(&self, number: u64) -> Self {
        let mut branch = Self(self.0 ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        branch.next();
        branch
    }

    /// A number from 0 to `limit`, which it does not reach.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A place in something of this length; 0 of nothing.
    pub fn index(&mut self, length: usize) -> usize {
        let length = u64::try_from(length.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.below(length)).unwrap_or(0)
    }

    /// One of these.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
