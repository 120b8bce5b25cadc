//! [`SlabLayout`], the layout of a slab, computed and checked at compile time; [`SlotIndex`], the number of a slot.

use core::alloc::Layout;
use core::fmt;
use core::mem::{align_of, size_of};

use crate::sync::AtomicUsize;

/// The number of a slot in its slab. Slot 0 is the first that a secondary slab has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub(crate) struct SlotIndex(u32);

impl SlotIndex {
    #[inline(always)]
    pub(crate) const fn new(index: u32) -> Self {
        Self(index)
    }

    #[inline(always)]
    pub(crate) const fn get(self) -> u32 {
        self.0
    }

    /// The slot behind this one.
    #[inline(always)]
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// All slots from this one up to `end`, without `end`.
    pub(crate) fn up_to(self, end: Self) -> impl DoubleEndedIterator<Item = Self> {
        (self.0..end.0).map(Self)
    }
}

impl fmt::Debug for SlotIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {}", self.0)
    }
}

/// The layout of the slabs of a cache. Offsets and sizes are bytes; offsets count from the start of the slab.
///
/// ```text
///   0        live_bits_at     state_at         slots_at                                 slab_size
///   ┌────────┬────────────────┬────────────────┬───────┬───────┬───────┬───────────────┬───────┐
///   │ header │ live bits, one │ state of the   │ slot 0│ slot 1│ slot 2│      ...      │ slot  │
///   │        │ for each slot  │ pool, in the   │       │       │       │               │slots-1│
///   │        │                │ primary only   │       │       │       │               │       │
///   └────────┴────────────────┴────────────────┴───────┴───────┴───────┴───────────────┴───────┘
/// ```
///
/// All slabs of a cache have their slots at the same offsets, and the last slot ends where the slab ends. The state of the
/// pool may reach over `slots_at`: the primary slab lacks the slots that the state covers, and its first slot is
/// `first_of_primary`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlabLayout {
    /// The size of a slab, a power of two, and its alignment.
    pub(crate) slab_size: usize,
    /// The size of a slot: at least that of a value and that of a link, and a multiple of the value's alignment.
    pub(crate) slot_size: usize,
    /// The size of a link, the index that a free slot holds: 2 or 4.
    pub(crate) link_size: usize,
    /// Whether slots are aligned for a link.
    pub(crate) link_is_aligned: bool,
    /// The number of slots of a secondary slab; at least 2.
    pub(crate) slots: u32,
    /// The offset of slot 0.
    pub(crate) slots_at: usize,
    /// The offset of the live bits.
    pub(crate) live_bits_at: usize,
    /// The number of words of live bits.
    pub(crate) live_words: usize,
    /// The offset of the state of the pool.
    pub(crate) state_at: usize,
    /// The first slot of the primary slab, which has at least 2 slots.
    pub(crate) first_of_primary: SlotIndex,
    /// A number that caches of other layouts most likely do not have. The magic of the slab at address `a` is this number
    /// xor `a`.
    pub(crate) magic: usize,
}

/// The number of bits of a word of live bits.
pub(crate) const WORD_BITS: usize = usize::BITS as usize;

pub(crate) const NO_POWER_OF_TWO: &str = "SLAB_SIZE is not a power of two";
pub(crate) const TOO_SMALL: &str = "SLAB_SIZE is too small for the header and two slots";
pub(crate) const TOO_LARGE: &str = "SLAB_SIZE is so large that slots cannot be counted";

