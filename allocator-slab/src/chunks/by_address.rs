//! The chunks of a table as a search tree.
//!
//! A tree is made when the heap has run short, serves to count the free slots, and is forgotten. Its links are in the
//! entries of the table, so that no memory is needed to make it when there is none.

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::{Chunk, ChunkTable};

/// An entry of a table.
pub(super) type Link = Option<NonNull<Chunk>>;

/// The chunks as a balanced tree: those with a lower address than `chunk` hang on `chunk.below`, the others on
/// `chunk.above`.
///
/// # Time complexity
///
/// It is made in O(n log n). The chunk of a slot is found in O(log n), in O(1) if it is the one found last.
pub(crate) struct ByAddress<'t> {
    root: Link,
    /// The chunk found last, and the addresses for which it would be found again.
    last: Option<(NonNull<Chunk>, usize, usize)>,
    /// How many chunks are wholly free.
    wholly_free: usize,
    table: PhantomData<&'t mut ChunkTable>,
}

impl ByAddress<'_> {
    /// A tree of the `len` chunks of `list`, linked by `above`, for none of which anything has been counted; beside
    /// `wholly_free` others.
    ///
    /// # Safety
    ///
    /// For the life of the result the chunks may be read and written through these links, and are used by no one else.
    pub(super) unsafe fn new(mut list: Link, len: usize, wholly_free: usize) -> Self {
        // SAFETY: the list has `len` chunks, which the caller lends.
        let root = unsafe {
            let mut sorted = sort(&mut list, len);
            balance(&mut sorted, len)
        };
        Self { root, last: None, wholly_free, table: PhantomData }
    }

    /// The chunk with the highest start that is not above `address`: the one that the slot at this address lies in.
    fn find(&mut self, address: usize) -> Link {
        if let Some((chunk, from, to)) = self.last
            && (from..to).contains(&address)
        {
            return Some(chunk);
        }
        let (mut found, mut to, mut next) = (None, usize::MAX, self.root);
        while let Some(chunk) = next {
            // SAFETY: all links are to chunks of the table, which is lent to this view.
            let Chunk { start, below, above, .. } = unsafe { chunk.read() };
            let start = start.addr().get();
            if start <= address {
                found = Some((chunk, start));
                next = above;
            } else {
                to = start;
                next = below;
            }
        }
        self.last = found.map(|(chunk, from)| (chunk, from, to));
        found.map(|(chunk, _)| chunk)
    }

    /// The chunk that a slot lies in.
    pub(crate) fn chunk_of(&mut self, slot: NonNull<u8>) -> Option<Chunk> {
        // SAFETY: as in `find`.
        self.find(slot.addr().get()).map(|chunk| unsafe { chunk.read() })
    }

    /// Counts a free slot, unless all slots of its chunk were counted already, or it lies in none: whether it did.
    pub(crate) fn count(&mut self, slot: NonNull<u8>) -> bool {
        let Some(mut chunk) = self.find(slot.addr().get()) else { return false };
        // SAFETY: as in `find`; no other reference to a chunk is alive.
        let chunk = unsafe { chunk.as_mut() };
        if chunk.is_wholly_free() {
            return false;
        }
        chunk.counted += 1;
        self.wholly_free += usize::from(chunk.is_wholly_free());
        true
    }

    /// Whether every slot of the chunk that `slot` lies in was counted.
    pub(crate) fn is_wholly_free(&mut self, slot: NonNull<u8>) -> bool {
        self.chunk_of(slot).is_some_and(|chunk| chunk.is_wholly_free())
    }

    /// How many chunks are wholly free.
    pub(crate) fn wholly_free(&self) -> usize {
        self.wholly_free
    }
}

/// Takes the first `len` chunks off `list` and returns them as a list in the order of their addresses. O(n log n), in
/// O(log n) of stack.
///
/// # Safety
///
/// The list has so many chunks, linked by `above`, that may be read and written.
unsafe fn sort(list: &mut Link, len: usize) -> Link {
    // SAFETY: passed on from the caller, here and for both halves; what they return is theirs.
    unsafe {
        match len {
            0 => None,
            1 => {
                let chunk = list.take()?;
                *list = (*chunk.as_ptr()).above.take();
                Some(chunk)
            }
            _ => {
                let first = sort(list, len / 2);
                let second = sort(list, len - len / 2);
                merge(first, second)
            }
        }
    }
}

