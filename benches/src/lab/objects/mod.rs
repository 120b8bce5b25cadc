//! Allocators of objects of one type: taken in pairs, a million at a time, and given back by another thread.

mod caches;
mod chunks;
#[cfg(feature = "hosted")]
mod hosted;
mod remote;
#[cfg(test)]
mod tests;
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

/// A round of the workload in which another thread gives the objects back; see [`remote`].
type Remote = fn(objects: usize) -> Measurement;

/// Something to do with each allocator of objects.
pub trait ObjectVisitor {
    /// With this one; with what measures it freed from another thread, or why that cannot be.
    fn visit<O: ObjectCache + 'static>(&mut self, remote: Result<Remote, &'static str>);
}

/// The allocators of objects that this build has, in the order of the report's tables.
pub fn visit_caches(visitor: &mut impl ObjectVisitor) {
    visitor.visit::<caches::SlabSlots>(Err("a slab has no lock: its owner alone gives slots back"));
    visitor.visit::<caches::Attachable>(Ok(remote::freed_elsewhere::<caches::AttachableShared>));
    #[cfg(feature = "hosted")]
    {
        visitor.visit::<hosted::Mimalloc>(Ok(remote::freed_elsewhere::<hosted::Mimalloc>));
        visitor.visit::<hosted::Jemalloc>(Ok(remote::freed_elsewhere::<hosted::Jemalloc>));
        visitor.visit::<hosted::Snmalloc>(Ok(remote::freed_elsewhere::<hosted::Snmalloc>));
        visitor.visit::<hosted::System>(Ok(remote::freed_elsewhere::<hosted::System>));
    }
    visitor.visit::<caches::Floor>(Err("the floor is for one thread"));
}
