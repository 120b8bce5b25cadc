//! The table against a plain list of bytes, over memory that it may write to.

extern crate std;

use std::vec;
use std::vec::Vec;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

/// A table over a few KiB of real memory, in units of 64 bytes, beside a list of which units were handed over.
struct Checked {
    memory: Vec<u64>,
    taken: Vec<bool>,
    table: RegionTable,
}

impl Checked {
    const UNIT: usize = 64;

    fn new(units: usize) -> Self {
        let memory = vec![0u64; (units + 1) * Self::UNIT / 8];
        Self { memory, taken: vec![false; units], table: RegionTable::new() }
    }

    fn region(&mut self, first: usize, units: usize) -> Region {
        let start = self.memory.as_mut_ptr().expose_provenance().next_multiple_of(Self::UNIT);
        Region::new(start + first * Self::UNIT, units * Self::UNIT).unwrap()
    }

    fn insert(&mut self, first: usize, units: usize) -> AllocResult<usize> {
        let region = self.region(first, units);
        let before: usize = self.table.extents().map(Region::size).sum();
        // SAFETY: the region lies in `memory`, which nobody else uses.
        let usable = unsafe { self.table.insert(region, Self::UNIT, Self::UNIT) };
        let after: usize = self.table.extents().map(Region::size).sum();
        let any_taken = self.taken[first..first + units].contains(&true);
        match usable {
            Ok(usable) => {
                assert!(!any_taken, "an overlap was accepted");
                assert!(region.contains(usable));
                assert_eq!(usable.end(), region.end());
                assert_eq!(after, before + region.size());
                self.taken[first..first + units].fill(true);
                Ok(region.size() - usable.size())
            }
            Err(error) => {
                assert_eq!(after, before);
                assert_eq!(error == AllocError::MemoryOverlap, any_taken);
                Err(error)
            }
        }
    }

    /// What the table says it has must be what was handed over.
    fn assert_extents(&mut self) {
        for unit in 0..self.taken.len() {
            let region = self.region(unit, 1);
            let has = self.table.extents().any(|extent| extent.contains(region));
            assert_eq!(has, self.taken[unit], "unit {unit}");
        }
        let extents: Vec<_> = self.table.extents().collect();
        for (index, extent) in extents.iter().enumerate() {
            assert!(!extents[..index].iter().any(|other| other.overlaps(*extent)));
        }
    }
}

#[test]
fn many_disjoint_regions_each_remembered() {
    let (regions, stride) = if cfg!(miri) { (40, 7) } else { (75, 1) };
    let mut checked = Checked::new(4 * regions);
    let mut written = 0;
    for index in 0..regions {
        written += checked.insert(4 * index, 3).unwrap();
        if index % stride == 0 {
            checked.assert_extents();
        }
    }
    checked.assert_extents();
    let beyond_inline = regions - RegionTable::INLINE;
    let overflows = beyond_inline.div_ceil(RegionTable::PER_OVERFLOW);
    assert_eq!(written, overflows * RegionTable::OVERFLOW_SIZE);
    for first in (0..4 * regions - 3).step_by(stride) {
        let expected = if first % 4 == 3 { None } else { Some(AllocError::MemoryOverlap) };
        assert_eq!(checked.insert(first, 1).err(), expected, "unit {first}");
    }
}

#[test]
fn regions_that_touch_are_one_extent() {
    for order in [[0, 1, 2], [2, 1, 0], [0, 2, 1], [2, 0, 1], [1, 0, 2], [1, 2, 0]] {
        let mut checked = Checked::new(6);
        for region in order {
            assert_eq!(checked.insert(2 * region, 2).unwrap(), 0);
        }
        checked.assert_extents();
        assert_eq!(checked.table.extents().count(), 1);
    }
}

#[test]
fn merging_makes_room_in_the_table() {
    let mut checked = Checked::new(64);
    for index in 0..RegionTable::INLINE {
        assert_eq!(checked.insert(4 * index, 2).unwrap(), 0);
    }
    assert_eq!(checked.insert(2, 2).unwrap(), 0, "joins the first two");
    assert_eq!(checked.insert(60, 2).unwrap(), 0, "takes the room that became free");
    assert_eq!(checked.insert(56, 2).unwrap(), RegionTable::OVERFLOW_SIZE, "the table is full again");
    checked.assert_extents();
}