impl SlabLayout {
    /// Lays out slabs of `slab_size` bytes with such a header, such values and such a state of the pool; or says why that
    /// is not possible.
    pub(crate) const fn new(
        slab_size: usize,
        header: Layout,
        value: Layout,
        state: Layout,
    ) -> Result<Self, &'static str> {
        if !slab_size.is_power_of_two() {
            return Err(NO_POWER_OF_TWO);
        }
        if slab_size > isize::MAX as usize {
            return Err(TOO_LARGE);
        }
        // A slab of 2^17 bytes has fewer than 2^16 slots of 2 bytes.
        let link_size = if slab_size <= 1 << 17 { 2 } else { 4 };
        let size = if value.size() < link_size { link_size } else { value.size() };
        let Some(slot_size) = size.checked_next_multiple_of(value.align()) else { return Err(TOO_SMALL) };
        let live_bits_at = header.size().next_multiple_of(align_of::<AtomicUsize>());
        let Some(slots) = fitting_slots(slab_size, live_bits_at, slot_size) else { return Err(TOO_SMALL) };
        if slots >= u32::MAX as usize {
            return Err(TOO_LARGE);
        }
        let slots_at = slab_size - slots * slot_size;
        let live_bits_end = live_bits_at + live_bits_size(slots);
        let Some(state_at) = live_bits_end.checked_next_multiple_of(state.align()) else { return Err(TOO_SMALL) };
        let Some(state_end) = state_at.checked_add(state.size()) else { return Err(TOO_SMALL) };
        let first_of_primary = state_end.saturating_sub(slots_at).div_ceil(slot_size);
        if first_of_primary + 2 > slots {
            return Err(TOO_SMALL);
        }
        // What the pointer arithmetic of a slab relies on. A slab is aligned to its size.
        assert!(header.align() <= slab_size && align_of::<AtomicUsize>() <= slab_size);
        assert!(live_bits_at.is_multiple_of(align_of::<AtomicUsize>()));
        assert!(state.align() <= slab_size && state_at.is_multiple_of(state.align()));
        assert!(slots_at.is_multiple_of(value.align()) && slot_size.is_multiple_of(value.align()));
        let link_is_aligned = value.align() >= link_size;
        assert!(!link_is_aligned || slots_at.is_multiple_of(link_size) && slot_size.is_multiple_of(link_size));
        assert!(live_bits_end <= slots_at && state_end <= slots_at + first_of_primary * slot_size);
        Ok(Self {
            slab_size,
            slot_size,
            link_size,
            link_is_aligned,
            slots: slots as u32,
            slots_at,
            live_bits_at,
            live_words: slots.div_ceil(WORD_BITS),
            state_at,
            first_of_primary: SlotIndex::new(first_of_primary as u32),
            magic: magic([slab_size, slot_size, value.size(), value.align(), state.size(), state_at]),
        })
    }

    /// The memory that a cache asks the source for.
    pub(crate) const fn block(&self) -> Layout {
        match Layout::from_size_align(self.slab_size, self.slab_size) {
            Ok(layout) => layout,
            Err(_) => panic!("{}", TOO_LARGE),
        }
    }

    /// The index behind the last slot.
    #[inline(always)]
    pub(crate) const fn end(&self) -> SlotIndex {
        SlotIndex::new(self.slots)
    }
}

/// The number of bytes that the live bits of so many slots take.
const fn live_bits_size(slots: usize) -> usize {
    slots.div_ceil(WORD_BITS) * size_of::<AtomicUsize>()
}

/// The number of slots that a slab has space for behind its header and their live bits.
const fn fitting_slots(slab_size: usize, live_bits_at: usize, slot_size: usize) -> Option<usize> {
    let Some(space) = slab_size.checked_sub(live_bits_at) else { return None };
    // This counts one live bit a slot. The live bits are whole words, so it may be too many.
    let mut slots = (space as u128 * 8 / (slot_size as u128 * 8 + 1)) as usize;
    while slots > 0 && live_bits_size(slots) + slots * slot_size > space {
        slots -= 1;
    }
    if slots == 0 { None } else { Some(slots) }
}

/// A hash of the parts: FNV-1a, a word at a time, rotated so that the high bits of a product reach the low bits of the
/// next.
const fn magic(parts: [usize; 6]) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut index = 0;
    while index < parts.len() {
        hash = (hash ^ parts[index] as u64).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        index += 1;
    }
    // An odd number xor a slab's even address is not 0, which is the magic of a slab that was given back.
    (hash as usize) | 1
}

/// A type that stands for the layout of the slabs of a cache.
pub(crate) trait Geometry: Sized {
    const LAYOUT: SlabLayout;
}
