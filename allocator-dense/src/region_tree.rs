//! The search tree of regions by address.
//!
//! A treap (Aragon and Seidel, "Randomized search trees", 1989): a search tree by address that is a heap by a hash of the
//! address. Its shape depends on the addresses alone, not on the order of insertions; its height is O(log(regions)) on average.
//! The headers of the regions are its nodes.

use crate::memory::{read, write};
use crate::region::RegionStart;

/// The tree of some regions.
///
/// # Invariants
///
/// - The regions below a node start at lower addresses, those above it at higher ones.
/// - No region has a higher [`priority`] than the one it hangs from.
pub(crate) struct RegionTree<const GRANULE: usize> {
    /// The region at the top, 0 for none.
    root: usize,
}

/// Where the word is that links to a node: in `root`, or in the header of a region.
enum Place<'t> {
    Root(&'t mut usize),
    Header(usize),
}

impl Place<'_> {
    /// # Safety
    ///
    /// The header is one of a region in the tree.
    unsafe fn get(&self) -> usize {
        match self {
            Place::Root(root) => **root,
            // SAFETY: passed on from the caller.
            Place::Header(address) => unsafe { read(*address) },
        }
    }

    /// # Safety
    ///
    /// As for [`get`](Self::get).
    unsafe fn set(&mut self, node: usize) {
        match self {
            Place::Root(root) => **root = node,
            // SAFETY: passed on from the caller.
            Place::Header(address) => unsafe { write(*address, node) },
        }
    }
}

/// A hash of the address of a region: no two regions have the same.
const fn priority(region: usize) -> usize {
    // The golden ratio, odd: a bijection, whose high bits depend on all bits.
    const FACTOR: usize = 0x9e37_79b9_7f4a_7c15_u64 as usize | 1;
    let mixed = (region ^ (region >> (usize::BITS / 2))).wrapping_mul(FACTOR);
    (mixed ^ (mixed >> (usize::BITS / 2))).wrapping_mul(FACTOR)
}

impl<const GRANULE: usize> RegionTree<GRANULE> {
    pub(crate) const EMPTY: Self = Self { root: 0 };

    pub(crate) const fn is_empty(&self) -> bool {
        self.root == 0
    }

    /// The region with the highest start that is not above `address`. O(log(regions)).
    pub(crate) fn at_or_below(&self, address: usize) -> Option<RegionStart<GRANULE>> {
        let (mut found, mut node) = (None, self.root);
        while node != 0 {
            let region = RegionStart::new(node);
            // SAFETY: what is linked in the tree are regions.
            node = unsafe {
                if node <= address {
                    found = Some(region);
                    region.above()
                } else {
                    region.below()
                }
            };
        }
        found
    }

    /// The region with the lowest start that is not below `address`. O(log(regions)).
    pub(crate) fn at_or_above(&self, address: usize) -> Option<RegionStart<GRANULE>> {
        let (mut found, mut node) = (None, self.root);
        while node != 0 {
            let region = RegionStart::new(node);
            // SAFETY: what is linked in the tree are regions.
            node = unsafe {
                if node >= address {
                    found = Some(region);
                    region.below()
                } else {
                    region.above()
                }
            };
        }
        found
    }

