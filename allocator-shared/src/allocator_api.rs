//! The body of every implementation of the `Allocator` traits: from their calls to those of a [`ByteAllocator`].
//!
//! The traits differ from a [`ByteAllocator`] in three points:
//!
//! - They hand out blocks of size 0. Here such a block is an aligned address, and the engine is not called.
//! - A block may change its alignment when it grows or shrinks. Engines choose by alignment where a block comes from, so
//!   that block moves.
//! - They return the size of a block. Here it is the size asked for, so that one layout fits the block, the one that the
//!   engine knows.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use allocator_core::address::widen;
use allocator_core::{AllocResult, ByteAllocator};
use lock_api::RawMutex;

use crate::locked::Locked;

/// What the bytes hold that a call adds to a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewBytes {
    /// Anything.
    Uninit,
    /// Zeroes.
    Zero,
}

/// Allocates a block of exactly `layout.size()` bytes: the engine's `alloc` or `alloc_zeroed`, and two tests.
///
/// # Errors
///
/// Those of [`ByteAllocator::alloc`].
#[inline]
pub fn allocate<A: ByteAllocator + ?Sized>(
    engine: &mut A,
    layout: Layout,
    new_bytes: NewBytes,
) -> AllocResult<NonNull<[u8]>> {
    if layout.size() == 0 {
        return Ok(NonNull::slice_from_raw_parts(dangling(layout), 0));
    }
    let block = match new_bytes {
        NewBytes::Uninit => engine.alloc(layout),
        NewBytes::Zero => engine.alloc_zeroed(layout),
    }?;
    Ok(NonNull::slice_from_raw_parts(block, layout.size()))
}

/// Gives a block back: the engine's `dealloc` and a test.
///
/// # Safety
///
/// The block came from this engine through the functions of this module, has not been given back since, and fits `layout`.
#[inline]
pub unsafe fn deallocate<A: ByteAllocator + ?Sized>(engine: &mut A, block: NonNull<u8>, layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: as its size is not 0, the block came from the engine; the rest is passed on from the caller.
        unsafe { engine.dealloc(block, layout) };
    }
}

/// Makes a block larger or smaller: the engine's `realloc` and a few tests.
///
/// A block that shrinks, and finds no smaller place to move to, stays where it is if the engine can do that.
///
/// # Errors
///
/// Those of [`ByteAllocator::realloc`]. The block is untouched then.
///
/// # Safety
///
/// As for [`deallocate`], with `old` for the layout.
#[inline]
pub unsafe fn resize<A: ByteAllocator + ?Sized>(
    engine: &mut A,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
    new_bytes: NewBytes,
) -> AllocResult<NonNull<[u8]>> {
    if old.size() == 0 || new.size() == 0 || old.align() != new.align() {
        // SAFETY: passed on from the caller.
        return unsafe { replace(engine, block, old, new, new_bytes) };
    }
    // SAFETY: as its size is not 0, the block came from the engine; the rest is passed on from the caller.
    let resized = match unsafe { engine.realloc(block, old, new.size()) } {
        // SAFETY: as above; `realloc` has failed, so the block is as it was.
        Err(_) if new.size() < old.size() => unsafe { engine.realloc_in_place(block, old, new.size()) },
        resized => resized,
    }?;
    if new_bytes == NewBytes::Zero && old.size() < new.size() {
        // SAFETY: the block is `new.size()` bytes large.
        unsafe { resized.add(old.size()).write_bytes(0, new.size() - old.size()) };
    }
    Ok(NonNull::slice_from_raw_parts(resized, new.size()))
}

/// Allocates a block for `new`, copies the contents of the old one into it, and gives the old one back.
///
/// # Safety
///
/// As for [`resize`].
unsafe fn replace<A: ByteAllocator + ?Sized>(
    engine: &mut A,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
    new_bytes: NewBytes,
) -> AllocResult<NonNull<[u8]>> {
    let replacement = allocate(engine, new, new_bytes)?;
    // SAFETY: both blocks are live, so they are apart, and each has at least the smaller of the two sizes.
    unsafe { replacement.cast::<u8>().copy_from_nonoverlapping(widen(block), old.size().min(new.size())) };
    // SAFETY: passed on from the caller.
    unsafe { deallocate(engine, block, old) };
    Ok(replacement)
}

