//! The tests of `Locked`, with engines of the family.

mod calls;
mod collections;
mod conformance;
mod global;
mod support;
mod threads;
