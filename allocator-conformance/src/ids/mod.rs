//! The checks for [`IdAllocator`].

mod checks;
mod fixture;
mod options;
mod shadow;
mod taken;

use fixture::{Fixture, terrain};

use crate::checks::checks;
use allocator_core::IdAllocator;

pub use options::IdOptions;

/// One `#[test]` for each check of the [`IdAllocator`] contract, in a module of the given name.
///
/// The expression makes a fresh allocator; it is evaluated more than once in some checks. For an allocator that is too
/// large for a stack it can be a `&'static mut`. The third argument is an
/// [`IdOptions`](crate::IdOptions), the default one where it is left out.
#[macro_export]
macro_rules! id_conformance {
    ($name:ident, $make:expr $(,)?) => {
        $crate::id_conformance!($name, $make, $crate::IdOptions::default());
    };
    ($name:ident, $make:expr, $options:expr $(,)?) => {
        $crate::__id_checks!($crate::__conformance_tests, ids, $name, $make, $options);
    };
}

/// The table of all checks.
#[doc(hidden)]
#[macro_export]
macro_rules! __id_checks {
    ($macro:path, $($context:tt)*) => {
        $macro! {
            [
                /// All ids of a new allocator are free.
                fresh_allocator,
                /// Every id can be had, once, and had again when it was given back.
                every_id,
                /// Runs of ids lie side by side and start at a multiple of the alignment.
                aligned_runs,
                /// The very id asked for, or a refusal.
                fixed_ids,
                /// What is not allocated cannot be given back, and trying changes nothing.
                wrong_frees,
                /// A run can be given back in parts, in any order.
                partial_frees,
                /// Parameters that make no sense are refused and change nothing.
                bad_parameters,
                /// A random program.
                random_program,
                /// After everything is freed, all ids together can be had as at first.
                all_free_again,
                /// An allocator that is lent is the same allocator.
                lent_allocator,
            ]
            $($context)*
        }
    };
}

__id_checks!(checks, "ids", IdAllocator, IdOptions, checks);
