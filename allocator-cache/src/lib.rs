//! The object cache: values of one type, in O(1) both ways, freed from anywhere.
//!
//! [`SlabCache`] is the handle, [`SlabBox`] an object. Objects lie in the slots of *slabs*: blocks of `SLAB_SIZE` bytes,
//! aligned to their size, so that a slot finds its slab by masking its own address. The *primary* slab comes with the cache
//! and holds what all slabs share, lock and counts; *secondary* slabs come when no slot is free, and go when they are
//! empty. All slabs of a cache are its *hierarchy*.
//!
//! | module | holds |
//! | --- | --- |
//! | [`error`](SlabError) | why a request was refused |
//! | [`locks`] | what protects a hierarchy |
//! | [`sources`] | where slabs come from |
//! | `grid` | where things lie in a slab; computed, and checked, when compiling |
//! | `header` | one slab: all pointer arithmetic |
//! | `list` | the lists of slabs |
//! | `refs` | the count of references |
//! | `hierarchy` | policy: which slab to take from, when to call the source, who frees what |
//! | `handle`, `boxed` | [`SlabCache`], [`SlabBox`] |
//!
//! # A slab
//!
//! ```text
//!   aligned to SLAB_SIZE                                               aligned for T
//!   ┌────────┬───────────┬──────────────────────┬──────────────────────┬────┬────┬────┬─────┬────┐
//!   │ header │ state     │ root (primary only)  │ less than a slot     │ 0  │ 1  │ 2  │ ... │ n-1│
//!   │        │ 1 bit a   │ lock, references,    │                      │live│free│live│     │free│
//!   │        │ slot      │ lists, counts, source│                      │    │ ┌──┘    │     │ ┌──┘
//!   └────────┴───────────┴──────────────────────┴──────────────────────┴────┴─┼───────┴─────┴─┼──
//!     head ───────────────────────────────────────────────────────────────────┴> index ───────┴> fresh
//! ```
//!
//! The header has 48 bytes, the root up to 80 (with a lock of 16 bytes and a source of 8; so much more as a larger source
//! takes), on 64 bits. The slots end with the slab, and the primary lacks those on which its root lies, so that the grid is
//! the same everywhere.
//!
//! Free slots are a stack: each holds the index of the next, in 2 bytes, or in 4 where a slab is larger than 128 KiB. So
//! that is how large a slot is at least, whatever its type: `u8`, or `()`. Slots that were never handed out hold nothing:
//! they begin at the index `fresh`, and the last slot of the stack holds that index. Nothing is written to a new slab but
//! its header and state.
//!
//! # Lists
//!
//! A slab is *full*, *empty* (none of its slots is live, and it is not the primary), or has *room*; there is a doubly
//! linked list of each through the headers. A slot is taken from the first slab with room; where there is none, from an
//! empty one; where there is none either, from a new one. A slab that was full and has a free slot again becomes the first
//! with room. Of two empty slabs, one is kept, so that who goes back and forth over the edge of a slab does not call the
//! source each time; the other goes back. [`SlabCache::shrink`] gives that one back, too.
//!
//! # Who keeps the hierarchy, and who frees it
//!
//! It is there as long as there is a handle or a live slot, be it a box or a pointer out of one. Whoever gives up the last
//! of them gives all slabs back, the primary last, and drops lock and source. The values are all dropped then: a slot is
//! given back after its value.
//!
//! How this is counted depends on the lock, on whether its release is over when the next thread is let in
//! ([`LockTrait::RELEASE_IS_LAST`](locks::LockTrait::RELEASE_IS_LAST)):
//!
//! - It is, with `SpinLock` and `NoLock`. Live slots are counted under the lock, and handles are; the thread that finds
//!   both at 0 knows it before it releases the lock. Nobody else is in then, or will be: all others have released the lock
//!   before, with their last touch of the hierarchy. To count this way takes no atomic instruction.
//! - It is not, or who knows. Then each handle and each live slot is counted in one atomic, as `Arc` does, and taken off
//!   after the lock was released.
//!
//! # What runs under the lock
//!
//! A few loads and stores in headers and slots, for each call. Values are made and dropped outside; so a `Default` or a
//! `Drop` can use the cache, and can panic: the slot is given back. The source is called outside, too. Meanwhile
//!
//! - a thread that wants a slab has a handle, so the hierarchy stays, and others may take and give slots. If the source has
//!   none, the cache is as it was; the thread looks once more whether a slot was given back, and else gets
//!   [`OutOfMemory`](SlabError::OutOfMemory).
//! - a thread that gives a slab back has taken it off the lists, and keeps its own reference until the source has
//!   answered. If the source does not take it, the slab goes to the empty ones, where it is used next, and is counted in
//!   [`SlabStatistics::refused_slabs`].
//!
//! # What is found out
//!
//! - A slot's bit of state tells whether it is live. It is looked at when a slot is handed out, given back, dropped, or
//!   made a box again, so a slot that is given back twice is found out, unless it was handed out again in between.
//! - An index that was read from a free slot is compared with `fresh` when it is read, and with the state when it is used:
//!   whatever was written to free memory, no live slot is handed out a second time, and none that there is not. Who finds
//!   it gets [`FatalError`](SlabError::FatalError); the stack is made again from the state, and the next call is served.
//! - A header's magic depends on its address and on the shape of the cache, and is gone when the slab is.
//!
//! [`SlabStatistics::faults`] counts what was found.

#![no_std]

#[cfg(feature = "std")]
extern crate std;

mod boxed;
mod error;
#[doc(hidden)]
pub mod field_ptr;
mod grid;
mod handle;
mod header;
mod hierarchy;
mod list;
pub mod locks;
mod refs;
pub mod sources;
mod statistics;
mod sync;
#[cfg(all(test, not(loom)))]
mod tests;

pub use boxed::SlabBox;
pub use error::{Result, SlabError};
pub use handle::SlabCache;
pub use sources::{HookSource, SlabSource};
pub use statistics::SlabStatistics;
