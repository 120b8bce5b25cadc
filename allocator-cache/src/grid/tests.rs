use core::ptr::NonNull;

use super::*;
use crate::error;
use crate::locks::NoLock;

/// A source that takes as much of the root as a reference.
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

type Checked<T, const LOCK: usize, const SLAB_SIZE: usize> = Shape<T, Lock<LOCK>, SLAB_SIZE, Source>;

/// What holds for each grid: things do not overlap, and as many slots are there as fit.
fn look_at<T, const LOCK: usize, const SLAB_SIZE: usize>() {
    let grid = Checked::<T, LOCK, SLAB_SIZE>::CHECKED.unwrap();
    let (slots, first) = (grid.slots as usize, grid.first_of_primary as usize);
    assert_eq!(grid.start + slots * grid.slot, SLAB_SIZE);
    assert!(grid.start.is_multiple_of(align_of::<T>()) && grid.slot.is_multiple_of(align_of::<T>()), "{grid:?}");
    assert!(grid.slot >= size_of::<T>().max(grid.link));
    let aligned = grid.start.is_multiple_of(grid.link) && grid.slot.is_multiple_of(grid.link);
    assert!(aligned || !grid.link_is_aligned, "{grid:?}");
    assert!(grid.words * WORD_BITS >= slots && HEADER + grid.words * size_of::<usize>() <= grid.start);
    let root_end = grid.root + size_of::<Root<Lock<LOCK>, Source>>();
    assert!(grid.root >= HEADER + grid.words * size_of::<usize>() && grid.root.is_multiple_of(align_of::<usize>()));
    assert!(root_end <= grid.start + first * grid.slot, "the root reaches into the first slot");
    assert!(first == 0 || root_end > grid.start + (first - 1) * grid.slot, "a slot more would fit");
    assert!(slots - first >= 2);
    // What is neither slots nor their bits is too little for a slot more and its bit.
    assert!(grid.start - HEADER - grid.words * size_of::<usize>() < grid.slot + size_of::<usize>(), "{grid:?}");
    if usize::BITS == 64 {
        assert!(root_end - grid.words * 8 <= 128, "header and root take {root_end} bytes");
    }
}

/// What the documentation says of them.
#[test]
#[cfg(target_pointer_width = "64")]
fn header_and_root_are_as_small_as_promised() {
    assert_eq!((HEADER, size_of::<Root<Lock<16>, Source>>()), (48, 80));
}

#[test]
fn every_shape_of_value_has_its_place() {
    macro_rules! look {
        ($($value:ty),*) => {$(
            look_at::<$value, 0, 512>();
            look_at::<$value, 16, 512>();
            look_at::<$value, 1, 4096>();
            look_at::<$value, 1, 65536>();
            look_at::<$value, 16, 131_072>();
            look_at::<$value, 16, 262_144>();
        )*};
    }
    look!((), u8, [u8; 3], u16, u32, [u8; 5], [u16; 3], u64, [u8; 31], u128, [u64; 8], [u8; 77], [u8; 180], [u64; 0]);
}

#[test]
fn what_just_fits_is_accepted_and_a_byte_more_is_not() {
    // Header, one word of state, root.
    const OWN: usize = HEADER + size_of::<usize>() + size_of::<Root<Lock<16>, Source>>();
    look_at::<[u8; (1024 - OWN) / 2], 16, 1024>();
    assert_eq!(Checked::<[u8; (1024 - OWN) / 2 + 1], 16, 1024>::CHECKED.unwrap_err(), NO_ROOM);
    assert_eq!(Checked::<u8, 16, 64>::CHECKED.unwrap_err(), NO_ROOM);
    assert_eq!(Checked::<u8, 16, 1>::CHECKED.unwrap_err(), NO_ROOM);
}

#[test]
fn what_makes_no_sense_has_a_message() {
    #[repr(align(8192))]
    struct Wide;
    assert_eq!(Checked::<u64, 16, 4095>::CHECKED.unwrap_err(), NO_POWER);
    assert_eq!(Checked::<u64, 16, 0>::CHECKED.unwrap_err(), NO_POWER);
    assert_eq!(Checked::<u64, 17, 4096>::CHECKED.unwrap_err(), LARGE_LOCK);
    assert_eq!(Checked::<Wide, 16, 4096>::CHECKED.unwrap_err(), NO_ROOM);
    assert_eq!(Checked::<u64, 16, { 1 << (usize::BITS - 1) }>::CHECKED.unwrap_err(), TOO_LARGE);
}

#[test]
fn the_index_is_as_small_as_the_slab_allows() {
    assert_eq!(Checked::<u8, 16, 131_072>::CHECKED.unwrap().slot, 2);
    assert_eq!(Checked::<u8, 16, 262_144>::CHECKED.unwrap().slot, 4);
    assert!(Checked::<(), 16, 131_072>::CHECKED.unwrap().slots < u32::from(u16::MAX));
}

#[test]
fn other_shapes_have_other_magic() {
    let magics = [
        Checked::<u64, 16, 4096>::MAGIC,
        Checked::<u32, 16, 4096>::MAGIC,
        Checked::<[u16; 4], 16, 4096>::MAGIC,
        Checked::<u64, 0, 4096>::MAGIC,
        Checked::<u64, 16, 8192>::MAGIC,
        <Shape<u64, NoLock, 512, Source> as Config>::MAGIC,
    ];
    for (index, magic) in magics.iter().enumerate() {
        assert!(*magic != 0 && !magics[..index].contains(magic));
    }
}
