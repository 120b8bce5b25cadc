//! The checks for [`ByteAllocator`].

mod bench;
mod contents;
mod exhaustion;
mod lifecycle;
mod misuse;
mod programs;
mod realloc;
mod regions;
mod shadow;

use bench::{Bench, terrain};

use super::config::Outcome;
use allocator_core::ByteAllocator;

/// What a byte allocator may do differently from others.
#[derive(Clone, Debug)]
pub struct ByteOptions {
    /// The smallest size of the first region, in bytes, a power of two of at least 4096: 32 KiB unless told otherwise.
    pub min_first_region: usize,
    /// Whether regions whose ends are not page-aligned are taken, and trimmed: yes, unless the allocator is documented
    /// to be strict.
    pub trims_regions: bool,
    /// Whether `realloc` to a smaller size may be refused because the heap is full: no, unless smaller blocks live
    /// elsewhere than larger ones.
    pub shrink_may_fail: bool,
    /// The size of the largest block there can be, in bytes, at least 8 KiB, where the allocator is documented to have
    /// one that does not grow with the memory.
    pub largest_block: usize,
}

impl Default for ByteOptions {
    fn default() -> Self {
        Self { min_first_region: 32 << 10, trims_regions: true, shrink_may_fail: false, largest_block: usize::MAX }
    }
}

/// One `#[test]` for each check of the [`ByteAllocator`] contract, in a module of the given name.
///
/// The expression makes a fresh allocator without memory; it is evaluated more than once in most checks. For an
/// allocator that is too large for a stack it can be a `&'static mut`. The third argument is a
/// [`ByteOptions`](crate::ByteOptions), the default one where it is left out.
#[macro_export]
macro_rules! byte_conformance {
    ($name:ident, $make:expr $(,)?) => {
        $crate::byte_conformance!($name, $make, $crate::ByteOptions::default());
    };
    ($name:ident, $make:expr, $options:expr $(,)?) => {
        $crate::__byte_checks!($crate::__conformance_tests, bytes, $name, $make, $options);
    };
}

/// The table of all checks.
#[doc(hidden)]
#[macro_export]
macro_rules! __byte_checks {
    ($macro:path, $($context:tt)*) => {
        $macro! {
            [
                /// Without memory there is nothing to be had, and nothing panics.
                before_init,
                /// `init` works once, and its region is what the statistics say.
                init_once,
                /// `add_memory` can give the first region, and `init` then comes too late.
                add_memory_first,
                /// Regions that are none are refused before and after `init`, and do no harm.
                absurd_regions,
                /// Whatever overlaps memory that the allocator has is refused and changes nothing.
                overlapping_regions,
                /// Many disjoint regions: every one is used, none can be given again.
                many_regions,
                /// Regions above, below and beside the first, with even and uneven ends, are all used, and only they.
                regions_anywhere,
                /// A random program of small blocks.
                random_tiny,
                /// A random program of blocks a byte below, at and above powers of two.
                random_borders,
                /// A random program of blocks of all sizes.
                random_mixed,
                /// A random program of blocks that are large for the pool.
                random_large,
                /// A random program of blocks with alignments up to 64 KiB.
                random_aligned,
                /// `alloc_zeroed` gives zeroes, in memory that was used before too.
                zeroed_is_zero,
                /// `realloc` keeps contents and alignment.
                realloc_keeps_contents,
                /// `realloc` that cannot be served leaves everything as it was.
                realloc_refused,
                /// All usable bytes can be used, and the block given back with any size that fits it.
                usable_bytes,
                /// At the end of the memory a refusal changes nothing, and a free block makes room again.
                exhaustion,
                /// As many blocks fit in the second time as in the first.
                refill,
                /// After everything is freed, the largest block that fitted at first fits again.
                largest_fits_again,
                /// What is used is counted once.
                counted_once,
                /// Layouts that nothing can serve are refused.
                hostile_layouts,
                /// Size 0 gives blocks of their own.
                zero_sizes,
                /// Pointers narrowed to the object in the block are good enough to give it back.
                narrowed_pointers,
                /// Blocks stay where they are while the allocator moves.
                moved_allocator,
                /// An allocator that is lent as `&mut A` or `&mut dyn` is the same allocator.
                lent_allocator,
            ]
            $($context)*
        }
    };
}

/// All checks under one roof for the table.
mod all {
    pub(super) use super::exhaustion::*;
    pub(super) use super::lifecycle::*;
    pub(super) use super::misuse::*;
    pub(super) use super::programs::*;
    pub(super) use super::realloc::*;
    pub(super) use super::regions::*;
}

__byte_checks!(checks, "bytes", ByteAllocator, ByteOptions, all);
