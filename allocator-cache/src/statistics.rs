//! [`SlabStatistics`], what a cache has and what of it is used.

/// What a cache has, and what of it is used, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlabStatistics {
    /// The slots of all slabs.
    pub total_slots: usize,
    /// Those that are live: as many as there are boxes, and pointers out of boxes.
    pub used_slots: usize,
    /// How many slabs there are, the primary included. One that a thread is about to give back is not counted.
    pub slabs: usize,
    /// What they take: `slabs` times the size of a slab.
    pub bytes: usize,
    /// How often the source did not take a slab back, which the cache then has kept.
    pub refused_slabs: usize,
    /// How often free memory was found overwritten, or a slot was given back that was free. Such a count above 0 is a bug
    /// of the program that uses the cache.
    pub faults: usize,
}

impl SlabStatistics {
    /// The slots that can be taken before the source is asked for a further slab.
    #[must_use]
    pub const fn available_slots(&self) -> usize {
        self.total_slots - self.used_slots
    }
}
