//! The allocators of hosted programs, which take their memory from the operating system.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use super::ByteHeap;

/// A name for an allocator that is the whole program's.
pub(crate) trait Global: GlobalAlloc + 'static {
    /// Its name on the command line.
    const NAME: &'static str;
    /// The allocator.
    const ALLOCATOR: Self;
}

macro_rules! globals {
    ($($name:literal: $allocator:path;)*) => {
        $(impl Global for $allocator {
            const NAME: &'static str = $name;
            const ALLOCATOR: Self = $allocator;
        })*
    };
}

globals! {
    "mimalloc": mimalloc::MiMalloc;
    "jemalloc": tikv_jemallocator::Jemalloc;
    "snmalloc": snmalloc_rs::SnMalloc;
    "system": std::alloc::System;
}

pub(super) type Mimalloc = Hosted<mimalloc::MiMalloc>;
pub(super) type Jemalloc = Hosted<tikv_jemallocator::Jemalloc>;
pub(super) type Snmalloc = Hosted<snmalloc_rs::SnMalloc>;
pub(super) type System = Hosted<std::alloc::System>;

/// An allocator that takes no notice of the pool.
pub(crate) struct Hosted<G>(G);

// SAFETY: that is the contract of a `GlobalAlloc`.
unsafe impl<G: Global> ByteHeap for Hosted<G> {
    const NAME: &'static str = G::NAME;
    const IN_POOL: bool = false;

    unsafe fn new(_: NonNull<[u8]>) -> Option<Self> {
        Some(Self(G::ALLOCATOR))
    }

    #[inline]
    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { self.0.alloc(layout) })
    }

    #[inline]
    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as promised.
        unsafe { self.0.dealloc(block.as_ptr(), layout) }
    }

    #[inline]
    unsafe fn realloc(&mut self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
        // SAFETY: as promised.
        NonNull::new(unsafe { self.0.realloc(block.as_ptr(), layout, new_size) })
    }
}
