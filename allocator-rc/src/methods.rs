//! The methods that both handles have, and their `Allocator` traits: of `allocator-api2` and, with the feature `nightly`, of
//! `core`.

use core::fmt;
use core::mem::MaybeUninit;

use allocator_core::{AllocResult, ByteAllocator};
use allocator_shared::__implement_allocator;
#[cfg(target_has_atomic = "ptr")]
use allocator_shared::lock_api::RawMutex;

#[cfg(target_has_atomic = "ptr")]
use crate::arc::AllocatorArc;
use crate::rc::AllocatorRc;

/// The methods and traits of a handle, whose field is a `Handle`, and which has a method `with_engine`.
macro_rules! shared_methods {
    ([$($bounds:tt)*] $handle:ident<$pool:lifetime, $($parameter:ident),+>) => {
        impl<$pool, $($bounds)*> $handle<$pool, $($parameter),+> {
            /// Gives the engine a further pool, borrowed as long as the first.
            ///
            /// Where the pool touches one that the engine has, one byte between the two is left out: no block may reach
            /// from one object into another.
            ///
            /// # Time complexity
            ///
            /// O(number of pools), plus the `add_memory` of the engine.
            ///
            /// # Errors
            ///
            /// Those of [`add_memory`](allocator_core::BaseAllocator::add_memory):
            /// [`InvalidParam`](allocator_core::AllocError::InvalidParam) where the pool is too small to hold anything.
            /// The handle is as it was; the pool stays borrowed all the same.
            ///
            /// # Examples
            ///
            /// ```
            /// # use core::mem::MaybeUninit;
            /// # use allocator_tlsf::TlsfByteAllocator;
            #[doc = concat!("use allocator_rc::", stringify!($handle), ";")]
            ///
            /// let mut first = [MaybeUninit::uninit(); 16 * 1024];
            /// let mut second = [MaybeUninit::uninit(); 4 * 1024];
            #[doc = concat!("let heap = ", stringify!($handle), "::new(TlsfByteAllocator::new(), &mut first)?;")]
            /// let before = heap.total_bytes();
            /// heap.add_memory(&mut second)?;
            /// assert!(heap.total_bytes() > before);
            /// # Ok::<(), allocator_core::AllocError>(())
            /// ```
            pub fn add_memory(&self, pool: &$pool mut [MaybeUninit<u8>]) -> AllocResult {
                self.0.add_memory(pool)
            }

            /// The bytes that could be handed out, without the engine's own and the count's.
            #[must_use]
            pub fn total_bytes(&self) -> usize {
                // SAFETY: a method of the engine.
                unsafe { self.with_engine(|engine| engine.total_bytes()) }
            }

            /// The bytes that live blocks take out of circulation.
            #[must_use]
            pub fn used_bytes(&self) -> usize {
                // SAFETY: a method of the engine.
                unsafe { self.with_engine(|engine| engine.used_bytes()) }
            }

            /// The bytes that are left: `total_bytes() - used_bytes()`.
            #[must_use]
            pub fn available_bytes(&self) -> usize {
                // SAFETY: a method of the engine.
                unsafe { self.with_engine(|engine| engine.available_bytes()) }
            }

            /// Makes the engine give wholly free memory back to its backing, and returns how many bytes: as
            /// [`ByteAllocator::trim`]. The pools stay the engine's.
            ///
            /// # Time complexity
            ///
            /// That of the engine's `trim`.
            pub fn trim(&self) -> usize {
                // SAFETY: a method of the engine.
                unsafe { self.with_engine(|engine| engine.trim()) }
            }
        }

        impl<$($bounds)*> fmt::Debug for $handle<'_, $($parameter),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // SAFETY: methods of the engine.
                let (total, used) = unsafe { self.with_engine(|engine| (engine.total_bytes(), engine.used_bytes())) };
                f.debug_struct(stringify!($handle))
                    .field("total_bytes", &total)
                    .field("used_bytes", &used)
                    .finish_non_exhaustive()
            }
        }

        // SAFETY: all clones point to the one engine in the pool; the pools outlive every handle, and the engine lives
        // until the last one is gone. `with_engine` asks of `call` what the macro promises.
        __implement_allocator!(unsafe impl allocator_api2::alloc, [$($bounds)*] $handle<'_, $($parameter),+>);
        // SAFETY: as above.
        #[cfg(feature = "nightly")]
        __implement_allocator!(unsafe impl core::alloc, [$($bounds)*] $handle<'_, $($parameter),+>);
    };
}

shared_methods!([A: ByteAllocator] AllocatorRc<'pool, A>);
#[cfg(target_has_atomic = "ptr")]
shared_methods!([A: ByteAllocator, R: RawMutex] AllocatorArc<'pool, A, R>);
