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

    /// Whether the code is to be small rather than fast: with as few classes as a store for a small machine has. What puts
    /// blocks into lists, and takes them out, is there once then, not wherever it is needed.
    pub(crate) const COMPACT: bool = SL <= 2;

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
        // SAFETY: passed on from the caller.
        unsafe { if Self::COMPACT { self.push_in_one_place(block, size) } else { self.push_inlined(block, size) } }
    }

    /// # Safety
    ///
    /// As for [`push`](Self::push).
    #[inline(never)]
    unsafe fn push_in_one_place(&mut self, block: usize, size: usize) {
        // SAFETY: passed on from the caller.
        unsafe { self.push_inlined(block, size) };
    }

    /// # Safety
    ///
    /// As for [`push`](Self::push).
    #[inline(always)]
    unsafe fn push_inlined(&mut self, block: usize, size: usize) {
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
        unsafe { if Self::COMPACT { self.remove_in_one_place(block, size) } else { self.remove_inlined(block, size) } }
    }

    /// # Safety
    ///
    /// As for [`remove`](Self::remove).
    #[inline(never)]
    unsafe fn remove_in_one_place(&mut self, block: usize, size: usize) {
        // SAFETY: passed on from the caller.
        unsafe { self.remove_inlined(block, size) };
    }

    /// # Safety
    ///
    /// As for [`remove`](Self::remove).
    #[inline(always)]
    unsafe fn remove_inlined(&mut self, block: usize, size: usize) {
        // SAFETY: passed on from the caller.
        let (next, prev) = unsafe { FreeBlock::<GRANULE>::unlink(block) };
        if prev == 0 {
            self.set_head(Class::of::<SL>(size / GRANULE), next);
        }
    }

    /// Puts a block in the place of `beside`, a block that became part of it, where both are of the same class, and returns
    /// whether they are. If not, the list of `beside` begins with `next` then.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push); `beside` was the first of its list, and is out of it but for the head.
    #[inline]
    pub(crate) unsafe fn put_in_place_of(
        &mut self,
        beside_size: usize,
        next: usize,
        block: usize,
        size: usize,
    ) -> bool {
        let class = Class::of::<SL>(beside_size / GRANULE);
        if Class::of::<SL>(size / GRANULE) != class {
            self.set_head(class, next);
            return false;
        }
        self.replace_head(class, block);
        // SAFETY: passed on from the caller. A block that is larger than another one of its class has two granules or more, and
        // so have all of the class.
        unsafe {
            FreeBlock::<GRANULE>::write(block, size, next);
            if next != 0 {
                FreeBlock::<GRANULE>::set_prev(next, size, block);
            }
        }
        true
    }

    #[inline]
    fn replace_head(&mut self, class: Class, block: usize) {
        if let Some(head) = self.heads.as_flattened_mut().get_mut(class.get()) {
            *head = block;
        }
    }

    /// Makes `block` the first one of a class, which had another first one, or the class empty where it is 0.
    #[inline]
    fn set_head(&mut self, class: Class, block: usize) {
        self.replace_head(class, block);
        if block == 0 {
            <SecondLevel<SL>>::remove(&mut self.levels, &mut self.bits, class);
        }
    }

    /// Takes a block of at least `size` bytes, whole granules, out of its list: the first of a few of the request's own class
    /// that is large enough, else one of the lowest class whose blocks all are. What is behind the first `size` bytes goes back
    /// into a list. O(1).
    #[inline]
    pub(crate) fn take_start(&mut self, size: usize) -> Option<Found> {
        let (own, sure) = Class::own_and_sure::<SL>(size / GRANULE);
        if own != sure
            && let Some(found) = self.look(own, |found| found.size >= size)
        {
            // SAFETY: the block is in a list; what is behind its first bytes is free.
            unsafe {
                self.remove(found.block, found.size);
                if found.size != size {
                    self.push(found.block + size, found.size - size);
                }
            }
            return Some(found);
        }
        let class = <SecondLevel<SL>>::first_from(self.levels, &self.bits, sure)?;
        let block = self.head(class);
        // SAFETY: the class has a block, so this is the first of its list, and large enough. What is behind its first bytes is
        // free.
        unsafe {
            let found = Found { block, size: FreeBlock::<GRANULE>::size_from_start(block) };
            let next = FreeBlock::<GRANULE>::next(block);
            let (rest, rest_size) = (block + size, found.size - size);
            if rest_size != 0 && Class::of::<SL>(rest_size / GRANULE) == class {
                // The rest takes the place of the block.
                self.replace_head(class, rest);
                FreeBlock::<GRANULE>::write(rest, rest_size, next);
                if next != 0 {
                    FreeBlock::<GRANULE>::set_prev(next, rest_size, rest);
                }
                return Some(found);
            }
            if next != 0 {
                FreeBlock::<GRANULE>::set_prev(next, found.size, 0);
            }
            self.set_head(class, next);
            if rest_size != 0 {
                self.push(rest, rest_size);
            }
            Some(found)
        }
    }

    /// Takes a block of at least `size` bytes, whole granules, out of its list, chosen as by [`take_start`](Self::take_start).
    pub(crate) fn take(&mut self, size: usize) -> Option<Found> {
        let (own, sure) = Class::own_and_sure::<SL>(size / GRANULE);
        let found = self.look(own, |found| found.size >= size).or_else(|| self.first_from(sure))?;
        // SAFETY: the block is in a list.
        unsafe { self.remove(found.block, found.size) };
        Some(found)
    }

    /// Takes a block with room for `size` bytes, whole granules, at a multiple of `align`, at least a granule, out of its list.
    /// Returns the distance from its start to the first such multiple, too. O(1).
    #[cold]
    #[inline(never)]
    pub(crate) fn take_aligned(&mut self, size: usize, align: usize) -> Option<(Found, usize)> {
        let gap = |block: usize| block.wrapping_neg() & (align - 1);
        let fits = |found: Found| found.size >= size && gap(found.block) <= found.size - size;
        let most = size.checked_add(align - GRANULE)? / GRANULE;
        let own = Class::of::<SL>(size / GRANULE);
        let (nearly, sure) = Class::own_and_sure::<SL>(most);
        let mut class = own;
        let found = loop {
            if let Some(found) = self.look(class, fits) {
                break found;
            }
            if class == nearly {
                break self.first_from(sure)?;
            }
            class = nearly;
        };
        // SAFETY: the block is in a list.
        unsafe { self.remove(found.block, found.size) };
        Some((found, gap(found.block)))
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