/// The address of a block of size 0.
fn dangling(layout: Layout) -> NonNull<u8> {
    // An alignment is never 0, so neither is the address.
    NonNull::new(ptr::without_provenance_mut(layout.align())).unwrap_or(NonNull::dangling())
}

/// Implements the `Allocator` of the module `$module` for a handle to a shared engine. Not part of the public API: it is for
/// the crates of this family.
///
/// # Safety
///
/// The handle has a method `unsafe fn with_engine<T>(&self, call: impl FnOnce(&mut E) -> T) -> T`, where
///
/// - `E` is a [`ByteAllocator`], the same one for all clones of the handle, and not moved with the handle;
/// - its regions last as long as the handle or any clone of it;
/// - the contract of `with_engine` asks no more of `call` than that it calls nothing but methods of the engine.
#[doc(hidden)]
#[macro_export]
macro_rules! __implement_allocator {
    (unsafe impl $($module:ident)::+, [$($bounds:tt)*] $handle:ty) => {
        const _: () = {
            use ::core::alloc::Layout;
            use ::core::ptr::NonNull;

            use $crate::allocator_api::{NewBytes, allocate, deallocate, resize};

            // SAFETY: blocks come from the engine, which promises that they are apart and lie in its regions. The caller of
            // this macro promises that the regions last as long as the handle and its clones, that moving the handle does
            // not move the engine, and that clones have the same engine. Blocks of size 0 are addresses only.
            unsafe impl<$($bounds)*> $($module)::+::Allocator for $handle {
                #[inline]
                fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, $($module)::+::AllocError> {
                    // SAFETY: nothing but methods of the engine is called.
                    unsafe { self.with_engine(|engine| allocate(engine, layout, NewBytes::Uninit)) }
                        .map_err(|_| $($module)::+::AllocError)
                }

                #[inline]
                fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, $($module)::+::AllocError> {
                    // SAFETY: nothing but methods of the engine is called.
                    unsafe { self.with_engine(|engine| allocate(engine, layout, NewBytes::Zero)) }
                        .map_err(|_| $($module)::+::AllocError)
                }

                #[inline]
                unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                    // SAFETY: nothing but methods of the engine is called; the rest is passed on from the caller.
                    unsafe { self.with_engine(|engine| deallocate(engine, block, layout)) }
                }

                #[inline]
                unsafe fn grow(
                    &self,
                    block: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, $($module)::+::AllocError> {
                    // SAFETY: nothing but methods of the engine is called; the rest is passed on from the caller.
                    unsafe { self.with_engine(|engine| resize(engine, block, old, new, NewBytes::Uninit)) }
                        .map_err(|_| $($module)::+::AllocError)
                }

                #[inline]
                unsafe fn grow_zeroed(
                    &self,
                    block: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, $($module)::+::AllocError> {
                    // SAFETY: nothing but methods of the engine is called; the rest is passed on from the caller.
                    unsafe { self.with_engine(|engine| resize(engine, block, old, new, NewBytes::Zero)) }
                        .map_err(|_| $($module)::+::AllocError)
                }

                #[inline]
                unsafe fn shrink(
                    &self,
                    block: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, $($module)::+::AllocError> {
                    // SAFETY: nothing but methods of the engine is called; the rest is passed on from the caller.
                    unsafe { self.with_engine(|engine| resize(engine, block, old, new, NewBytes::Uninit)) }
                        .map_err(|_| $($module)::+::AllocError)
                }
            }
        };
    };
}

impl<A, R> Locked<A, R> {
    /// Calls `call` with the engine that a reference to this value is, each of whose methods takes the lock by itself.
    ///
    /// # Safety
    ///
    /// None; [`__implement_allocator`] expects the keyword.
    #[inline]
    unsafe fn with_engine<T>(&self, call: impl FnOnce(&mut &Self) -> T) -> T {
        call(&mut &*self)
    }
}

// SAFETY: all copies of the reference lead to the same engine. The caller who gave it memory (`Locked::init`,
// `Locked::add_memory`, `Locked::with_mut`, or `init` before the engine was locked) promised that the memory lasts as long as
// the engine can be reached.
__implement_allocator!(unsafe impl allocator_api2::alloc, [A: ByteAllocator, R: RawMutex] &Locked<A, R>);
// SAFETY: as above.
#[cfg(feature = "nightly")]
__implement_allocator!(unsafe impl core::alloc, [A: ByteAllocator, R: RawMutex] &Locked<A, R>);
