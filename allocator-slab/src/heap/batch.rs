//! Many blocks of one layout in one call.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use allocator_core::ByteAllocator;

use super::SlabByteAllocator;
use crate::chunk::ClassIndex;
use crate::classes::SizeClasses;

impl<C: SizeClasses, B: ByteAllocator> SlabByteAllocator<C, B> {
    /// Takes slots of a class, each for a request of `size` bytes: a whole list at a time, then what a refill of the list
    /// gives. O(1) a slot, and what the refills cost.
    pub(super) fn alloc_slots<'o>(
        &mut self,
        class: ClassIndex,
        size: usize,
        out: &'o mut [MaybeUninit<NonNull<u8>>],
    ) -> &'o mut [NonNull<u8>] {
        let mut len = 0;
        loop {
            len += self.slabs.as_mut()[class.get()].alloc_batch(&mut out[len..]);
            if len == out.len() || self.refill(class).is_err() {
                break;
            }
        }
        self.slabs.as_mut()[class.get()].track_requested(size.wrapping_mul(len));
        // SAFETY: the slab has written the first `len` entries.
        unsafe { initialized(&mut out[..len]) }
    }

    /// Takes blocks that no class serves, one by one.
    pub(super) fn alloc_large_batch<'o>(
        &mut self,
        layout: Layout,
        out: &'o mut [MaybeUninit<NonNull<u8>>],
    ) -> &'o mut [NonNull<u8>] {
        let mut len = 0;
        while len < out.len()
            && let Some(block) = self.alloc_large(layout)
        {
            out[len].write(block);
            len += 1;
        }
        // SAFETY: the first `len` entries were written just now.
        unsafe { initialized(&mut out[..len]) }
    }
}

/// The entries of a batch, as what they are.
///
/// # Safety
///
/// All of `entries` are initialised.
unsafe fn initialized(entries: &mut [MaybeUninit<NonNull<u8>>]) -> &mut [NonNull<u8>] {
    // SAFETY: `MaybeUninit<T>` has the layout of `T`; initialised, as the caller promises, and borrowed mutably.
    unsafe { &mut *(core::ptr::from_mut(entries) as *mut [NonNull<u8>]) }
}
