//! The one behavioural test suite that every implementation of the traits can run, here or in another crate.
//!
//! A *check* drives an allocator through one part of its contract, mostly with random requests, and holds each answer
//! against a *shadow* that knows what must be true: every live block and its contents, the state of every page, every
//! id. The memory comes from an arena whose bytes outside of the regions must never be written. The first promise that
//! is not kept ends the check with a [`Violation`].
//!
//! | module | macro | the contract | what may differ |
//! | --- | --- | --- | --- |
//! | [`bytes`] | [`byte_conformance!`](crate::byte_conformance) | [`ByteAllocator`](allocator_core::ByteAllocator) | [`ByteOptions`] |
//! | [`pages`] | [`page_conformance!`](crate::page_conformance) | [`PageAllocator`](allocator_core::PageAllocator) | [`PageOptions`] |
//! | [`ids`] | [`id_conformance!`](crate::id_conformance) | [`IdAllocator`](allocator_core::IdAllocator) | [`IdOptions`] |
//!
//! What they are made of, bottom up:
//!
//! | module | holds |
//! | --- | --- |
//! | `config` | [`Config`], how long and from which seed a check runs; [`Violation`], what it says when it fails |
//! | `checks` | the macro that makes functions of the table of a contract's checks |
//! | `runs` | [`Runs`], which runs of pages or ids an allocator has to find |
//! | `arena` | the memory that regions are taken from, guarded |
//! | `fixture` | what one check has at hand |
//! | [`bytes`], [`pages`], [`ids`] | the contracts: their checks, and the shadows that know what must be true |
//!
//! # Running it on an allocator of yours
//!
//! 1. Depend on this crate under `[dev-dependencies]`.
//! 2. Write one macro line for each allocator, in a file of tests: a name, an expression that makes a fresh allocator
//!    without memory, and options where it differs from others. Each line is one `#[test]` per check, in a module of that
//!    name.
//! 3. Run `cargo test`. A failure says what was promised, what happened, and how to run that check again.
//! 4. Under Miri run the same with `MIRIFLAGS=-Zmiri-permissive-provenance`.
//!
//! ```
//! use allocator_conformance::{ByteOptions, PageOptions, Runs, byte_conformance, page_conformance};
//! # use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator, PageAllocator};
//! # use core::{alloc::Layout, ptr::NonNull};
//! # struct MyHeap;
//! # struct MyFrames;
//! # impl BaseAllocator for MyHeap {
//! #     unsafe fn init(&mut self, _: usize, _: usize) -> AllocResult { Err(AllocError::InvalidParam) }
//! #     unsafe fn add_memory(&mut self, _: usize, _: usize) -> AllocResult { Err(AllocError::InvalidParam) }
//! # }
//! # impl BaseAllocator for MyFrames {
//! #     unsafe fn init(&mut self, _: usize, _: usize) -> AllocResult { Err(AllocError::InvalidParam) }
//! #     unsafe fn add_memory(&mut self, _: usize, _: usize) -> AllocResult { Err(AllocError::InvalidParam) }
//! # }
//! # unsafe impl ByteAllocator for MyHeap {
//! #     fn alloc(&mut self, _: Layout) -> AllocResult<NonNull<u8>> { Err(AllocError::NoMemory) }
//! #     unsafe fn dealloc(&mut self, _: NonNull<u8>, _: Layout) {}
//! #     fn total_bytes(&self) -> usize { 0 }
//! #     fn used_bytes(&self) -> usize { 0 }
//! #     fn available_bytes(&self) -> usize { 0 }
//! # }
//! # unsafe impl PageAllocator for MyFrames {
//! #     const PAGE_SIZE: usize = 4096;
//! #     fn alloc_pages(&mut self, _: usize, _: usize) -> AllocResult<usize> { Err(AllocError::NoMemory) }
//! #     fn alloc_pages_at(&mut self, _: usize, _: usize, _: usize) -> AllocResult<usize> { Err(AllocError::NoMemory) }
//! #     fn dealloc_pages(&mut self, _: usize, _: usize) -> AllocResult { Err(AllocError::NotAllocated) }
//! #     fn total_pages(&self) -> usize { 0 }
//! #     fn used_pages(&self) -> usize { 0 }
//! #     fn available_pages(&self) -> usize { 0 }
//! # }
//!
//! byte_conformance!(my_heap, MyHeap, ByteOptions { min_first_region: 64 << 10, ..Default::default() });
//! page_conformance!(my_frames, MyFrames, PageOptions { runs: Runs::PowerOfTwo, ..Default::default() });
//! ```
//!
//! The checks of the methods that a trait provides run for every allocator: on the provided ones they are quick.
//!
//! Where there is no test harness, `run_all` of each module does the same:
//!
//! ```
//! use allocator_conformance::{Config, IdOptions, ids};
//! use allocator_core::{AllocError, AllocResult, IdAllocator};
//!
//! /// 64 ids in a word.
//! struct Word(u64);
//!
//! impl Word {
//!     /// The bits of the ids, or `None` where some of them do not exist.
//!     fn mask(start: usize, count: usize) -> Option<u64> {
//!         let end = start.checked_add(count).filter(|&end| end <= 64 && count > 0)?;
//!         Some(u64::MAX >> (64 - count) << start).filter(|_| end > start)
//!     }
//! }
//!
//! impl IdAllocator for Word {
//!     fn alloc_id(&mut self, count: usize, align_pow2: usize) -> AllocResult<usize> {
//!         if count == 0 || !align_pow2.is_power_of_two() {
//!             return Err(AllocError::InvalidParam);
//!         }
//!         let free = |start: &usize| Self::mask(*start, count).is_some_and(|mask| self.0 & mask == 0);
//!         let start = (0..64).step_by(align_pow2).find(free).ok_or(AllocError::NoMemory)?;
//!         self.0 |= Self::mask(start, count).unwrap_or(0);
//!         Ok(start)
//!     }
//!
//!     fn dealloc_id(&mut self, start_id: usize, count: usize) -> AllocResult {
//!         if count == 0 {
//!             return Err(AllocError::InvalidParam);
//!         }
//!         let mask = Self::mask(start_id, count).filter(|mask| self.0 & mask == *mask);
//!         self.0 &= !mask.ok_or(AllocError::NotAllocated)?;
//!         Ok(())
//!     }
//!
//!     fn is_allocated(&self, id: usize) -> bool {
//!         Self::mask(id, 1).is_some_and(|mask| self.0 & mask != 0)
//!     }
//!
//!     fn alloc_fixed_id(&mut self, id: usize) -> AllocResult {
//!         let mask = Self::mask(id, 1).ok_or(AllocError::InvalidParam)?;
//!         if self.0 & mask != 0 {
//!             return Err(AllocError::NoMemory);
//!         }
//!         self.0 |= mask;
//!         Ok(())
//!     }
//!
//!     fn size(&self) -> usize {
//!         64
//!     }
//!
//!     fn used(&self) -> usize {
//!         self.0.count_ones() as usize
//!     }
//!
//!     fn available(&self) -> usize {
//!         64 - self.used()
//!     }
//! }
//!
//! ids::run_all(|| Word(0), &Config { seed: 1, steps: 500 }, &IdOptions::default())?;
//! # Ok::<(), allocator_conformance::Violation>(())
//! ```
//!
//! # Seeing a failure again
//!
//! Every run takes a new seed, and a violation says which one it was and how to run the check again:
//!
//! ```text
//! the bytes contract is violated in check `random_mixed`, step 41, seed 7: realloc to 244 of ...: byte 0 was not kept
//! rerun with: ALLOCATOR_SEED=7 ALLOCATOR_STEPS=3000 cargo test --workspace my_heap::random_mixed
//! ```
//!
//! `ALLOCATOR_STEPS` makes the random programs longer, for a night's run. Under Miri everything is smaller; engines that
//! take up a region by its address need `MIRIFLAGS=-Zmiri-permissive-provenance` there, and `-Zmiri-env-forward=NAME` lets
//! either variable through.

mod arena;
pub mod bytes;
mod checks;
mod config;
mod fixture;
pub mod ids;
pub mod pages;
mod runs;

pub use bytes::ByteOptions;
pub use config::{Config, Violation, seed, steps};
pub use ids::IdOptions;
pub use pages::{PageOptions, Placement};
pub use runs::Runs;

/// One `#[test]` for each check of a contract. The function shares its name with the module, which it can because
/// functions and modules do not share a namespace; so `$make` sees what the caller sees, without a glob import.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ([$($(#[$doc:meta])* $check:ident,)+] $contract:ident, $name:ident, $make:expr, $options:expr) => {
        #[cfg(test)]
        fn $name(check: &str) {
            $crate::$contract::run_or_panic(check, || $make, &$options);
        }

        #[cfg(test)]
        mod $name {
            $(
                #[test]
                fn $check() {
                    super::$name(stringify!($check));
                }
            )+
        }
    };
}
