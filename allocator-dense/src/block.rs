//! What a free block holds.
//!
//! ```text
//!   one granule           two granules or more
//!   ┌────────┬────────┐   ┌────────┬────────┬────────┬───  ───┬────────┐
//!   │ next|1 │ prev|1 │   │ next   │ prev   │ size   │  ...   │ size   │
//!   └────────┴────────┘   └────────┴────────┴────────┴───  ───┴────────┘
//!   |<── granule ────>|   |<── granule ────>|
//! ```
//!
//! `next` and `prev` are the neighbours in the list of the block's class, 0 for none; `size` is in bytes. Sizes and links are
//! even, so an odd word is one of a block of one granule. The first word thus gives the size of the block that begins there,
//! the last word that of the block that ends there.
//!
//! A granule has at least two words. Where it has not two `usize` (8 bytes, on 64 bits), a word is a `u32`, and a link is the
//! distance to the neighbour.

use core::mem::size_of;

use crate::memory::{read, write};

/// The size of a granule is a unit of its own: the layout of a free block follows from it.
pub(crate) struct FreeBlock<const GRANULE: usize>(());

impl<const GRANULE: usize> FreeBlock<GRANULE> {
    /// Whether a word is a `usize`, and a link an address.
    const WIDE: bool = GRANULE >= 2 * size_of::<usize>();
    const WORD: usize = if Self::WIDE { size_of::<usize>() } else { size_of::<u32>() };
    /// By how many bytes two blocks can be apart at most.
    pub(crate) const REACH: usize = if Self::WIDE { usize::MAX } else { i32::MAX as usize };

    /// # Safety
    ///
    /// As for [`read`].
    #[inline]
    unsafe fn word(address: usize) -> usize {
        // SAFETY: passed on from the caller.
        unsafe { if Self::WIDE { read::<usize>(address) } else { read::<u32>(address) as usize } }
    }

    /// # Safety
    ///
    /// As for [`write`].
    #[inline]
    unsafe fn set_word(address: usize, value: usize) {
        // SAFETY: passed on from the caller.
        unsafe { if Self::WIDE { write::<usize>(address, value) } else { write::<u32>(address, value as u32) } }
    }

    /// The word for a link of `block` to `other`, which is 0 for none.
    #[inline]
    const fn link(block: usize, other: usize) -> usize {
        if Self::WIDE || other == 0 { other } else { other.wrapping_sub(block) as u32 as usize }
    }

    /// The block that a word of `block` links to, 0 for none.
    #[inline]
    const fn linked(block: usize, word: usize) -> usize {
        let link = word & !1;
        if Self::WIDE || link == 0 { link } else { block.wrapping_add(link as u32 as i32 as isize as usize) }
    }

    /// What is added to the words of links: whether the block is of one granule.
    #[inline]
    const fn tag(size: usize) -> usize {
        (size == GRANULE) as usize
    }

    /// Writes what a block holds that is the first of its list.
    ///
    /// # Safety
    ///
    /// The `size` bytes from `block` on, whole granules, are the engine's, and free.
    #[inline]
    pub(crate) unsafe fn write(block: usize, size: usize, next: usize) {
        // SAFETY: passed on from the caller.
        unsafe {
            Self::set_word(block, Self::link(block, next) | Self::tag(size));
            Self::set_word(block + GRANULE - Self::WORD, Self::tag(size));
            if size > GRANULE {
                Self::set_word(block + GRANULE, size);
                Self::set_word(block + size - Self::WORD, size);
            }
        }
    }

    /// The next block in the list, 0 for none.
    ///
    /// # Safety
    ///
    /// The block is in a list.
    #[inline]
    pub(crate) unsafe fn next(block: usize) -> usize {
        // SAFETY: passed on from the caller.
        Self::linked(block, unsafe { Self::word(block) })
    }

    /// The previous block in the list, 0 for none.
    ///
    /// # Safety
    ///
    /// The block is in a list.
    #[inline]
    pub(crate) unsafe fn prev(block: usize) -> usize {
        // SAFETY: passed on from the caller.
        Self::linked(block, unsafe { Self::word(block + GRANULE - Self::WORD) })
    }

    /// # Safety
    ///
    /// The block is free and has `size` bytes.
    #[inline]
    pub(crate) unsafe fn set_prev(block: usize, size: usize, prev: usize) {
        // SAFETY: passed on from the caller.
        unsafe { Self::set_word(block + GRANULE - Self::WORD, Self::link(block, prev) | Self::tag(size)) };
    }

    /// Takes a block out of its list: links its neighbours to each other, and returns them, the next one first.
    ///
    /// # Safety
    ///
    /// The block is in a list.
    #[inline]
    pub(crate) unsafe fn unlink(block: usize) -> (usize, usize) {
        // SAFETY: passed on from the caller. The blocks of a list are of one granule all or none, so the words of all have the
        // same tag; a word of 0 or a tag links to none.
        unsafe {
            let (next_word, prev_word) = (Self::word(block), Self::word(block + GRANULE - Self::WORD));
            let (next, prev) = (Self::linked(block, next_word), Self::linked(block, prev_word));
            let tag = next_word & 1;
            if next != 0 {
                let word = if Self::WIDE { prev_word } else { Self::link(next, prev) | tag };
                Self::set_word(next + GRANULE - Self::WORD, word);
            }
            if prev != 0 {
                let word = if Self::WIDE { next_word } else { Self::link(prev, next) | tag };
                Self::set_word(prev, word);
            }
            (next, prev)
        }
    }

    /// The size in bytes of the free block that begins at `start`.
    ///
    /// # Safety
    ///
    /// One in a list does.
    #[inline]
    pub(crate) unsafe fn size_from_start(start: usize) -> usize {
        // SAFETY: passed on from the caller; a block with an even word has a second granule.
        unsafe { if Self::word(start) & 1 != 0 { GRANULE } else { Self::word(start + GRANULE) } }
    }

    /// The size in bytes of the free block that ends at `end`.
    ///
    /// # Safety
    ///
    /// One in a list does.
    #[inline]
    pub(crate) unsafe fn size_from_end(end: usize) -> usize {
        // SAFETY: passed on from the caller.
        let word = unsafe { Self::word(end - Self::WORD) };
        if word & 1 != 0 { GRANULE } else { word }
    }
}
