//! The heaps of this family, and those of others; each with the feature of its name.

use core::ptr::NonNull;

#[cfg(any(feature = "small", feature = "dense", feature = "quick", feature = "tlsf", feature = "slab"))]
pub mod ours;
pub mod peers;

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
        $do_it!($crate::engines::peers::LinkedList);
        #[cfg(feature = "talc")]
        $do_it!($crate::engines::peers::Talc);
        #[cfg(feature = "rlsf")]
        $do_it!($crate::engines::peers::Rlsf);
        #[cfg(feature = "embedded-llff")]
        $do_it!($crate::engines::peers::EmbeddedLlff);
        #[cfg(feature = "embedded-tlsf")]
        $do_it!($crate::engines::peers::EmbeddedTlsf);
        #[cfg(feature = "buddy-system")]
        $do_it!($crate::engines::peers::BuddySystem);
    };
}

/// The address of a pool, for heaps that take one.
#[cfg_attr(not(feature = "all"), expect(dead_code, reason = "not every heap takes an address"))]
fn start_of(pool: NonNull<[u8]>) -> usize {
    pool.cast::<u8>().as_ptr().expose_provenance()
}
