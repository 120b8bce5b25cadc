//! What byte allocators may do differently from each other.

/// What a byte allocator may do differently from others.
///
/// # Examples
///
/// ```
/// use allocator_conformance::ByteOptions;
///
/// // A heap of pages of its own, which keeps their metadata in the region, too.
/// let options = ByteOptions { min_first_region: 64 << 10, ..Default::default() };
/// assert!(options.trims_regions);
/// ```
#[derive(Clone, Debug)]
pub struct ByteOptions {
    /// The smallest size of the first region, in bytes, a power of two of at least 4096. Default: 32 KiB.
    pub min_first_region: usize,
    /// Whether the allocator takes regions whose ends are not page-aligned, and trims them. Default: yes. No for an
    /// allocator that is documented to be strict.
    pub trims_regions: bool,
    /// Whether `realloc` to a smaller size may be refused because the heap is full. Default: no. Yes for an allocator
    /// that keeps smaller blocks elsewhere than larger ones.
    pub shrink_may_fail: bool,
    /// The size of the largest block there can be, in bytes, at least 8 KiB. Default: no bound but the memory. Less for
    /// an allocator that is documented to have a bound which does not grow with the memory.
    pub largest_block: usize,
    /// Whether memory that blocks of one size gave back may be of no use to blocks of another size. Default: no. Yes for
    /// an allocator that cuts chunks into slots of one size, where a single live slot keeps a chunk.
    pub chunks_keep_their_size: bool,
    /// How much of a pool may be available where one byte is refused, in percent of `total`. Default: 1, which the
    /// contract allows. More for an allocator over a package that prevents it, documented there.
    pub most_left_over: usize,
}

impl Default for ByteOptions {
    fn default() -> Self {
        Self {
            min_first_region: 32 << 10,
            trims_regions: true,
            shrink_may_fail: false,
            largest_block: usize::MAX,
            chunks_keep_their_size: false,
            most_left_over: 1,
        }
    }
}
