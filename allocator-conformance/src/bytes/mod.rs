//! The checks for [`ByteAllocator`].

mod accounts;
mod answers;
mod batches;
mod contents;
mod edges;
mod exhaustion;
mod fills;
mod fixture;
mod growth;
mod in_place;
mod layouts;
mod lifecycle;
mod options;
mod programs;
mod realloc;
mod regions;
mod shadow;

use fixture::{Fixture, terrain};

use crate::checks::checks;
use allocator_core::ByteAllocator;

pub use options::ByteOptions;

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
                /// `realloc_in_place` never moves a block and keeps its contents, and its neighbours'.
                in_place_keeps_contents,
                /// `realloc_in_place` that cannot be served changes nothing; a smaller size in the same block is served.
                in_place_refused,
                /// `alloc_batch` gives a prefix of good blocks, which `dealloc_batch` takes back with any others.
                batches,
                /// A batch stops short only where there is no memory for one more block.
                batches_in_a_full_pool,
                /// `trim` says what it gave back, harms no live block, and keeps the statistics right.
                trim_harms_nothing,
                /// A region that is released is one that was given, has nothing live in it, and is the caller's again.
                released_regions,
                /// A fresh allocator serves a request out of the region that it wants for it.
                region_for_first,
                /// A full allocator serves a request out of one more region, the one that it wants for it.
                region_for_more,
                /// Where an allocator says that no region helps, none does.
                region_for_nothing,
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
                /// Where one byte is refused, at most one percent is available.
                nothing_left_over,
                /// Asked for statistics or not, an allocator gives the same answers.
                asking_changes_nothing,
                /// Regions that are refused change no later answer.
                refused_regions_change_nothing,
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
                /// An allocator that is lent gives the answers that it gives itself.
                lent_answers,
            ]
            $($context)*
        }
    };
}

/// All checks under one roof for the table.
mod all {
    pub(super) use super::answers::*;
    pub(super) use super::batches::*;
    pub(super) use super::edges::*;
    pub(super) use super::exhaustion::*;
    pub(super) use super::growth::*;
    pub(super) use super::in_place::*;
    pub(super) use super::lifecycle::*;
    pub(super) use super::programs::*;
    pub(super) use super::realloc::*;
    pub(super) use super::regions::*;
}

__byte_checks!(checks, "bytes", ByteAllocator, ByteOptions, all);
