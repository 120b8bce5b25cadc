//! The heaps by name.

use std::alloc::{GlobalAlloc, System};
use std::sync::OnceLock;

use allocator::{
    ByteAllocator, DefaultLock, DenseByteAllocator, FineSlabByteAllocator, Growing, Locked, QuickByteAllocator,
    SlabByteAllocator, TlsfByteAllocator,
};
use talc::TalcLock;
use talc::source::Manual;

use super::frames::{self, Frames};

/// A heap that can be the program's.
pub(super) type Global = &'static (dyn GlobalAlloc + Sync);

/// A heap of the family as a program has it.
type OnFrames<A> = Locked<Growing<A, Frames>>;

/// A heap by name.
pub(super) struct Heap {
    pub(super) name: &'static str,
    /// Makes the heap, once in a process; `None` where the system has no memory for it. Allocates nothing.
    pub(super) start: fn() -> Option<Global>,
}

/// The heap that all others are compared with.
pub(super) const BASE: &str = "slab-fine";

/// The heap of those who choose none.
pub(super) const SYSTEM: Heap = Heap { name: "system", start: || Some(&System) };

macro_rules! of_the_family {
    ($name:literal, $engine:ty, $make:expr) => {
        Heap {
            name: $name,
            start: || {
                static HEAP: OnceLock<OnFrames<$engine>> = OnceLock::new();
                growing(&HEAP, || $make)
            },
        }
    };
}

/// All heaps.
pub(super) const HEAPS: &[Heap] = &[
    of_the_family!("quick", QuickByteAllocator, QuickByteAllocator::new()),
    of_the_family!("dense", DenseByteAllocator, DenseByteAllocator::new()),
    of_the_family!("slab-fine", FineSlabByteAllocator, SlabByteAllocator::fine()),
    of_the_family!("tlsf", TlsfByteAllocator, TlsfByteAllocator::new()),
    Heap { name: "talc", start: talc },
    #[cfg(feature = "hosted")]
    Heap { name: "mimalloc", start: || Some(&mimalloc::MiMalloc) },
    #[cfg(feature = "hosted")]
    Heap { name: "jemalloc", start: || Some(&tikv_jemallocator::Jemalloc) },
    #[cfg(feature = "hosted")]
    Heap { name: "snmalloc", start: || Some(&snmalloc_rs::SnMalloc) },
    SYSTEM,
];

/// The names of all heaps.
#[must_use]
pub fn names() -> Vec<&'static str> {
    HEAPS.iter().map(|heap| heap.name).collect()
}

/// Puts a heap that grows out of the frames in its place.
fn growing<A: ByteAllocator + Send + 'static>(
    place: &'static OnceLock<OnFrames<A>>,
    engine: fn() -> A,
) -> Option<Global> {
    let frames = frames::frames()?;
    Some(place.get_or_init(|| {
        // SAFETY: the frames are memory for as long as the process, with exposed provenance. Nobody else has the page
        // allocator. The engine has no memory, and is the adapter's alone.
        Locked::new(unsafe { Growing::new(engine(), frames) })
    }))
}

/// `talc` has the whole mapping at once, as it writes to no more of it than it hands out.
fn talc() -> Option<Global> {
    static HEAP: TalcLock<DefaultLock, Manual> = TalcLock::new(Manual);
    let memory = frames::memory()?;
    // SAFETY: the mapping is the heap's alone, for as long as the process.
    unsafe { HEAP.lock().claim(memory.cast().as_ptr(), memory.len()) }?;
    Some(&HEAP)
}
