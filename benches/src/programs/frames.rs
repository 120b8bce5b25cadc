//! The memory that heaps grow into: page frames of a large mapping, of which only what a heap writes to becomes resident.

use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::OnceLock;

use allocator::{Locked, RadixPageAllocator};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

use crate::lab::memory::PAGE_SIZE;

/// How large the mapping is. Without a reserve, that is address space and no more.
const BYTES: usize = 16 << 30;

/// The page frames, as a heap has them.
pub(super) type Frames = &'static Locked<RadixPageAllocator<'static, PAGE_SIZE>>;

/// A mapping of so many bytes that are 0, for the caller alone; `None` where the system has none.
fn map(bytes: usize) -> Option<NonNull<u8>> {
    let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
    // SAFETY: a mapping at an address that the system chooses replaces nothing.
    let start =
        unsafe { mmap_anonymous(None, NonZeroUsize::new(bytes)?, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, flags) };
    start.ok().map(NonNull::cast)
}

/// The memory for one heap: the whole mapping. `None` where the system has none. Allocates nothing.
pub(super) fn memory() -> Option<NonNull<[u8]>> {
    let start = map(BYTES)?;
    // The heaps make pointers of addresses.
    let _ = start.as_ptr().expose_provenance();
    Some(NonNull::slice_from_raw_parts(start, BYTES))
}

/// The frames of the memory, which one heap of the process takes from. What the engine keeps about them is in a mapping of its
/// own, so that a frame that no heap has taken is not resident. `None` where the system has no memory. Allocates nothing.
pub(super) fn frames() -> Option<Frames> {
    static FRAMES: OnceLock<Locked<RadixPageAllocator<'static, PAGE_SIZE>>> = OnceLock::new();
    let words = RadixPageAllocator::<PAGE_SIZE>::metadata_words(BYTES / PAGE_SIZE);
    let (memory, metadata) = (memory()?, map(words * size_of::<u64>())?);
    // SAFETY: the mapping has so many words, which are 0, for as long as the process, and nobody else has it.
    let metadata = unsafe { NonNull::slice_from_raw_parts(metadata.cast::<u64>(), words).as_mut() };
    let frames = FRAMES.get_or_init(|| Locked::new(RadixPageAllocator::with_metadata(metadata)));
    // SAFETY: the mapping is nobody else's, and stays for as long as the process.
    unsafe { frames.init(memory.addr().get(), memory.len()) }.ok()?;
    Some(frames)
}
