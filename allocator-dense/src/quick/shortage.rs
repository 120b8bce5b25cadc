//! What the lists have goes back to the engine: where memory is short, and where a caller asks for it.

use core::alloc::Layout;
use core::ptr::NonNull;

use allocator_core::{AllocError, AllocResult, ByteAllocator};

use super::QuickFit;
use crate::quick::classes::{COMMON, ListIndex};
use crate::quick::taken::Taken;

impl<A: ByteAllocator> QuickFit<A> {
    /// A block for `layout`, which the engine has refused: see [`when_short`](Self::when_short).
    pub(super) fn alloc_short(
        &mut self,
        layout: Layout,
        request: &impl Fn(&mut A, Layout) -> AllocResult<NonNull<u8>>,
    ) -> AllocResult<NonNull<u8>> {
        self.when_short(layout.size(), |engine| engine.take(layout, request))
    }

    /// Gives back what the lists have, list by list and in batches, until `request`, which the engine has refused, is served.
    /// Nothing where the engine and the lists have less than `size` bytes.
    #[cold]
    #[inline(never)]
    pub(super) fn when_short(
        &mut self,
        size: usize,
        mut request: impl FnMut(&mut Taken<A>) -> AllocResult<NonNull<u8>>,
    ) -> AllocResult<NonNull<u8>> {
        if self.limits.all_empty() {
            return Err(AllocError::NoMemory);
        }
        let engine = &self.engine.engine;
        if size > engine.total_bytes() || size > engine.available_bytes().saturating_add(self.most_kept_bytes()) {
            return Err(AllocError::NoMemory);
        }
        while let Some(index) = self.most_helpful(size) {
            let given = self.give_back(index, usize::MAX);
            // What is left is all that the list may have; so a list that has nothing left is not active.
            self.limits.shrink(&mut self.lists, index, usize::MAX);
            if given > 0
                && let Ok(block) = request(&mut self.engine)
            {
                return Ok(block);
            }
        }
        Err(AllocError::NoMemory)
    }

    /// The active list that is emptied next for a request of `size` bytes: the one with the smallest blocks that are large
    /// enough, else the one with the largest blocks; those with an alignment of their own come last.
    fn most_helpful(&self, size: usize) -> Option<ListIndex> {
        let enough = self.limits.next_active(ListIndex::first_with(size)).filter(|list| list.get() < COMMON);
        enough.or_else(|| self.limits.last_active_below(COMMON)).or_else(|| self.limits.next_active(COMMON))
    }

    /// Gives back what the lists have, about `budget` blocks in this call, so that it is merged with free memory beside it.
    /// Returns how many bytes the lists may still have: 0 when there is nothing left to do.
    ///
    /// An idle task may call it, with a budget above 0, until it returns 0, so that no request has to do it when memory is short.
    /// A list that is empty then begins anew: it takes blocks again once requests have found it empty.
    ///
    /// # Time complexity
    ///
    /// O(`budget`), in calls of the engine's `dealloc`.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use allocator_core::{BaseAllocator, ByteAllocator};
    /// use allocator_dense::QuickByteAllocator;
    ///
    /// let mut pool = vec![0u64; 8192];
    /// let mut heap = QuickByteAllocator::new();
    /// // SAFETY: nothing else uses the pool while the heap does.
    /// unsafe { heap.init(pool.as_mut_ptr() as usize, 64 << 10)? };
    /// let layout = Layout::new::<[u8; 100]>();
    /// let block = heap.alloc(layout)?;
    /// // SAFETY: the block came from this heap with this layout.
    /// unsafe { heap.dealloc(block, layout) };
    ///
    /// while heap.reclaim(16) > 0 {}
    /// assert_eq!(heap.engine().largest_block(), heap.total_bytes());
    /// # Ok::<(), allocator_core::AllocError>(())
    /// ```
    pub fn reclaim(&mut self, budget: usize) -> usize {
        let mut left = budget;
        while left > 0
            && let Some(index) = self.limits.next_active(0)
        {
            let given = self.give_back(index, left);
            left -= given;
            if self.lists.is_empty(index) {
                self.limits.shrink(&mut self.lists, index, usize::MAX);
                left = left.saturating_sub(usize::from(given == 0));
            }
        }
        self.limits.granted()
    }

    /// No less than the blocks in the lists take. O(lists).
    ///
    /// Where the engine does not say what each takes, twice its size stands for that: a header and rounding are no more for
    /// most engines. Where they are more, a request may be refused that would just fit.
    fn most_kept_bytes(&self) -> usize {
        let lists =
            core::iter::successors(self.limits.next_active(0), |index| self.limits.next_active(index.get() + 1));
        let each = |index: ListIndex| self.engine.engine.used_by_each(index.layout()).unwrap_or(2 * index.size());
        lists.map(|index| self.lists.len(index) * each(index)).sum()
    }

    /// What the blocks in the lists take, in bytes as the engine counts them. O(lists) where that is the same for each block
    /// of a list, else O(kept blocks).
    pub(super) fn kept_bytes(&self) -> usize {
        let engine = &self.engine.engine;
        let mut bytes = 0;
        let mut next = self.limits.next_active(0);
        while let Some(index) = next {
            let layout = index.layout();
            bytes += match engine.used_by_each(layout) {
                Some(each) => self.lists.len(index) * each,
                // SAFETY: to the engine, a kept block is live, with this layout.
                None => self.lists.blocks(index).map(|block| unsafe { engine.used_by(block, layout) }).sum(),
            };
            next = self.limits.next_active(index.get() + 1);
        }
        bytes
    }
}
