//! The parameters of `rlsf`, and how large a block it makes for a request with them.
//!
//! The package does not tell block sizes, but they follow from how it lays a block out. Blocks are multiples of
//! [`GRANULARITY`] at multiples of it. A live block starts with a header of half a granule; the payload follows, or,
//! where its alignment is a granule or more, stands at the next aligned address, with the address of the header in the
//! word before it:
//!
//! ```text
//!   align < GRANULARITY                        align >= GRANULARITY
//!   │ header │ payload ......... │             │ header │ padding │ &header │ payload ......... │
//!   └─ half a granule            └─ granule    └─ overhead: a multiple of a granule ┘           └─ granule
//! ```
//!
//! The tests compare the sums with a walk over the blocks.

use core::alloc::Layout;
use core::mem::size_of;
use core::ptr::NonNull;

use rlsf::GRANULARITY;

/// First levels: powers of two of block sizes, from one granule up.
pub(crate) const FIRST_LEVELS: usize = 28;

/// Second levels: equal steps in each power of two.
pub(crate) const SECOND_LEVELS: usize = 32;

/// The header of a live block, in bytes.
const HEADER: usize = GRANULARITY / 2;

/// The largest pool that `rlsf` makes with 28 first levels, if that is a limit at all on this target. Larger regions
/// become several pools side by side.
const MAX_POOL: Option<usize> = {
    let max_pool = (GRANULARITY as u128) << FIRST_LEVELS;
    if max_pool <= usize::MAX as u128 { Some(max_pool as usize) } else { None }
};

/// The smallest pool: one granule to hand out, and the sentinel that ends the pool.
pub(crate) const MIN_POOL: usize = 2 * GRANULARITY;

/// What can be handed out of `pool_bytes` bytes of pools made of one region: all but a sentinel for each pool.
pub(crate) fn bytes_to_hand_out(pool_bytes: usize) -> usize {
    let pools = MAX_POOL.map_or(1, |max_pool| pool_bytes.div_ceil(max_pool));
    pool_bytes - pools * GRANULARITY
}

/// `bytes` rounded up to granules; `None` past the address space.
const fn in_granules(bytes: usize) -> Option<usize> {
    allocator_core::address::align_up(bytes, GRANULARITY)
}

/// The payload that a block for `layout` has room for. `None` where no block can be as large.
pub(crate) fn usable_bytes(layout: Layout) -> Option<usize> {
    let size = layout.size().max(1);
    if layout.align() < GRANULARITY {
        Some(in_granules(size.checked_add(HEADER)?)? - HEADER)
    } else {
        in_granules(size)
    }
}

/// The bytes that the live block at `payload` takes, header and padding included.
///
/// # Safety
///
/// The block came from `rlsf`, is live and fits `layout`; the pointer may be used to read what lies before it.
#[inline]
pub(crate) unsafe fn block_bytes(payload: NonNull<u8>, layout: Layout) -> usize {
    let overhead = if layout.align() < GRANULARITY {
        HEADER
    } else {
        // SAFETY: with this alignment, the word before the payload holds the address of the block's header.
        let header = unsafe { payload.cast::<NonNull<u8>>().sub(1).read() };
        payload.as_ptr().addr() - header.as_ptr().addr()
    };
    debug_assert!(overhead >= HEADER && overhead <= layout.align().max(GRANULARITY) + HEADER);
    // A live block has been measured against the pool that it lies in: this does not overflow.
    (overhead + layout.size().max(1) + GRANULARITY - 1) & !(GRANULARITY - 1)
}

const _: () = assert!(HEADER >= size_of::<usize>(), "the address of the header must fit before the payload");
