//! The heaps of this family, and those of others; each with the feature of its name.

#[cfg(feature = "buddy-system")]
pub mod buddy_system;
#[cfg(any(feature = "embedded-llff", feature = "embedded-tlsf"))]
pub mod embedded;
#[cfg(feature = "rlsf")]
pub mod few_levels;
#[cfg(feature = "linked-list")]
pub mod linked_list;
#[cfg(any(feature = "small", feature = "dense", feature = "quick", feature = "tlsf", feature = "slab"))]
pub mod ours;
#[cfg(feature = "talc")]
pub mod talc_cell;

/// Does something for each heap whose feature is on: `do_it!(Type);`.
#[macro_export]
macro_rules! for_each_engine {
    ($do_it:ident) => {
        #[cfg(feature = "small")]
        $do_it!($crate::engines::ours::Small);
        #[cfg(feature = "dense")]
        $do_it!($crate::engines::ours::Dense);
        #[cfg(feature = "quick")]
        $do_it!($crate::engines::ours::Quick);
        #[cfg(feature = "tlsf")]
        $do_it!($crate::engines::ours::Tlsf);
        #[cfg(feature = "slab")]
        $do_it!($crate::engines::ours::Slab);
        #[cfg(feature = "linked-list")]
        $do_it!($crate::engines::linked_list::LinkedList);
        #[cfg(feature = "talc")]
        $do_it!($crate::engines::talc_cell::Talc);
        #[cfg(feature = "rlsf")]
        $do_it!($crate::engines::few_levels::Rlsf);
        #[cfg(feature = "embedded-llff")]
        $do_it!($crate::engines::embedded::EmbeddedLlff);
        #[cfg(feature = "embedded-tlsf")]
        $do_it!($crate::engines::embedded::EmbeddedTlsf);
        #[cfg(feature = "buddy-system")]
        $do_it!($crate::engines::buddy_system::BuddySystem);
    };
}