#[test]
fn an_overlap_of_one_byte_is_refused_whatever_the_granule() {
    let mut checked = Checked::new(64);
    checked.insert(10, 10).unwrap();
    let known = checked.region(10, 10);
    for (start, end) in [
        (known.start() - 640, known.start() + 1),
        (known.end() - 1, known.end() + 640),
        (known.start() - 633, known.start() + 7),
        (known.end() - 7, known.end() + 633),
    ] {
        for granule in [1, 8, 64] {
            let region = Region::between(start, end).unwrap();
            assert_eq!(checked.table.usable_part(region, granule, 1), Err(AllocError::MemoryOverlap));
        }
    }
    for region in [checked.region(0, 10), checked.region(20, 10)] {
        assert_eq!(checked.table.usable_part(region, 64, 1), Ok(region), "touching is no overlap");
    }
    checked.assert_extents();
}

#[test]
fn the_usable_part_starts_at_a_granule_behind_its_overflow() {
    let mut checked = Checked::new(128);
    for index in 0..RegionTable::INLINE {
        checked.insert(3 * index, 1).unwrap();
    }
    let region = checked.region(40, 80);
    let usable = |granule| checked.table.usable_part(region, granule, granule);
    assert_eq!(usable(1).unwrap().start(), region.start() + RegionTable::OVERFLOW_SIZE);
    assert_eq!(
        usable(1024).unwrap(),
        Region::between(
            (region.start().next_multiple_of(1024) + RegionTable::OVERFLOW_SIZE).next_multiple_of(1024),
            region.end() / 1024 * 1024,
        )
        .unwrap()
    );
    assert_eq!(usable(3), Err(AllocError::InvalidParam), "no power of two");
    assert_eq!(usable(0), Err(AllocError::InvalidParam));
    assert_eq!(usable(1 << (usize::BITS - 1)), Err(AllocError::InvalidParam));
}

#[test]
fn a_region_too_small_for_its_overflow_is_refused() {
    let mut checked = Checked::new(64);
    for index in 0..RegionTable::INLINE {
        checked.insert(3 * index, 1).unwrap();
    }
    assert_eq!(checked.insert(40, 1), Err(AllocError::InvalidParam));
    checked.assert_extents();
    assert_eq!(checked.insert(40, 2).unwrap(), RegionTable::OVERFLOW_SIZE);
    checked.assert_extents();
}

#[test]
fn random_regions_in_random_order() {
    let mut rng = SmallRng::seed_from_u64(allocator_conformance::seed());
    for _ in 0..if cfg!(miri) { 1 } else { 200 } {
        let mut checked = Checked::new(200);
        for _ in 0..if cfg!(miri) { 30 } else { 100 } {
            let first = rng.random_range(0..190);
            let _ = checked.insert(first, rng.random_range(1..10));
        }
        checked.assert_extents();
    }
}

#[test]
fn a_region_that_is_removed_can_be_inserted_again() {
    let region = |page: usize, pages: usize| Region::new(page * 4096, pages * 4096).unwrap();
    let mut table = RegionTable::new();
    // SAFETY: so few regions are not touched.
    let insert = |table: &mut RegionTable, page, pages| unsafe { table.insert(region(page, pages), 64, 64).map(drop) };
    insert(&mut table, 1, 9).unwrap();
    for (page, pages) in [(4, 2), (1, 1), (9, 1)] {
        assert!(table.remove(region(page, pages)), "amid, at the start, at the end");
        assert!(!table.remove(region(page, pages)), "not twice");
        assert!(!table.overlaps(region(page, pages)) && table.overlaps(region(page.max(2) - 1, pages + 2)));
    }
    assert!(!table.remove(region(3, 4)), "not all of it is there");
    for (page, pages) in [(4, 2), (1, 1), (9, 1)] {
        insert(&mut table, page, pages).unwrap();
    }
    assert_eq!(table.extents().collect::<Vec<_>>(), [region(1, 9)]);
    for page in (20..).step_by(2).take(RegionTable::INLINE - 1) {
        insert(&mut table, page, 1).unwrap();
    }
    assert!(!table.remove(region(4, 2)), "no entry for what would be left above");
    assert!(table.overlaps(region(4, 2)) && table.remove(region(1, 9)));
}

#[test]
fn a_region_with_an_overflow_of_the_table_stays() {
    let mut checked = Checked::new(64);
    for index in 0..=RegionTable::INLINE {
        checked.insert(3 * index, 2).unwrap();
    }
    let last = checked.table.extents().max_by_key(|region| region.start()).unwrap();
    let usable = Region::between(last.start() + RegionTable::OVERFLOW_SIZE, last.end()).unwrap();
    assert!(!checked.table.remove(last) && !checked.table.remove(usable));
    checked.assert_extents();
}
