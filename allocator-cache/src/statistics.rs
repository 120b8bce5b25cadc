//! [`SlabStatistics`], what a cache has and how much of it is used.

/// What a cache has and how much of it is used, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlabStatistics {
    /// The number of slots of all slabs.
    pub total_slots: usize,
    /// The number of live slots. Each belongs to a box, or to a pointer that [`into_raw`](crate::SlabBox::into_raw) gave.
    pub used_slots: usize,
    /// The number of slabs, the primary included. A slab that a thread is about to give back is not counted.
    pub slabs: usize,
    /// The memory of the slabs: `slabs` times the size of a slab.
    pub bytes: usize,
    /// How often the source refused to take a slab back. The cache keeps such a slab.
    pub refused_slabs: usize,
    /// How often the cache found free memory overwritten, or a free slot freed again. A count above 0 means that the
    /// program that uses the cache has a bug.
    pub faults: usize,
}

impl SlabStatistics {
    /// The number of slots that the cache can hand out before it asks the source for a further slab.
    #[must_use]
    pub const fn available_slots(&self) -> usize {
        self.total_slots.saturating_sub(self.used_slots)
    }
}
