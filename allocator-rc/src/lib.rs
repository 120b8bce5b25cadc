//! Shared handles that collections allocate from: [`AllocatorRc`] for one thread, [`AllocatorArc`] for many.
//!
//! A handle turns an engine, any [`ByteAllocator`](allocator_core::ByteAllocator), and a pool of memory into an `Allocator`
//! that can be cloned. Collections then live in the pool: a local array, a `static`, huge pages, memory shared with another
//! program. The engine and the count of handles live at the start of the pool, so a handle needs no global allocator. The
//! pool stays borrowed until the last handle is gone, so its user needs no `unsafe`.
//!
//! | module | holds |
//! | --- | --- |
//! | `handle` | what both handles are: a counted pointer to the start of the pool, and the borrow of the pool |
//! | `rc` | [`AllocatorRc`] |
//! | `arc` | [`AllocatorArc`], on targets with compare-and-swap (not on a Cortex-M0) |
//! | `methods` | the methods that both have, and the `Allocator` traits |
//! | `compile_fail` | programs that must not compile (tests only) |
//!
//! The handles implement the `Allocator` of `allocator-api2` 0.2, which `hashbrown` and others speak on stable Rust. With
//! the feature `nightly` they implement `core::alloc::Allocator` too, and serve the collections of the standard library.
//! (`allocator-api2` has a feature of that name that makes the two traits one; it is not needed here, and `hashbrown`
//! does not build with it.)
//!
//! # Drawbacks
//!
//! - A full pool ends the program where a collection's infallible methods need memory, such as `push`, `extend`, `insert`,
//!   `with_capacity_in` or `clone`: they call `handle_alloc_error`, which aborts, or panics without `std`. Where a pool may be
//!   full, ask first, with `try_reserve` or `try_new_in`.
//! - `shrink_to_fit`, `shrink_to` and `into_boxed_slice` have no fallible counterparts. Where memory is short, TLSF and buddy
//!   engines make the block smaller in place. A slab heap keeps it in its slot if the slot is aligned for its new class (with
//!   fine classes one slot of 72 bytes in eight is aligned for 64); otherwise, and for a block above the largest size class
//!   that becomes one of a class, it needs a free slot, and without one the program ends. A hash map that shrinks takes a new table first, whatever the engine.
//! - The collections of `allocator-api2` and `hashbrown` link the crate `alloc`, and a program without `std` that does so
//!   must name a `#[global_allocator]`, though nothing here calls it: one that hands out nothing will do.
//! - The engine takes its place from the pool: the tables of TLSF are more than 7 KiB on 64 bits (the tour prints them),
//!   much of a small pool.
//! - A block whose alignment changes has to move, and for a moment there are two of it.
//! - An [`AllocatorArc`] has one lock for all threads. The [`DefaultLock`] spins: an interrupt handler that allocates waits
//!   for ever if it has interrupted the holder. For such handlers choose a lock that masks interrupts.
//! - A forgotten handle, such as one in a leaked collection, keeps the engine from being dropped. The borrow of the pool ends
//!   all the same.
//!
//! # Examples
//!
//! A vector and a map in a local array:
//!
//! ```
//! use core::mem::MaybeUninit;
//!
//! use allocator_api2::vec::Vec;
//! use allocator_rc::AllocatorRc;
//! use allocator_tlsf::TlsfByteAllocator;
//! use hashbrown::HashMap;
//!
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool)?;
//!
//! let mut primes = Vec::new_in(heap.clone());
//! primes.extend([2, 3, 5, 7]);
//!
//! let mut names = HashMap::new_in(heap.clone());
//! names.insert(2, "two");
//! names.insert(3, "three");
//! assert_eq!(names.get(&primes[1]), Some(&"three"));
//!
//! drop((primes, names));
//! assert_eq!(heap.used_bytes(), 0);
//! # Ok::<(), allocator_core::AllocError>(())
//! ```
//!
//! The pool outlives the collections in it. This does not compile, because the pool dies before the vector:
//!
//! ```compile_fail,E0597
//! # use core::mem::MaybeUninit;
//! # use allocator_api2::vec::Vec;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut numbers;
//! {
//!     let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//!     let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool)?;
//!     numbers = Vec::new_in(heap);
//! }
//! numbers.push(1);
//! # Ok::<(), allocator_core::AllocError>(())
//! ```

#![no_std]
#![cfg_attr(feature = "nightly", feature(allocator_api))]

#[cfg(target_has_atomic = "ptr")]
mod arc;
#[cfg(doctest)]
mod compile_fail;
mod handle;
mod methods;
mod rc;

pub use allocator_shared::DefaultLock;
#[cfg(target_has_atomic = "ptr")]
pub use arc::AllocatorArc;
pub use rc::AllocatorRc;
