//! The slab heap over every set of classes and every backing, alone and in a heap that grows, beside a model of it.

#![no_main]

mod memory;
mod model;
mod program;

use allocator::{
    AllocResult, BuddyByteAllocator, BuddyPageAllocator, ByteAllocator, FineClasses, Growing, Growth, PageAllocator,
    PageBacked, PowerOfTwoClasses, RadixPageAllocator, SizeClasses, SlabByteAllocator, TlsfByteAllocator,
};
use libfuzzer_sys::fuzz_target;

use model::run;
use program::{Backing, Classes, Program};

/// What runs a program: a slab heap, or one that grows.
trait Heap: ByteAllocator {
    type Classes: SizeClasses;
    type Backing: ByteAllocator;

    /// Whether it takes pages when it has run out of memory.
    const GROWS: bool;

    fn slab(&self) -> &SlabByteAllocator<Self::Classes, Self::Backing>;

    /// The same; `None` where it cannot be reached.
    fn slab_mut(&mut self) -> Option<&mut SlabByteAllocator<Self::Classes, Self::Backing>>;

    /// Hands a region of pages over, to a heap that grows.
    ///
    /// # Safety
    ///
    /// As for `Growing::add_pages`.
    unsafe fn add_pages(&mut self, start: usize, size: usize) -> Option<AllocResult>;
}

impl<C: SizeClasses, B: ByteAllocator> Heap for SlabByteAllocator<C, B> {
    type Classes = C;
    type Backing = B;

    const GROWS: bool = false;

    fn slab(&self) -> &SlabByteAllocator<C, B> {
        self
    }

    fn slab_mut(&mut self) -> Option<&mut SlabByteAllocator<C, B>> {
        Some(self)
    }

    unsafe fn add_pages(&mut self, _: usize, _: usize) -> Option<AllocResult> {
        None
    }
}

impl<C: SizeClasses, B: ByteAllocator, P: PageAllocator> Heap for Growing<SlabByteAllocator<C, B>, P> {
    type Classes = C;
    type Backing = B;

    const GROWS: bool = true;

    fn slab(&self) -> &SlabByteAllocator<C, B> {
        self.bytes()
    }

    fn slab_mut(&mut self) -> Option<&mut SlabByteAllocator<C, B>> {
        None
    }

    unsafe fn add_pages(&mut self, start: usize, size: usize) -> Option<AllocResult> {
        // SAFETY: passed on from the caller.
        Some(unsafe { Growing::add_pages(self, start, size) })
    }
}

fn over<C: SizeClasses, B: ByteAllocator>(backing: fn() -> B, program: &Program) {
    let slab = || SlabByteAllocator::<C, B>::with_backing(backing());
    if program.growing {
        let growth = Growth { least: 2, most: 64, limit: usize::MAX };
        // SAFETY: the frames are the heap's alone, and memory.
        run(|| unsafe { Growing::with_growth(slab(), RadixPageAllocator::<4096>::new(), growth) }, program);
    } else {
        run(slab, program);
    }
}

/// A backing that has a page engine for itself.
fn page_backed<P>(pages: P) -> PageBacked<P> {
    // SAFETY: the engine is new, so all of its pages come through the adapter, as memory, and nobody else reaches it.
    unsafe { PageBacked::new(pages) }
}

fn of_classes<C: SizeClasses>(program: &Program) {
    match program.backing {
        Backing::Buddy => over::<C, _>(BuddyByteAllocator::new, program),
        Backing::Tlsf => over::<C, _>(TlsfByteAllocator::new, program),
        Backing::RadixPages => over::<C, _>(|| page_backed(RadixPageAllocator::<4096>::new()), program),
        Backing::BuddyPages => over::<C, _>(|| page_backed(BuddyPageAllocator::<256>::new()), program),
    }
}

fuzz_target!(|program: Program| match program.classes {
    Classes::PowerOfTwo => of_classes::<PowerOfTwoClasses>(&program),
    Classes::Fine => of_classes::<FineClasses>(&program),
});
