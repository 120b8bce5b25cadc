//! What the lists have goes back to the engine: where memory is short, and where a caller asks for it.

use core::alloc::Layout;
use core::ptr::NonNull;

use allocator_core::{AllocError, AllocResult, ByteAllocator};

use super::QuickFit;
use crate::quick::classes::ListIndex;

impl<A: ByteAllocator> QuickFit<A> {
    /// A block for `layout`, which the engine has refused: gives back what the lists have, list by list, until `request` gets
    /// it from the engine.
    #[cold]
    #[inline(never)]
    pub(super) fn alloc_short(
        &mut self,
        layout: Layout,
        request: &impl Fn(&mut A, Layout) -> AllocResult<NonNull<u8>>,
    ) -> AllocResult<NonNull<u8>> {
        if self.limits.all_empty() {
            return Err(AllocError::NoMemory);
        }
        let engine = &self.engine.engine;
        if layout.size() > engine.total_bytes()
            || layout.size() > engine.available_bytes().saturating_add(self.kept_bytes())
        {
            return Err(AllocError::NoMemory);
        }
        while let Some(index) = self.most_helpful(layout.size()) {
            if self.empty(index) > 0
                && let Ok(block) = self.engine.take(layout, request)
            {
                return Ok(block);
            }
        }
        Err(AllocError::NoMemory)
    }

    /// The active list that is emptied next for a request of `size` bytes: the one with the smallest blocks that are large
    /// enough, else the one with the largest blocks.
    fn most_helpful(&self, size: usize) -> Option<ListIndex> {
        let first = ListIndex::first_with(size);
        self.limits.next_active(first).or_else(|| self.limits.last_active_below(first))
    }

    /// Gives back all that a list has, and lets it have nothing from now on. Returns how many blocks that were.
    fn empty(&mut self, index: ListIndex) -> usize {
        let mut blocks = 0;
        loop {
            let given = self.give_back(index, usize::MAX);
            blocks += given;
            if given == 0 {
                break;
            }
        }
        self.limits.shrink(&mut self.lists, index, usize::MAX);
        blocks
    }

    /// Gives back what the lists have, about `budget` blocks in this call, so that it is merged with free memory beside it.
    /// Returns how many bytes the lists may still have: 0 when there is nothing left to do.
    ///
    /// An idle task may call it until it returns 0, so that no request has to do it when memory is short.
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
