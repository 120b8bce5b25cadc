use core::ptr::NonNull;

use super::*;
use crate::error;
use crate::layout::{NO_POWER_OF_TWO, TOO_LARGE, TOO_SMALL, WORD_BITS};
use crate::locks::NoLock;

const HEADER: usize = size_of::<Header>().next_multiple_of(align_of::<usize>());

/// A source that takes as much of the state as a reference.
struct Source(#[expect(dead_code, reason = "for its size")] usize);

// SAFETY: it gives nothing.
unsafe impl SlabSource for Source {
    fn alloc_slab(&self, _: Layout) -> Option<NonNull<u8>> {
        None
    }

    unsafe fn free_slab(&self, _: NonNull<u8>, _: Layout) -> error::Result<()> {
        Ok(())
    }
}

struct Lock<const SIZE: usize>([u8; SIZE]);

// SAFETY: never used.
unsafe impl<const SIZE: usize> LockTrait for Lock<SIZE> {
    type Guard<'a> = ();

    const RELEASE_IS_LAST: bool = true;

    fn init() -> Self {
        Self([0; SIZE])
    }

    fn lock(&self) {}
}

type Checked<T, const LOCK: usize, const SLAB_SIZE: usize> = Parameters<T, Lock<LOCK>, SLAB_SIZE, Source>;

/// What holds for each layout: things do not overlap, and there are as many slots as fit.
fn check_layout<T, const LOCK: usize, const SLAB_SIZE: usize>() {
    let layout = Checked::<T, LOCK, SLAB_SIZE>::CHECKED.unwrap();
    let (slots, first) = (layout.slots as usize, layout.first_of_primary.get() as usize);
    assert_eq!(layout.slots_at + slots * layout.slot_size, SLAB_SIZE);
    assert!(
        layout.slots_at.is_multiple_of(align_of::<T>()) && layout.slot_size.is_multiple_of(align_of::<T>()),
        "{layout:?}"
    );
    assert!(layout.slot_size >= size_of::<T>().max(layout.link_size));
    let aligned = layout.slots_at.is_multiple_of(layout.link_size) && layout.slot_size.is_multiple_of(layout.link_size);
    assert!(aligned || !layout.link_is_aligned, "{layout:?}");
    assert!(
        layout.live_words * WORD_BITS >= slots && HEADER + layout.live_words * size_of::<usize>() <= layout.slots_at
    );
    let state_end = layout.state_at + size_of::<PoolState<Lock<LOCK>, Source>>();
    assert!(
        layout.state_at >= HEADER + layout.live_words * size_of::<usize>()
            && layout.state_at.is_multiple_of(align_of::<usize>())
    );
    assert!(state_end <= layout.slots_at + first * layout.slot_size, "the state reaches into the first slot");
    assert!(first == 0 || state_end > layout.slots_at + (first - 1) * layout.slot_size, "a slot more would fit");
    assert!(slots - first >= 2);
    // What is neither slots nor their bits is too little for a slot more and its bit.
    assert!(
        layout.slots_at - HEADER - layout.live_words * size_of::<usize>() < layout.slot_size + size_of::<usize>(),
        "{layout:?}"
    );
    if usize::BITS == 64 {
        assert!(state_end - layout.live_words * 8 <= 128, "header and state take {state_end} bytes");
    }
}

/// What the documentation says of them.
#[test]
#[cfg(target_pointer_width = "64")]
fn header_and_state_are_as_small_as_promised() {
    assert_eq!((HEADER, size_of::<PoolState<Lock<16>, Source>>()), (48, 80));
}

#[test]
fn every_size_of_value_has_its_place() {
    macro_rules! check_all {
        ($($value:ty),*) => {$(
            check_layout::<$value, 0, 512>();
            check_layout::<$value, 16, 512>();
            check_layout::<$value, 1, 4096>();
            check_layout::<$value, 1, 65536>();
            check_layout::<$value, 16, 131_072>();
            check_layout::<$value, 16, 262_144>();
        )*};
    }
    check_all!(
        (),
        u8,
        [u8; 3],
        u16,
        u32,
        [u8; 5],
        [u16; 3],
        u64,
        [u8; 31],
        u128,
        [u64; 8],
        [u8; 77],
        [u8; 180],
        [u64; 0]
    );
}

#[test]
fn what_just_fits_is_accepted_and_a_byte_more_is_not() {
    // Header, one word of live bits, state.
    const OWN: usize = HEADER + size_of::<usize>() + size_of::<PoolState<Lock<16>, Source>>();
    check_layout::<[u8; (1024 - OWN) / 2], 16, 1024>();
    assert_eq!(Checked::<[u8; (1024 - OWN) / 2 + 1], 16, 1024>::CHECKED.unwrap_err(), TOO_SMALL);
    assert_eq!(Checked::<u8, 16, 64>::CHECKED.unwrap_err(), TOO_SMALL);
    assert_eq!(Checked::<u8, 16, 1>::CHECKED.unwrap_err(), TOO_SMALL);
}

#[test]
fn what_makes_no_sense_has_a_message() {
    #[repr(align(8192))]
    struct Wide;
    assert_eq!(Checked::<u64, 16, 4095>::CHECKED.unwrap_err(), NO_POWER_OF_TWO);
    assert_eq!(Checked::<u64, 16, 0>::CHECKED.unwrap_err(), NO_POWER_OF_TWO);
    assert_eq!(Checked::<u64, 17, 4096>::CHECKED.unwrap_err(), LARGE_LOCK);
    assert_eq!(Checked::<Wide, 16, 4096>::CHECKED.unwrap_err(), TOO_SMALL);
    assert_eq!(Checked::<u64, 16, { 1 << (usize::BITS - 1) }>::CHECKED.unwrap_err(), TOO_LARGE);
}

#[test]
fn a_link_is_as_small_as_the_slab_allows() {
    assert_eq!(Checked::<u8, 16, 131_072>::CHECKED.unwrap().slot_size, 2);
    assert_eq!(Checked::<u8, 16, 262_144>::CHECKED.unwrap().slot_size, 4);
    assert!(Checked::<(), 16, 131_072>::CHECKED.unwrap().slots < u32::from(u16::MAX));
}

#[test]
fn other_layouts_have_other_magic() {
    let magics = [
        Checked::<u64, 16, 4096>::LAYOUT.magic,
        Checked::<u32, 16, 4096>::LAYOUT.magic,
        Checked::<[u16; 4], 16, 4096>::LAYOUT.magic,
        Checked::<u64, 0, 4096>::LAYOUT.magic,
        Checked::<u64, 16, 8192>::LAYOUT.magic,
        Parameters::<u64, NoLock, 512, Source>::LAYOUT.magic,
    ];
    for (index, magic) in magics.iter().enumerate() {
        assert!(*magic != 0 && !magics[..index].contains(magic));
    }
}
