//! The allocators of hosted programs, called as a `Box` calls them.

use std::alloc::Layout;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::{FreedAnywhere, Object, ObjectCache, SharedCache};
use crate::lab::bytes::Global;

pub(super) type Mimalloc = Boxed<mimalloc::MiMalloc>;
pub(super) type Jemalloc = Boxed<tikv_jemallocator::Jemalloc>;
pub(super) type Snmalloc = Boxed<snmalloc_rs::SnMalloc>;
pub(super) type System = Boxed<std::alloc::System>;

const LAYOUT: Layout = Layout::new::<Object>();

/// Objects on the heap of an allocator that is the whole program's.
pub(super) struct Boxed<G>(PhantomData<G>);

/// A live object of [`Boxed`].
pub(super) struct HeldBox(NonNull<u64>);

// SAFETY: it owns what it points to.
unsafe impl Send for HeldBox {}

impl<G: Global> ObjectCache for Boxed<G> {
    const NAME: &'static str = G::NAME;
    type Held = HeldBox;

    fn new() -> Option<Self> {
        Some(Self(PhantomData))
    }

    #[inline]
    fn alloc(&mut self, first: u64) -> Option<HeldBox> {
        // SAFETY: an object is not of size 0.
        let object = NonNull::new(unsafe { G::ALLOCATOR.alloc(LAYOUT) })?.cast::<u64>();
        // SAFETY: a fresh object.
        unsafe { object.write(first) };
        Some(HeldBox(object))
    }

    #[inline]
    fn free(&mut self, held: HeldBox) -> u64 {
        Self::free_here(held)
    }
}

impl<G: Global> FreedAnywhere for Boxed<G> {
    #[inline]
    fn free_here(held: HeldBox) -> u64 {
        // SAFETY: the object is live, and was written when it was taken.
        unsafe {
            let first = held.0.read();
            G::ALLOCATOR.dealloc(held.0.as_ptr().cast(), LAYOUT);
            first
        }
    }
}

impl<G: Global + Send + 'static> SharedCache for Boxed<G> {
    fn handle(&self) -> Self {
        Self(PhantomData)
    }
}
