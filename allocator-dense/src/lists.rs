//! The lists of free blocks, one for each class.

use crate::block::FreeBlock;
use crate::classes::Class;
use crate::occupancy::{Occupancy, SecondLevel};

/// A free block that a search has found: its address and its size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) block: usize,
    pub(crate) size: usize,
}

/// The lists of free blocks, doubly linked.
///
/// # Invariants
///
/// - `heads[class / SL][class % SL]` is the first block of the class, 0 for none.
/// - The bit of a class in `bits` is set iff its list is not empty; the bit of a doubling in `levels` iff it has such a class.
pub(crate) struct Lists<const GRANULE: usize, const FL: usize, const SL: usize>
where
    SecondLevel<SL>: Occupancy,
{
    levels: usize,
    bits: [<SecondLevel<SL> as Occupancy>::Bits; FL],
    heads: [[usize; SL]; FL],
}

impl<const GRANULE: usize, const FL: usize, const SL: usize> Lists<GRANULE, FL, SL>
where
    SecondLevel<SL>: Occupancy,
{
    /// How many blocks of the request's own class a search looks at, before it takes one of a class whose blocks are all
    /// large enough.
    const LOOKS: usize = 6;

    pub(crate) const EMPTY: Self =
        Self { levels: 0, bits: [<SecondLevel<SL> as Occupancy>::EMPTY; FL], heads: [[0; SL]; FL] };

    #[inline]
    fn head(&self, class: Class) -> usize {
        self.heads.as_flattened().get(class.get()).copied().unwrap_or(0)
    }

    /// Puts a block at the head of the list of its class.
    ///
    /// # Safety
    ///
    /// The block is the engine's, free, in no list, and has `size` bytes, whole granules, at most what the classes cover.
    #[inline]
    pub(crate) unsafe fn push(&mut self, block: usize, size: usize) {
        let class = Class::of::<SL>(size / GRANULE);
        let Some(head) = self.heads.as_flattened_mut().get_mut(class.get()) else { return };
        let next = core::mem::replace(head, block);
        // SAFETY: passed on from the caller.
        unsafe { FreeBlock::<GRANULE>::write(block, size, next) };
        if next == 0 {
            <SecondLevel<SL>>::insert(&mut self.levels, &mut self.bits, class);
        } else {
            // SAFETY: the next one is in the list; a block of one granule has a class of its own, so either both are or none.
            unsafe { FreeBlock::<GRANULE>::set_prev(next, size, block) };
        }
    }

    /// Takes a block out of its list.
    ///
    /// # Safety
    ///
    /// The block is in a list, and has `size` bytes.
    #[inline]
    pub(crate) unsafe fn remove(&mut self, block: usize, size: usize) {
        // SAFETY: passed on from the caller.
        let (next, prev) = unsafe { FreeBlock::<GRANULE>::unlink(block) };
        if prev == 0 {
            self.set_head(Class::of::<SL>(size / GRANULE), next);
        }
    }

    /// Makes `block` the first one of a class, which had another first one, or the class empty where it is 0.
    #[inline]
    fn set_head(&mut self, class: Class, block: usize) {
        if let Some(head) = self.heads.as_flattened_mut().get_mut(class.get()) {
            *head = block;
        }
        if block == 0 {
            <SecondLevel<SL>>::remove(&mut self.levels, &mut self.bits, class);
        }
    }

    /// Takes a block of at least `size` bytes, whole granules, out of its list: the first of a few of the request's own class
    /// that is large enough, else one of the lowest class whose blocks all are. O(1).
    #[inline]
    pub(crate) fn take(&mut self, size: usize) -> Option<Found> {
        let granules = size / GRANULE;
        let (own, sure) = (Class::of::<SL>(granules), Class::at_least::<SL>(granules));
        if own != sure
            && let Some(found) = self.look(own, |found| found.size >= size)
        {
            // SAFETY: the block is in a list.
            unsafe { self.remove(found.block, found.size) };
            return Some(found);
        }
        let class = <SecondLevel<SL>>::first_from(self.levels, &self.bits, sure)?;
        let block = self.head(class);
        // SAFETY: the class has a block, so this is the first of its list.
        unsafe {
            let size = FreeBlock::<GRANULE>::size_from_start(block);
            let next = FreeBlock::<GRANULE>::unlink_first(block);
            self.set_head(class, next);
            Some(Found { block, size })
        }
    }

    /// A block with room for `size` bytes, whole granules, at an address that is a multiple of `align`, more than a granule.
    /// O(1).
    pub(crate) fn find_aligned(&self, size: usize, align: usize) -> Option<Found> {
        let fits = |found: Found| {
            let start = found.block.wrapping_add(align - 1) & !(align - 1);
            start >= found.block && start - found.block + size <= found.size
        };
        let most = size.checked_add(align - GRANULE)? / GRANULE;
        let own = Class::of::<SL>(size / GRANULE);
        if let Some(found) = self.look(own, fits) {
            return Some(found);
        }
        let nearly = Class::of::<SL>(most);
        if nearly != own
            && let Some(found) = self.look(nearly, fits)
        {
            return Some(found);
        }
        self.first_from(Class::at_least::<SL>(most))
    }

    /// The first of a few blocks of a class that suits.
    #[inline]
    fn look(&self, class: Class, suits: impl Fn(Found) -> bool) -> Option<Found> {
        let mut block = self.head(class);
        for _ in 0..Self::LOOKS {
            if block == 0 {
                return None;
            }
            // SAFETY: the block is in a list.
            let found = Found { block, size: unsafe { FreeBlock::<GRANULE>::size_from_start(block) } };
            if suits(found) {
                return Some(found);
            }
            // SAFETY: as above.
            block = unsafe { FreeBlock::<GRANULE>::next(block) };
        }
        None
    }

    /// The first block of the lowest class that has one, from `class` on.
    #[inline]
    fn first_from(&self, class: Class) -> Option<Found> {
        let class = <SecondLevel<SL>>::first_from(self.levels, &self.bits, class)?;
        self.first_of(class)
    }

    /// The first block of a class.
    #[inline]
    fn first_of(&self, class: Class) -> Option<Found> {
        let block = self.head(class);
        // SAFETY: the block is in a list.
        (block != 0).then(|| Found { block, size: unsafe { FreeBlock::<GRANULE>::size_from_start(block) } })
    }

    /// The first block of the highest class that has one. O(1).
    pub(crate) fn last(&self) -> Option<Found> {
        self.first_of(<SecondLevel<SL>>::last(self.levels, &self.bits)?)
    }

    /// The classes that have blocks, from the lowest.
    pub(crate) fn occupied(&self) -> impl Iterator<Item = Class> + '_ {
        let next_from = |class| <SecondLevel<SL>>::first_from(self.levels, &self.bits, class);
        core::iter::successors(next_from(Class::new(0)), move |class| next_from(Class::new(class.get() + 1)))
    }

    /// The blocks of a class, in the order of its list.
    pub(crate) fn blocks_of(&self, class: Class) -> impl Iterator<Item = Found> + '_ {
        core::iter::successors(self.first_of(class), |found| {
            // SAFETY: the block is in a list.
            let next = unsafe { FreeBlock::<GRANULE>::next(found.block) };
            // SAFETY: as above.
            (next != 0).then(|| Found { block: next, size: unsafe { FreeBlock::<GRANULE>::size_from_start(next) } })
        })
    }

    /// The classes whose heads are set, for a check of `occupied`.
    pub(crate) fn with_heads(&self) -> impl Iterator<Item = Class> + '_ {
        let heads = self.heads.as_flattened().iter().enumerate();
        heads.filter(|&(_, &head)| head != 0).map(|(class, _)| Class::new(class))
    }
}
