//! [`Grid`], where things lie in a slab, computed and checked when compiling; [`Config`], what a cache is made of.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::{MaybeUninit, align_of, size_of};

use super::header::Header;
use super::hierarchy::Root;
use super::locks::{LockTrait, MAX_LOCK_SIZE};
use super::sources::SlabSource;

/// Where things lie in the slabs of a cache; offsets and sizes are bytes from the start of the slab.
///
/// ```text
///   0         HEADER      root              start   start + slot                            SLAB_SIZE
///   ┌────────┬───────────┬─────────────────┬───────┬───────┬───────┬─────────────────┬───────┐
///   │ header │ state     │ root            │   0   │   1   │   2   │       ...       │slots-1│
///   │        │ one bit a │ in the primary  │       │       │       │                 │       │
///   │        │ slot      │ slab only       │       │       │       │                 │       │
///   └────────┴───────────┴─────────────────┴───────┴───────┴───────┴─────────────────┴───────┘
/// ```
///
/// The grid is the same for all slabs of a cache, and ends with the slab. Those of its slots on which the root lies do not
/// exist in the primary slab: its first one is `first_of_primary`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// The size of a slab, a power of two, and its alignment.
    pub(super) slab_size: usize,
    /// The size of a slot: that of a value, at least that of an index, and a multiple of the value's alignment.
    pub(super) slot: usize,
    /// The size of the index in a free slot: 2 or 4.
    pub(super) link: usize,
    /// Whether slots are aligned for an index of that size.
    pub(super) link_is_aligned: bool,
    /// How many slots a secondary slab has; at least 2.
    pub(super) slots: u32,
    /// Where slot 0 is.
    pub(super) start: usize,
    /// How many words of state there are: a bit for each slot.
    pub(super) words: usize,
    /// Where the root lies.
    pub(super) root: usize,
    /// The first slot of the primary slab. The primary has at least 2.
    pub(super) first_of_primary: u32,
}

/// Bits of a word of state.
pub(super) const WORD_BITS: usize = usize::BITS as usize;
/// Where the words of state begin.
pub(super) const HEADER: usize = size_of::<Header>().next_multiple_of(align_of::<super::sync::AtomicUsize>());

const NO_POWER: &str = "SLAB_SIZE is not a power of two";
const LARGE_LOCK: &str = "the lock is larger than 16 bytes";
const NO_ROOM: &str = "SLAB_SIZE has no room for the header and two slots";
const TOO_LARGE: &str = "SLAB_SIZE is so large that slots cannot be counted";
const NO_ATOMICS: &str = "this target has no atomic read-modify-write: the lock's RELEASE_IS_LAST must be true";

impl Grid {
    /// Lays out a slab for these values, with a root like that in the primary, or says why that cannot be.
    const fn new(slab_size: usize, value: Layout, root: Layout) -> Result<Self, &'static str> {
        if !slab_size.is_power_of_two() {
            return Err(NO_POWER);
        }
        if slab_size > isize::MAX as usize {
            return Err(TOO_LARGE);
        }
        // A slab of 2^17 bytes has fewer than 2^16 slots of 2 bytes.
        let link = if slab_size <= 1 << 17 { 2 } else { 4 };
        let size = if value.size() < link { link } else { value.size() };
        let Some(slot) = size.checked_next_multiple_of(value.align()) else { return Err(NO_ROOM) };
        let Some(slots) = Self::fitting(slab_size, slot) else { return Err(NO_ROOM) };
        if slots >= u32::MAX as usize {
            return Err(TOO_LARGE);
        }
        let start = slab_size - slots * slot;
        let words = slots.div_ceil(WORD_BITS);
        let Some(root_at) = Self::state_end(slots).checked_next_multiple_of(root.align()) else { return Err(NO_ROOM) };
        let Some(root_end) = root_at.checked_add(root.size()) else { return Err(NO_ROOM) };
        let first_of_primary = root_end.saturating_sub(start).div_ceil(slot);
        if first_of_primary + 2 > slots {
            return Err(NO_ROOM);
        }
        Ok(Self {
            slab_size,
            slot,
            link,
            link_is_aligned: value.align() >= link,
            slots: slots as u32,
            start,
            words,
            root: root_at,
            first_of_primary: first_of_primary as u32,
        })
    }

    /// Where the words of state for so many slots end.
    const fn state_end(slots: usize) -> usize {
        HEADER + slots.div_ceil(WORD_BITS) * size_of::<super::sync::AtomicUsize>()
    }

    /// How many slots fit behind the header and their state.
    const fn fitting(slab_size: usize, slot: usize) -> Option<usize> {
        let Some(room) = slab_size.checked_sub(HEADER) else { return None };
        // At first as if the state were a bit for each slot; it is whole words.
        let mut slots = (room as u128 * 8 / (slot as u128 * 8 + 1)) as usize;
        while slots > 0 && Self::state_end(slots) + slots * slot > slab_size {
            slots -= 1;
        }
        if slots == 0 { None } else { Some(slots) }
    }

    /// A number that caches of other shapes do not have in their headers, most likely.
    const fn magic(&self, value: Layout, root: Layout) -> usize {
        let parts = [self.slab_size, self.slot, value.size(), value.align(), root.size(), self.root];
        // As FNV-1a, a word at a time, and rotated, so that the high bits of the product reach the low ones of the next.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut index = 0;
        while index < parts.len() {
            hash = (hash ^ parts[index] as u64).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
            index += 1;
        }
        // Odd, and a slab's address is even: together they are never 0, which is what a slab has that was given back.
        (hash as usize) | 1
    }
}

/// What a cache is made of.
pub(super) trait Config: Sized {
    type Lock: LockTrait;
    type Source: SlabSource;
    const GRID: Grid;
    /// What is asked of the source.
    const SLAB: Layout;
    /// What the header of a slab at address `a` has as its magic is this, exclusive or `a`.
    const MAGIC: usize;
}

/// The [`Config`] of a cache of values of type `T`. That of `MaybeUninit<T>` is the same.
pub(super) struct Shape<T, L, const SLAB_SIZE: usize, S>(PhantomData<(T, L, S)>);

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Shape<T, L, SLAB_SIZE, S> {
    const VALUE: Layout = Layout::new::<MaybeUninit<T>>();
    const ROOT: Layout = Layout::new::<Root<L, S>>();

    /// The grid, or what is wrong with the parameters.
    const CHECKED: Result<Grid, &'static str> = {
        // Loom's atomics are larger than those that they stand for.
        if size_of::<L>() > MAX_LOCK_SIZE && !cfg!(loom) {
            Err(LARGE_LOCK)
        } else if !L::RELEASE_IS_LAST && cfg!(not(target_has_atomic = "ptr")) {
            Err(NO_ATOMICS)
        } else {
            Grid::new(SLAB_SIZE, Self::VALUE, Self::ROOT)
        }
    };
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Config for Shape<T, L, SLAB_SIZE, S> {
    type Lock = L;
    type Source = S;

    const GRID: Grid = match Self::CHECKED {
        Ok(grid) => grid,
        Err(why) => panic!("{}", why),
    };

    const SLAB: Layout = match Layout::from_size_align(Self::GRID.slab_size, Self::GRID.slab_size) {
        Ok(layout) => layout,
        Err(_) => panic!("{}", TOO_LARGE),
    };

    const MAGIC: usize = Self::GRID.magic(Self::VALUE, Self::ROOT);
}

#[cfg(all(test, not(loom)))]
mod tests;
