//! The object cache: allocates values of one type in O(1) and frees them in O(1), on any thread.
//!
//! [`SlabCache`] is the handle of a cache, [`SlabBox`] an object of it. Objects lie in the *slots* of *slabs*: blocks of
//! `SLAB_SIZE` bytes, aligned to their size, so that the cache finds the slab of a slot by masking the slot's address. The
//! slabs of a cache are its *pool*. The *primary* slab comes with the cache and holds the state of the pool: lock, counts,
//! lists, source. *Secondary* slabs come when no slot is free, and go when they are empty.
//!
//! | module | holds |
//! | --- | --- |
//! | `error` | [`SlabError`] |
//! | `statistics` | [`SlabStatistics`] |
//! | `sync` | the atomics and cells that the crate uses, those of loom in a model test |
//! | [`locks`] | the locks of a cache: [`LockTrait`](locks::LockTrait) and ready ones |
//! | [`sources`] | the sources of slabs: [`SlabSource`] and ready ones |
//! | `layout` | the layout of a slab, computed and checked at compile time; the index of a slot |
//! | `slab` | one slab: all pointer arithmetic |
//! | `list` | a list of slabs |
//! | `state` | the state of a pool; the types that a cache is made of |
//! | `pool` | the slabs of a cache: which hands out a slot, when the source is called, who ends the pool |
//! | `boxed` | [`SlabBox`] |
//! | `handle` | [`SlabCache`] |
//!
//! # A slab
//!
//! ```text
//!   aligned to SLAB_SIZE                                               aligned for T
//!   ┌────────┬───────────┬──────────────────────┬──────────────────────┬────┬────┬────┬─────┬────┐
//!   │ header │ live bits,│ state of the pool    │ less than a slot     │ 0  │ 1  │ 2  │ ... │ n-1│
//!   │        │ 1 a slot  │ (primary only): lock,│                      │live│free│live│     │free│
//!   │        │           │ counts, lists, source│                      │    │ ┌──┘    │     │ ┌──┘
//!   └────────┴───────────┴──────────────────────┴──────────────────────┴────┴─┼───────┴─────┴─┼──
//!     head ───────────────────────────────────────────────────────────────────┴> link ────────┴> fresh
//! ```
//!
//! On 64 bits the header has 48 bytes. The state has at most 80 bytes with a source of 8 bytes, and as many more as the
//! source is larger. The last slot ends where the slab ends. The slots of all slabs of a cache are at the same offsets; the
//! primary slab lacks the slots that the state covers.
//!
//! The free slots of a slab are a stack, the free list: each holds a *link*, the index of the next, in 2 bytes, or in 4 where
//! a slab is larger than 128 KiB. A slot is at least that large, whatever the size of the type. Slots that the slab has
//! never handed out hold nothing: they begin at the index `fresh`, which is the link of the last slot on the free list. To
//! create a slab writes its header and live bits only.
//!
//! # Lists
//!
//! A slab is *full* (no slot is free), *empty* (no slot is live, and the slab is not the primary), or *partial*. There is a
//! doubly linked list of each kind through the headers.
//!
//! - To allocate, the cache takes a slot of the first partial slab; where there is none, of an empty slab; where there is
//!   none either, of a new slab from the source.
//! - A full slab of which a slot is freed becomes the first partial slab.
//! - The cache keeps one empty slab, so that a program that goes back and forth over the edge of a slab does not call the
//!   source each time. A second one goes back to the source. [`SlabCache::shrink`] gives the first one back, too.
//!
//! # The end of a pool
//!
//! Each handle is a *reference* to the pool, and so is each live slot, be it that of a box or of a pointer that
//! [`SlabBox::into_raw`] gave. The thread that releases the last reference gives all slabs back, the primary last, and drops
//! lock and source. No value is left then, because a slot is freed after its value was dropped.
//!
//! How references are counted depends on the lock:
//!
//! - [`RELEASE_IS_LAST`](locks::LockTrait::RELEASE_IS_LAST) is true, as for `SpinLock` and `NoLock`: live slots and handles
//!   are counted under the lock, without any atomic instruction. The thread that finds both counts at 0 still has the lock,
//!   and no other thread is at the lock or will be: all others have had their last touch of the pool.
//! - It is false: each handle and each live slot is counted in one atomic, as `Arc` does, and released after the lock.
//!
//! Both counts saturate: if safe code forgets too many handles, the pool stays for ever.
//!
//! # What runs under the lock
//!
//! A few loads and stores in headers and slots for each call. Values are made and dropped without the lock: a `Default` or
//! a `Drop` can use the cache, and can panic. The source is called without the lock, too. While a thread calls the source,
//!
//! - for a slab: the thread has a handle, so the pool stays. If the source has no slab, the thread looks once more for a
//!   slot that others have freed, and else returns [`OutOfMemory`](SlabError::OutOfMemory).
//! - to give a slab back: the slab is on no list, and the thread has a reference of its own. If the source refuses the
//!   slab, the cache keeps it as an empty one, and counts it in [`SlabStatistics::refused_slabs`].
//!
//! # Mistakes that the cache finds
//!
//! - A slot that is freed twice, unless it was handed out again in between: the cache reads the live bit of a slot when it
//!   hands the slot out, frees it, drops its value, or makes it a box again.
//! - A write to free memory: the cache compares a link with `fresh` when it reads it, and reads the live bit of the slot
//!   before it hands the slot out. So no live slot is handed out again, and none that does not exist. The call that finds
//!   it returns [`FatalError`](SlabError::FatalError), and rebuilds the free list from the live bits for the next call.
//! - A pointer to elsewhere, given to [`SlabBox::from_raw`]: the magic of a header depends on its address and on the layout
//!   of the cache, and is cleared when the slab is given back.
//!
//! [`SlabStatistics::faults`] counts the first two.

#![no_std]

#[cfg(feature = "std")]
extern crate std;

mod boxed;
mod error;
mod handle;
mod layout;
mod list;
pub mod locks;
mod pool;
mod slab;
pub mod sources;
mod state;
mod statistics;
mod sync;
#[cfg(all(test, not(loom)))]
mod tests;

pub use allocator_core::get_field_ptr;
pub use boxed::SlabBox;
pub use error::{Result, SlabError};
pub use handle::SlabCache;
pub use sources::{HookSource, SlabSource};
pub use statistics::SlabStatistics;
