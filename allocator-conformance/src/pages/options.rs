//! What page allocators may do differently from each other.

use crate::runs::Runs;

/// Which of the free runs within a range `alloc_pages_in` hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Any of them.
    Any,
    /// The one with the lowest address.
    Lowest,
}

/// What a page allocator may do differently from others.
///
/// # Examples
///
/// ```
/// use allocator_conformance::{PageOptions, Runs};
///
/// // A buddy allocator with its metadata elsewhere.
/// let options = PageOptions { runs: Runs::PowerOfTwo, memory_untouched: true, ..Default::default() };
/// assert!(options.joins_adjacent_regions);
/// ```
#[derive(Clone, Debug)]
pub struct PageOptions {
    /// Which runs the allocator must find. Default: any.
    pub runs: Runs,
    /// Which of the runs within a range `alloc_pages_in` hands out. Default: any.
    pub placement: Placement,
    /// Whether adjacent regions serve one run together. Default: yes.
    pub joins_adjacent_regions: bool,
    /// Whether the allocator promises to never touch what it manages. Default: no; the suite then writes into the pages
    /// that it was handed out.
    pub memory_untouched: bool,
    /// Whether the allocator takes regions below the first. Default: yes. No for an allocator that covers a window which
    /// starts at the first region.
    pub covers_below_first: bool,
}

impl Default for PageOptions {
    fn default() -> Self {
        Self {
            runs: Runs::Any,
            placement: Placement::Any,
            joins_adjacent_regions: true,
            memory_untouched: false,
            covers_below_first: true,
        }
    }
}
