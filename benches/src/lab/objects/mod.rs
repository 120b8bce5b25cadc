//! Allocators of objects of one type: taken in pairs, a million at a time, given back by another thread, and by
//! two threads at once.

mod caches;
mod chunks;
#[cfg(feature = "hosted")]
mod hosted;
#[cfg(test)]
mod tests;
mod threads;
pub mod workloads;

use crate::lab::Measurement;

/// What is allocated: 64 bytes.
pub type Object = [u64; 8];

/// What a trial does with an allocator of objects.
pub trait ObjectCache: Sized {
    /// Its name on the command line.
    const NAME: &'static str;
    /// A live object.
    type Held;

    /// A fresh cache, or `None` where there is no memory.
    fn new() -> Option<Self>;

    /// An object with this in its first word.
    fn alloc(&mut self, first: u64) -> Option<Self::Held>;

    /// Gives an object back, and says what its first word is.
    fn free(&mut self, held: Self::Held) -> u64;
}

/// An allocator whose objects any thread can give back.
pub trait FreedAnywhere: ObjectCache<Held: Send + 'static> {
    /// Gives an object back, on a thread that does not have the cache, and says what its first word is.
    fn free_here(held: Self::Held) -> u64;
}

/// An allocator of objects to which several threads have a handle.
pub trait SharedCache: FreedAnywhere + Send + 'static {
    /// Another handle to the same objects.
    fn handle(&self) -> Self;
}

/// A round of a workload with two threads, of so many objects.
type Round = fn(objects: usize) -> Measurement;

/// What two threads do with an allocator of objects.
pub struct Threads {
    freed_elsewhere: Round,
    both_at_once: Round,
}

impl Threads {
    fn with<O: SharedCache>() -> Self {
        Self { freed_elsewhere: threads::freed_elsewhere::<O>, both_at_once: threads::both_at_once::<O> }
    }
}

/// Something to do with each allocator of objects.
pub trait ObjectVisitor {
    /// Visits one allocator, with what measures it on two threads, or the reason why it has nothing of the kind.
    fn visit<O: ObjectCache + 'static>(&mut self, threads: Result<Threads, &'static str>);
}

/// The allocators of objects that this build has, in the order of the report's tables.
pub fn visit_caches(visitor: &mut impl ObjectVisitor) {
    visitor.visit::<caches::SlabSlots>(Err("a slab has no lock: its owner alone gives slots back"));
    visitor.visit::<caches::Cache>(Ok(Threads::with::<caches::CacheShared>()));
    visitor.visit::<caches::CacheShared>(Ok(Threads::with::<caches::CacheShared>()));
    visitor.visit::<caches::Attachable>(Ok(Threads::with::<caches::AttachableShared>()));
    #[cfg(feature = "hosted")]
    {
        visitor.visit::<hosted::Mimalloc>(Ok(Threads::with::<hosted::Mimalloc>()));
        visitor.visit::<hosted::Jemalloc>(Ok(Threads::with::<hosted::Jemalloc>()));
        visitor.visit::<hosted::Snmalloc>(Ok(Threads::with::<hosted::Snmalloc>()));
        visitor.visit::<hosted::System>(Ok(Threads::with::<hosted::System>()));
    }
    visitor.visit::<caches::Floor>(Err("the floor is for one thread"));
}
