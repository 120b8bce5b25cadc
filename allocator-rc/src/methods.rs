//! What both handles can do, written down once: their common methods, and the `Allocator` traits of `allocator-api2`
//! and, with the feature `nightly`, of `core`.

use core::alloc::Layout;
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use allocator_core::{AllocResult, ByteAllocator};
#[cfg(target_has_atomic = "ptr")]
use lock_api::RawMutex;

#[cfg(target_has_atomic = "ptr")]
use crate::arc::AllocatorArc;
use crate::blocks::{NewBytes, allocate, deallocate, resize};
use crate::rc::AllocatorRc;

/// The methods and traits of a handle, in words of the `Handle` in its field and of `crate::blocks`.
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
                unsafe { self.0.ask(A::total_bytes) }
            }

            /// The bytes that live blocks take out of circulation.
            #[must_use]
            pub fn used_bytes(&self) -> usize {
                // SAFETY: a method of the engine.
                unsafe { self.0.ask(A::used_bytes) }
            }

            /// The bytes that are left: `total_bytes() - used_bytes()`.
            #[must_use]
            pub fn available_bytes(&self) -> usize {
                // SAFETY: a method of the engine.
                unsafe { self.0.ask(A::available_bytes) }
            }
        }

        impl<$($bounds)*> fmt::Debug for $handle<'_, $($parameter),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // SAFETY: methods of the engine.
                let (total, used) = unsafe { self.0.ask(|engine| (engine.total_bytes(), engine.used_bytes())) };
                f.debug_struct(stringify!($handle))
                    .field("total_bytes", &total)
                    .field("used_bytes", &used)
                    .finish_non_exhaustive()
            }
        }

        implement_allocator!(allocator_api2::alloc, [$($bounds)*] $handle<'_, $($parameter),+>);
        #[cfg(feature = "nightly")]
        implement_allocator!(core::alloc, [$($bounds)*] $handle<'_, $($parameter),+>);
    };
}

/// The `Allocator` of a module for a handle.
macro_rules! implement_allocator {
    ($($module:ident)::+, [$($bounds:tt)*] $handle:ty) => {
        // SAFETY: blocks come from the engine, which promises that they are apart and lie in the pools; those outlive
        // every handle, and the engine lives until the last one is gone. Handles can be moved, for the engine is in the
        // pool; and clones have the same engine. Blocks of size 0 are addresses only.
        unsafe impl<$($bounds)*> $($module)::+::Allocator for $handle {
            #[inline]
            fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, $($module)::+::AllocError> {
                allocate(self.0.state(), layout, NewBytes::Uninit).map_err(|_| $($module)::+::AllocError)
            }

            #[inline]
            fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, $($module)::+::AllocError> {
                allocate(self.0.state(), layout, NewBytes::Zero).map_err(|_| $($module)::+::AllocError)
            }

            #[inline]
            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                // SAFETY: passed on from the caller.
                unsafe { deallocate(self.0.state(), block, layout) }
            }

            #[inline]
            unsafe fn grow(
                &self,
                block: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<[u8]>, $($module)::+::AllocError> {
                // SAFETY: passed on from the caller.
                unsafe { resize(self.0.state(), block, old, new, NewBytes::Uninit) }
                    .map_err(|_| $($module)::+::AllocError)
            }

            #[inline]
            unsafe fn grow_zeroed(
                &self,
                block: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<[u8]>, $($module)::+::AllocError> {
                // SAFETY: passed on from the caller.
                unsafe { resize(self.0.state(), block, old, new, NewBytes::Zero) }
                    .map_err(|_| $($module)::+::AllocError)
            }

            #[inline]
            unsafe fn shrink(
                &self,
                block: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<[u8]>, $($module)::+::AllocError> {
                // SAFETY: passed on from the caller.
                unsafe { resize(self.0.state(), block, old, new, NewBytes::Uninit) }
                    .map_err(|_| $($module)::+::AllocError)
            }
        }
    };
}

shared_methods!([A: ByteAllocator] AllocatorRc<'pool, A>);
#[cfg(target_has_atomic = "ptr")]
shared_methods!([A: ByteAllocator, R: RawMutex] AllocatorArc<'pool, A, R>);
