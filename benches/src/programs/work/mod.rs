//! The programs: each does its work once, and returns a number that depends on all of its results.

use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

mod json;
mod maps;
mod rust;

/// How much work a program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// For figures: about a second.
    Full,
    /// For a look at whether it works.
    Short,
}

impl Size {
    /// One of two numbers.
    fn choose(self, full: usize, short: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Short => short,
        }
    }
}

/// A program by name.
pub(super) struct Program {
    pub(super) name: &'static str,
    /// Does the work, with random numbers from a seed. The checksum is the same in each run of a build.
    pub(super) run: fn(Size, u64) -> u64,
}

/// All programs.
pub(super) const PROGRAMS: &[Program] = &[
    Program { name: "syn", run: rust::run },
    Program { name: "serde_json", run: json::run },
    Program { name: "maps", run: maps::run },
];

/// The names of all programs.
#[must_use]
pub fn names() -> Vec<&'static str> {
    PROGRAMS.iter().map(|program| program.name).collect()
}

/// A hasher without a secret, so that each run is the same.
type Hashing = BuildHasherDefault<DefaultHasher>;

/// A checksum of results in a row.
#[derive(Default)]
struct Checksum(DefaultHasher);

impl Checksum {
    fn add(&mut self, result: impl Hash) {
        result.hash(&mut self.0);
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}
