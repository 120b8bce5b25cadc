//! Native page engines: allocators of page frames with a bit for each page, and a tree above the bits.
//!
//! [`RadixPageAllocator`] serves runs of any length, [`BuddyPageAllocator`] power-of-two blocks.
//!
//! The files, bottom up:
//!
//! | module | holds |
//! | --- | --- |
//! | `page` | page numbers, ranges of pages, orders |
//! | `leaf` | 512 pages and their bits |
//! | `tree::shape` | the nodes of a tree, and where their summaries lie |
//! | `tree` | the summaries: the order of the largest free block of each node, and what a policy adds |
//! | `section::layout` | where the parts of a section's metadata lie |
//! | `section::extents` | which pages of a section are managed |
//! | `section` | pages in a row with their metadata |
//! | `section::list` | the sections of an engine |
//! | `cache::{pages, runs, blocks}` | free pages, runs and blocks kept at hand, over `cache::ascending`, a sorted array |
//! | `engine::policy` | which run of pages an engine takes |
//! | `engine` | [`PageEngine`], the type of both engines |
//! | `engine::memory` | how it gets memory, and gives it back to its owner |
//! | `engine::pages` | its calls that allocate pages and give them back |
//! | `engine::validate` | its self-check |
//! | `radix::node`, `radix::search` | the lengths of runs that the radix engine keeps of a node; the search that uses them |
//! | `radix` | [`RadixPageAllocator`] |
//! | `buddy` | [`BuddyPageAllocator`] |

#![no_std]

mod buddy;
mod cache;
mod engine;
mod leaf;
mod page;
mod radix;
mod section;
mod tree;

pub use buddy::BuddyPageAllocator;
pub use engine::{PageEngine, Run};
pub use radix::RadixPageAllocator;
