//! The parameters of `rlsf`, and the sizes of its blocks and pools.
//!
//! The package has no public method for the size of a block, so this module computes it from the layout of blocks. A block
//! takes a whole number of granules of [`GRANULARITY`] bytes, at a multiple of that. A live block starts with a header of
//! half a granule. The payload follows the header if its alignment is less than a granule. Else the payload stands at the
//! next aligned address, and the word before it holds the address of the header:
//!
//! ```text
//!   align < GRANULARITY                        align >= GRANULARITY
//!   │ header │ payload ......... │             │ header │ padding │ &header │ payload ......... │
//!   └─ half a granule            └─ granule    └─ overhead: a multiple of a granule ┘           └─ granule
//! ```
//!
//! The first word of a header holds the size of the block, and in its lowest bit whether the block is live. The tests compare
//! all this with the package's own walk over the blocks.

use core::alloc::Layout;
use core::mem::size_of;
use core::ptr::NonNull;

use allocator_core::Region;
use allocator_core::address::align_up;
use rlsf::GRANULARITY;

/// The header of a live block, in bytes.
const HEADER: usize = GRANULARITY / 2;

/// The bit of a block's size, the first word of its header, that is set iff the block is live or a sentinel.
const USED: usize = 1;

/// The largest pool, in bytes: the largest that `rlsf` lists with `fl` first levels, or the largest object that there can be. A
/// larger region becomes several pools side by side.
const fn max_pool(fl: usize) -> usize {
    let largest_listed = (GRANULARITY as u128) << fl;
    let largest_object = isize::MAX as usize & !(GRANULARITY - 1);
    if largest_listed < largest_object as u128 { largest_listed as usize } else { largest_object }
}

/// The smallest pool, in bytes: one granule to hand out, and the sentinel that ends the pool.
pub(crate) const MIN_POOL: usize = 2 * GRANULARITY;

/// The largest pool at the start of `region`, whose ends are multiples of a granule, that `rlsf` lists with `fl` first levels;
/// `None` if the region is too small for any.
pub(crate) fn first_pool(region: Region, fl: usize) -> Option<Region> {
    let size = region.size().min(max_pool(fl));
    if size < MIN_POOL { None } else { Region::new(region.start(), size).ok() }
}

/// The bytes of a pool that can be handed out: all but its sentinel.
pub(crate) fn bytes_to_hand_out(pool: Region) -> usize {
    pool.size() - GRANULARITY
}

/// `bytes` rounded up to a whole number of granules; `None` past the address space.
const fn in_granules(bytes: usize) -> Option<usize> {
    align_up(bytes, GRANULARITY)
}

/// The bytes of payload that a block for `layout` has room for; `None` if no block can be as large.
pub(crate) fn usable_bytes(layout: Layout) -> Option<usize> {
    let size = layout.size().max(1);
    if layout.align() < GRANULARITY {
        Some(in_granules(size.checked_add(HEADER)?)? - HEADER)
    } else {
        in_granules(size)
    }
}

/// The size of the smallest pool from which an empty `rlsf` with `fl` first and `sl` second levels surely serves a request for
/// `layout`; `None` where none is large enough.
///
/// The search looks at the lists of blocks that all fit: those of the request's size, with the most that header and padding
/// can take, rounded up to the next of the second levels.
pub(crate) fn pool_for(layout: Layout, fl: usize, sl: usize) -> Option<usize> {
    let overhead = layout.align().max(HEADER);
    let size = in_granules(layout.size().max(1).checked_add(overhead)?)?;
    let second_level = (1 << size.ilog2()) / sl;
    let listed = align_up(size, second_level.max(GRANULARITY))?;
    let pool = listed.checked_add(GRANULARITY)?;
    (pool <= max_pool(fl)).then_some(pool)
}

/// The bytes that the live block at `payload` takes, header and padding included.
///
/// # Safety
///
/// The block came from `rlsf`, is live and fits `layout`; the pointer may be used to read what lies before it.
#[inline]
pub(crate) unsafe fn block_bytes(payload: NonNull<u8>, layout: Layout) -> usize {
    // SAFETY: passed on from the caller.
    in_block(unsafe { overhead(payload, layout) }, layout.size())
}

/// What there is to know of a live block, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measures {
    /// In front of the payload: header and padding.
    pub(crate) overhead: usize,
    /// The block, and the free block behind it if there is one: the most that the block can become where it is.
    pub(crate) room: usize,
}

/// Measures the live block at `payload`.
///
/// # Safety
///
/// As for [`block_bytes`]; the pointer may be used to read what lies behind the block, too.
pub(crate) unsafe fn measure(payload: NonNull<u8>, layout: Layout) -> Measures {
    // SAFETY: passed on from the caller.
    let overhead = unsafe { overhead(payload, layout) };
    let block = in_block(overhead, layout.size());
    // SAFETY: the block ends there, and another one follows, at least the sentinel; its size is its first word.
    let behind = unsafe { payload.add(block - overhead).cast::<usize>().read() };
    Measures { overhead, room: if behind & USED == 0 { block + behind } else { block } }
}

/// The bytes of a block for `size` bytes of payload behind `overhead` bytes. This does not overflow: the size is that of a
/// layout whose alignment, rounded up to a granule, is at least the overhead less the header.
#[inline]
pub(crate) const fn in_block(overhead: usize, size: usize) -> usize {
    (overhead + if size > 0 { size } else { 1 } + GRANULARITY - 1) & !(GRANULARITY - 1)
}

/// The bytes in front of the payload of a live block: its header and padding.
///
/// # Safety
///
/// As for [`block_bytes`].
#[inline]
unsafe fn overhead(payload: NonNull<u8>, layout: Layout) -> usize {
    let overhead = if layout.align() < GRANULARITY {
        HEADER
    } else {
        // SAFETY: with this alignment, the word before the payload holds the address of the block's header.
        let header = unsafe { payload.cast::<NonNull<u8>>().sub(1).read() };
        payload.as_ptr().addr() - header.as_ptr().addr()
    };
    debug_assert!(overhead >= HEADER && overhead <= layout.align().max(GRANULARITY) + HEADER);
    overhead
}

const _: () = assert!(HEADER >= size_of::<usize>(), "the address of the header must fit before the payload");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_cut_into_pools_that_are_objects() {
        let high = usize::MAX & !(GRANULARITY - 1);
        for (start, end) in
            [(GRANULARITY, high), (4096, 4096 + MIN_POOL), (high / 2, high), (4096, 4096 + max_pool(28))]
        {
            let mut rest = Region::between(start, end & !(GRANULARITY - 1)).ok();
            let mut pools = 0;
            while let Some(pool) = rest.and_then(|rest| first_pool(rest, 28)) {
                assert!(pool.size() >= MIN_POOL && pool.size() <= isize::MAX as usize);
                assert!(pool.size() % GRANULARITY == 0 && bytes_to_hand_out(pool) == pool.size() - GRANULARITY);
                rest = Region::between(pool.end(), rest.unwrap().end()).ok();
                pools += 1;
                if pools == 5 {
                    break;
                }
            }
            assert!(pools == 5 || rest.is_none_or(|rest| rest.size() < MIN_POOL));
            assert!(pools > 0);
        }
        assert_eq!(first_pool(Region::new(4096, MIN_POOL - GRANULARITY).unwrap(), 28), None);
    }
}
