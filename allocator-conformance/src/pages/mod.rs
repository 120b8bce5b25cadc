//! The checks for [`PageAllocator`].

mod fixture;
mod lifecycle;
mod options;
mod programs;
mod regions;
mod runs;
mod shadow;
mod within;

use fixture::{Fixture, terrain};

use crate::checks::checks;
use allocator_core::PageAllocator;

pub use options::{PageOptions, Placement};

/// One `#[test]` for each check of the [`PageAllocator`] contract, in a module of the given name.
///
/// The expression makes a fresh allocator without memory; it is evaluated more than once in most checks. For an
/// allocator that is too large for a stack it can be a `&'static mut`. The third argument is a
/// [`PageOptions`](crate::PageOptions), the default one where it is left out.
#[macro_export]
macro_rules! page_conformance {
    ($name:ident, $make:expr $(,)?) => {
        $crate::page_conformance!($name, $make, $crate::PageOptions::default());
    };
    ($name:ident, $make:expr, $options:expr $(,)?) => {
        $crate::__page_checks!($crate::__conformance_tests, pages, $name, $make, $options);
    };
}

/// The table of all checks.
#[doc(hidden)]
#[macro_export]
macro_rules! __page_checks {
    ($macro:path, $($context:tt)*) => {
        $macro! {
            [
                /// Without memory there is nothing to be had, and nothing panics.
                before_init,
                /// `init` works once, and its region is what the statistics say.
                init_once,
                /// `add_memory` can give the first region, and `init` then comes too late.
                add_memory_first,
                /// Regions that hold no page or do not exist are refused before and after `init`, and do no harm.
                absurd_regions,
                /// Uneven ends of a region are trimmed inward.
                trimmed_regions,
                /// Whatever overlaps memory that the allocator has is refused and changes nothing.
                overlapping_regions,
                /// Many disjoint regions: every page of each is used, none can be given again.
                many_regions,
                /// Parameters that make no sense are refused and change nothing.
                bad_parameters,
                /// Single pages up to the last, given back in any order.
                single_pages,
                /// Runs of any length with alignments below and far above it.
                aligned_runs,
                /// Runs never cross a hole; adjacent regions are one.
                runs_and_holes,
                /// The very pages asked for, or a refusal.
                pages_at,
                /// A run within a range of addresses, or a refusal where there is none.
                runs_within,
                /// Every page can be had by naming the range that it is alone in.
                every_page_within,
                /// Ranges that are empty, and parameters that make no sense beside a range, change nothing.
                bad_ranges,
                /// All pages lie within the span.
                span_has_all_pages,
                /// What is not allocated cannot be given back, and trying changes nothing.
                wrong_frees,
                /// A run can be given back in parts, in any order.
                partial_frees,
                /// A random program of single pages and short runs.
                random_short,
                /// A random program of runs of all lengths and alignments.
                random_long,
                /// After everything is freed, the largest run that fitted at first fits again.
                largest_fits_again,
                /// An allocator that is lent, or moved, is the same allocator.
                lent_allocator,
            ]
            $($context)*
        }
    };
}

/// All checks under one roof for the table.
mod all {
    pub(super) use super::lifecycle::*;
    pub(super) use super::programs::*;
    pub(super) use super::regions::*;
    pub(super) use super::runs::*;
    pub(super) use super::within::*;
}

__page_checks!(checks, "pages", PageAllocator, PageOptions, all);