/// One sorted list out of two.
///
/// # Safety
///
/// The chunks may be read and written.
unsafe fn merge(mut first: Link, mut second: Link) -> Link {
    let mut merged: Link = None;
    let mut last: Link = None;
    loop {
        let lower = match (first, second) {
            (None, None) => return merged,
            (Some(_), None) => &mut first,
            (None, Some(_)) => &mut second,
            // SAFETY: passed on from the caller.
            (Some(a), Some(b)) if unsafe { (*a.as_ptr()).start <= (*b.as_ptr()).start } => &mut first,
            (Some(_), Some(_)) => &mut second,
        };
        let chunk = *lower;
        if let Some(chunk) = chunk {
            // SAFETY: passed on from the caller.
            *lower = unsafe { (*chunk.as_ptr()).above };
        }
        match last {
            None => merged = chunk,
            // SAFETY: passed on from the caller.
            Some(last) => unsafe { (*last.as_ptr()).above = chunk },
        }
        last = chunk;
    }
}

/// Takes the first `len` chunks off the sorted `list` and returns them as a balanced tree. O(n), in O(log n) of stack.
///
/// # Safety
///
/// As for [`sort`].
unsafe fn balance(list: &mut Link, len: usize) -> Link {
    if len == 0 {
        return None;
    }
    // SAFETY: passed on from the caller, here and for both halves.
    unsafe {
        let below = balance(list, len / 2);
        let root = list.take()?;
        let node = root.as_ptr();
        *list = (*node).above.take();
        (*node).below = below;
        (*node).above = balance(list, len - len / 2 - 1);
        Some(root)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use super::*;

    /// A tree of chunks at these addresses, each of one slot.
    fn with_tree(starts: &[usize], check: impl FnOnce(ByAddress<'_>)) {
        let at = |start| Chunk::new(NonNull::without_provenance(core::num::NonZero::new(start).unwrap()), 0, 1);
        let mut chunks: Vec<Chunk> = starts.iter().map(|&start| at(start)).collect();
        let base = chunks.as_mut_ptr();
        let mut list = None;
        for index in 0..starts.len() {
            // SAFETY: the index is in bounds.
            let chunk = unsafe { NonNull::new_unchecked(base.add(index)) };
            // SAFETY: as above; only this pointer is used.
            unsafe { (*chunk.as_ptr()).above = list };
            list = Some(chunk);
        }
        // SAFETY: the list is linked as it must be, and the vector is not touched before the tree is gone.
        check(unsafe { ByAddress::new(list, starts.len(), 0) });
    }

    /// The number of levels.
    fn height(link: Link) -> usize {
        // SAFETY: the trees of the tests are alive.
        link.map_or(0, |chunk| unsafe { 1 + height(chunk.as_ref().below).max(height(chunk.as_ref().above)) })
    }

    #[test]
    fn every_address_finds_the_chunk_at_or_below_it() {
        for len in [0, 1, 2, 3, 7, 8, 100] {
            // Multiples of an odd number, in the order of a power of two: neither sorted nor backwards.
            let starts: Vec<usize> = (0..len).map(|index| 101 * (1 + (index * 37) % 101)).collect();
            with_tree(&starts, |mut tree| {
                assert!(height(tree.root) <= (len + 1).next_power_of_two().ilog2() as usize);
                for address in (1..101 * 103).step_by(if cfg!(miri) { 97 } else { 5 }) {
                    let expected = starts.iter().copied().filter(|&start| start <= address).max();
                    let slot = NonNull::without_provenance(core::num::NonZero::new(address).unwrap());
                    assert_eq!(tree.chunk_of(slot).map(|chunk| chunk.start.addr().get()), expected);
                }
            });
        }
    }

    #[test]
    fn a_chunk_is_wholly_free_when_all_of_its_slots_were_counted() {
        with_tree(&[300, 100, 200], |mut tree| {
            let slot = |address| NonNull::without_provenance(core::num::NonZero::new(address).unwrap());
            assert_eq!(tree.wholly_free(), 0);
            assert!(tree.count(slot(200)) && !tree.count(slot(200)) && !tree.count(slot(50)));
            assert_eq!(tree.wholly_free(), 1);
            assert_eq!(
                vec![100, 200, 300].into_iter().map(|at| tree.is_wholly_free(slot(at))).collect::<Vec<_>>(),
                [false, true, false]
            );
        });
    }
}