    /// All regions, from the lowest. O(log(regions)) each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = RegionStart<GRANULE>> + '_ {
        core::iter::successors(self.at_or_above(0), |region| self.at_or_above(region.address() + 1))
    }

    /// Puts a region into the tree. O(log(regions)).
    ///
    /// # Safety
    ///
    /// The region is not in the tree, and stays as long as it is.
    pub(crate) unsafe fn insert(&mut self, region: RegionStart<GRANULE>) {
        let start = region.address();
        let mut place = Place::Root(&mut self.root);
        // SAFETY: the places are the root, and fields of regions in the tree; the region's own are the caller's to give.
        unsafe {
            let mut node = place.get();
            while node != 0 && priority(node) > priority(start) {
                let above = RegionStart::<GRANULE>::new(node);
                place = Place::Header(if start < node { above.place_below() } else { above.place_above() });
                node = place.get();
            }
            place.set(start);
            // What hung there is split by the address of the region.
            let (mut below, mut above) = (region.place_below(), region.place_above());
            while node != 0 {
                let other = RegionStart::<GRANULE>::new(node);
                if node < start {
                    write(below, node);
                    below = other.place_above();
                    node = other.above();
                } else {
                    write(above, node);
                    above = other.place_below();
                    node = other.below();
                }
            }
            write(below, 0_usize);
            write(above, 0_usize);
        }
    }

    /// Takes a region out of the tree. O(log(regions)).
    ///
    /// # Safety
    ///
    /// The region is in the tree.
    pub(crate) unsafe fn remove(&mut self, region: RegionStart<GRANULE>) {
        let start = region.address();
        let mut place = Place::Root(&mut self.root);
        // SAFETY: the places are the root, and fields of regions in the tree; the search ends at the region, as it is there.
        unsafe {
            let mut node = place.get();
            while node != start && node != 0 {
                let above = RegionStart::<GRANULE>::new(node);
                place = Place::Header(if start < node { above.place_below() } else { above.place_above() });
                node = place.get();
            }
            // What hung from it is merged, and hangs in its place.
            let (mut below, mut above) = (region.below(), region.above());
            while below != 0 && above != 0 {
                if priority(below) > priority(above) {
                    place.set(below);
                    place = Place::Header(RegionStart::<GRANULE>::new(below).place_above());
                    below = place.get();
                } else {
                    place.set(above);
                    place = Place::Header(RegionStart::<GRANULE>::new(above).place_below());
                    above = place.get();
                }
            }
            place.set(below | above);
        }
    }

    /// The height of the tree.
    #[cfg(test)]
    pub(crate) fn height(&self) -> usize {
        fn below<const GRANULE: usize>(node: usize) -> usize {
            if node == 0 {
                return 0;
            }
            let region = RegionStart::<GRANULE>::new(node);
            // SAFETY: what is linked in the tree are regions.
            let (low, high) = unsafe { (region.below(), region.above()) };
            1 + below::<GRANULE>(low).max(below::<GRANULE>(high))
        }
        below::<GRANULE>(self.root)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::collections::BTreeSet;
    use std::vec::Vec;

    use super::*;
    use crate::region::Extent;

    const SIZE: usize = 256;

    /// Regions in one array, whose indexes come in the order of `order`.
    fn with_regions(count: usize, order: impl Fn(usize) -> usize) {
        let mut memory: Vec<u64> = std::vec![0; (count + 1) * SIZE / 8];
        let base = memory.as_mut_ptr().expose_provenance().next_multiple_of(SIZE);
        let mut tree = RegionTree::<16>::EMPTY;
        let mut model = BTreeSet::new();
        let region = |index: usize| RegionStart::<16>::new(base + index * SIZE);
        for step in 0..count {
            let new = region(order(step));
            // SAFETY: the array has room, and the region is new.
            unsafe {
                new.create(SIZE, Extent::Whole);
                tree.insert(new);
            }
            assert!(model.insert(new.address()));
        }
        assert!(tree.iter().map(RegionStart::address).eq(model.iter().copied()));
        let expected = count.ilog2() as usize + 1;
        assert!(tree.height() <= 4 * expected, "{} of {count} regions", tree.height());
        for step in 0..count {
            let probe = base + (step * 7919 % (count * SIZE));
            assert_eq!(tree.at_or_below(probe).map(RegionStart::address), model.range(..=probe).next_back().copied());
            assert_eq!(tree.at_or_above(probe).map(RegionStart::address), model.range(probe..).next().copied());
            let gone = region(order((step * 3 + 1) % count));
            if model.remove(&gone.address()) {
                // SAFETY: the region is in the tree, as it was in the model.
                unsafe { tree.remove(gone) };
            }
        }
        assert!(tree.iter().map(RegionStart::address).eq(model.iter().copied()));
        assert!(model.len() < count);
    }

    #[test]
    fn finds_regions_as_a_set_does_and_stays_low_in_every_order() {
        let count = if cfg!(miri) { 40 } else { 4000 };
        with_regions(count, |step| step);
        with_regions(count, |step| count - 1 - step);
        with_regions(count, |step| if step % 2 == 0 { step / 2 } else { count - 1 - step / 2 });
        with_regions(count + 1, |step| step * 3 % (count + 1));
    }
}
