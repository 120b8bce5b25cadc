//! From the engines' calls to those of the `Allocator` traits: the body of every implementation in this crate.
//!
//! The traits differ from a [`ByteAllocator`] in three points. They hand out blocks of size 0, which cost nothing here:
//! an aligned address, and no call of the engine. A block may change its alignment when it grows or shrinks; engines
//! choose by alignment where a block comes from, so it then has to move. And they tell how large a block is: exactly as
//! large as asked for, so that all layouts that fit are one, and the engine sees the layout that it knows.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use allocator_core::address::widen;
use allocator_core::{AllocResult, ByteAllocator};

use crate::handle::Access;

/// What the bytes hold that a call adds to a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewBytes {
    Uninit,
    Zero,
}

/// A new block. The engine's `alloc` and two tests.
#[inline]
pub(crate) fn allocate(state: &impl Access, layout: Layout, new_bytes: NewBytes) -> AllocResult<NonNull<[u8]>> {
    if layout.size() == 0 {
        return Ok(NonNull::slice_from_raw_parts(dangling(layout), 0));
    }
    // SAFETY: nothing but a method of the engine is called.
    let block = unsafe {
        state.with(|pools| match new_bytes {
            NewBytes::Uninit => pools.engine.alloc(layout),
            NewBytes::Zero => pools.engine.alloc_zeroed(layout),
        })
    }?;
    Ok(NonNull::slice_from_raw_parts(block, layout.size()))
}

/// Gives a block back. The engine's `dealloc` and a test.
///
/// # Safety
///
/// The block was handed out by this engine through these functions, has not been given back since, and fits `layout`.
#[inline]
pub(crate) unsafe fn deallocate(state: &impl Access, block: NonNull<u8>, layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: as its size is not 0, the block came from the engine; the rest is passed on from the caller.
        unsafe { state.with(|pools| pools.engine.dealloc(block, layout)) };
    }
}

/// Makes a block larger or smaller. On an error it is untouched.
///
/// # Safety
///
/// As for [`deallocate`], with `old` for the layout.
#[inline]
pub(crate) unsafe fn resize(
    state: &impl Access,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
    new_bytes: NewBytes,
) -> AllocResult<NonNull<[u8]>> {
    if old.size() == 0 || new.size() == 0 || old.align() != new.align() {
        // SAFETY: passed on from the caller.
        return unsafe { replace(state, block, old, new, new_bytes) };
    }
    // SAFETY: as its size is not 0, the block came from the engine; the rest is passed on from the caller. Nothing but
    // a method of the engine is called.
    let resized = unsafe { state.with(|pools| pools.engine.realloc(block, old, new.size())) }?;
    if new_bytes == NewBytes::Zero && old.size() < new.size() {
        // SAFETY: the block is `new.size()` bytes large.
        unsafe { resized.add(old.size()).write_bytes(0, new.size() - old.size()) };
    }
    Ok(NonNull::slice_from_raw_parts(resized, new.size()))
}

/// A new block with the contents of the old one, which is given back.
///
/// # Safety
///
/// As for [`resize`].
unsafe fn replace(
    state: &impl Access,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
    new_bytes: NewBytes,
) -> AllocResult<NonNull<[u8]>> {
    let replacement = allocate(state, new, new_bytes)?;
    // SAFETY: both blocks are live, so they are apart, and each has at least the smaller of the two sizes.
    unsafe { replacement.cast::<u8>().copy_from_nonoverlapping(widen(block), old.size().min(new.size())) };
    // SAFETY: passed on from the caller.
    unsafe { deallocate(state, block, old) };
    Ok(replacement)
}

/// An address for a block of size 0.
fn dangling(layout: Layout) -> NonNull<u8> {
    // An alignment is never 0, so the address is.
    NonNull::new(ptr::without_provenance_mut(layout.align())).unwrap_or(NonNull::dangling())
}
