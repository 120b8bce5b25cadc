//! Page frames: native engines, a bit for each page and a tree above the bits.
//!
//! The files, bottom up:
//!
//! | module | holds |
//! | --- | --- |
//! | `leaf` | 512 pages and their bits |
//! | `tree`, `tree::shape` | the order of the largest free block of each node, and what a policy adds; which nodes there are |
//! | `section`, `section::extents`, `section::list` | pages in a row with their metadata; which of them are managed; the list of sections |
//! | `cache::{pages, runs, blocks}` | free pages, runs and blocks kept at hand |
//! | `engine::policy` | which run of pages an engine takes |
//! | `engine`, `engine::{memory, pages, validate}` | [`PageEngine`], what both engines are: its memory, its pages, its self-check |
//! | `radix` | [`RadixPageAllocator`], runs of any length, the first that fits |
//! | `buddy` | [`BuddyPageAllocator`], power-of-two blocks |

#![no_std]

mod buddy;
mod cache;
mod engine;
mod leaf;
mod radix;
mod section;
mod tree;

pub use buddy::BuddyPageAllocator;
pub use engine::{PageEngine, Run};
pub use radix::RadixPageAllocator;
