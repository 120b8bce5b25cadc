//! How free slots become memory of the backing again: sorting slots into chunks, and giving back chunks.

use allocator_core::{AllocError, AllocResult, ByteAllocator};

use super::SlabByteAllocator;
use crate::chunk::ClassIndex;
use crate::chunk_table::tree::Found;
use crate::classes::SizeClasses;
use crate::slab::Slab;

impl<C: SizeClasses, B: ByteAllocator> SlabByteAllocator<C, B> {
    /// Tries `request`, and as long as there is no memory for it, again after giving free chunks back to the backing: one,
    /// then twice as many, and so on, so that not many more go than the request needs.
    #[inline]
    pub(super) fn or_reclaim<T>(&mut self, mut request: impl FnMut(&mut Self) -> AllocResult<T>) -> AllocResult<T> {
        match request(self) {
            Err(AllocError::NoMemory) => {}
            answer => return answer,
        }
        let mut chunks = 1;
        while self.give_back(chunks) {
            match request(self) {
                Err(AllocError::NoMemory) => chunks = chunks.saturating_mul(2),
                answer => return answer,
            }
        }
        Err(AllocError::NoMemory)
    }

    /// Gives so many wholly free chunks back to the backing, or all that there are. Returns whether there were any.
    #[cold]
    #[inline(never)]
    pub(super) fn give_back(&mut self, chunks: usize) -> bool {
        for class in 0..C::SLOT_SIZES.len() {
            if self.wholly_free >= chunks {
                break;
            }
            self.sort(ClassIndex::new(class), &mut { usize::MAX });
        }
        self.sweep(chunks, usize::MAX) > 0
    }

    /// Sorts up to `slots` free slots of a class into their chunks, and counts `slots` down. Where the class has no live slot,
    /// and `slots` are more than it has, it is enough to look at its chunks; then `slots` goes down by their number.
    ///
    /// O(slots × log(chunks)), or O(chunks of the class).
    fn sort(&mut self, class: ClassIndex, slots: &mut usize) {
        let slab = &mut self.slabs.as_mut()[class.get()];
        if slab.slots_to_sort() == 0 {
            return;
        }
        let has_its_own = slab.lent_slots() == 0 && slab.borrowed_slots() == 0;
        if slab.used_slots() == 0
            && *slots > slab.total_slots()
            && slab.chunks() <= slab.unsorted_slots()
            && has_its_own
        {
            *slots -= slab.chunks();
            self.wholly_free += self.chunks.sort_all(slab);
            return;
        }
        let mut last: Option<Found> = None;
        loop {
            let slab = &mut self.slabs.as_mut()[class.get()];
            if *slots == 0 && slab.unsorted_slots() > 0 {
                break;
            }
            let Some(slot) = slab.take_unsorted() else { break };
            *slots -= 1;
            let address = slot.addr().get();
            let Some(found) = last.filter(|found| found.is_at(address)).or_else(|| self.chunks.find(address)) else {
                debug_assert!(false, "a free slot lies in a chunk");
                break;
            };
            last = Some(found);
            let slab = &mut self.slabs.as_mut()[class.get()];
            // SAFETY: the slot was taken off a slab's list, and the chunk is the one that it lies in.
            self.wholly_free += usize::from(unsafe { self.chunks.sort(slot, found.id, slab) });
        }
    }

    /// Looks at up to `looks` chunks in the order of their addresses, from where it stopped the last time, and gives up to
    /// `chunks` wholly free ones back. Returns how many. O(looks × log(chunks)).
    ///
    /// In the order of addresses, a backing that merges free blocks with their neighbours has the least to do.
    fn sweep(&mut self, chunks: usize, looks: usize) -> usize {
        let mut given = 0;
        for _ in 0..looks {
            if given == chunks || self.wholly_free == 0 {
                break;
            }
            let Some(id) = self.chunks.at_or_above(self.sweep_from).or_else(|| self.chunks.at_or_above(0)) else {
                break;
            };
            let chunk = *self.chunks.get(id);
            self.sweep_from = chunk.start.addr().get() + 1;
            if !chunk.is_wholly_free() {
                continue;
            }
            let slabs = self.slabs.as_mut();
            let slot_size = C::SLOT_SIZES[chunk.class.get()];
            slabs[chunk.class.get()].release(&chunk);
            self.chunks.remove(id, slabs, &mut self.backing);
            self.wholly_free -= 1;
            given += 1;
            if let Some(layout) = chunk.layout(slot_size, C::MOST_ALIGNED) {
                // SAFETY: the chunk was taken with this layout; all of its slots are free, and go with it.
                unsafe { self.backing.dealloc_own(chunk.start, layout) };
            }
        }
        given
    }

    /// Looks for chunks that are wholly free and gives them back to the backing, in steps of any size: sorts up to `budget`
    /// free slots and, where all slots are sorted, looks at chunks. Returns how many slots are still to be sorted and how
    /// many free chunks are still to go back: 0 when nothing is left to do. One call may lower that number by more than
    /// `budget`, as it is enough to look at the chunks of a class without live slots.
    ///
    /// A request that finds memory short then has to sort only the slots that were freed since.
    ///
    /// # Time complexity
    ///
    /// O(`budget` × log(chunks)), at most `budget` requests to the backing. The heap sorts a slot once after it was freed.
    ///
    /// # Examples
    ///
    /// In the idle loop of a system that wants its allocations short:
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use allocator_core::{BaseAllocator, ByteAllocator};
    /// use allocator_slab::SlabByteAllocator;
    ///
    /// let mut pool = vec![0u64; 4096];
    /// let mut heap = SlabByteAllocator::new();
    /// // SAFETY: nothing else uses the pool while the heap does.
    /// unsafe { heap.init(pool.as_mut_ptr() as usize, 32 << 10)? };
    /// let blocks = [(); 100].map(|()| heap.alloc(Layout::new::<[u64; 8]>()).unwrap());
    /// for block in blocks {
    ///     // SAFETY: the block came from this heap with this layout.
    ///     unsafe { heap.dealloc(block, Layout::new::<[u64; 8]>()) };
    /// }
    /// assert!(heap.backing().used_bytes() > 0);
    /// while heap.reclaim(16) > 0 {
    ///     // Time for something else.
    /// }
    /// assert_eq!(heap.backing().used_bytes(), 0);
    /// # Ok::<(), allocator_core::AllocError>(())
    /// ```
    pub fn reclaim(&mut self, budget: usize) -> usize {
        let mut slots = budget;
        let classes = C::SLOT_SIZES.len();
        for _ in 0..classes {
            self.sort(ClassIndex::new(self.next_to_reclaim), &mut slots);
            // The next call goes on with this class, so that each class has its turn.
            if slots == 0 {
                break;
            }
            self.next_to_reclaim = (self.next_to_reclaim + 1) % classes;
        }
        self.sweep(usize::MAX, slots);
        self.slabs().iter().map(Slab::slots_to_sort).sum::<usize>() + self.wholly_free
    }

    /// Gives every wholly free chunk back to the backing now, instead of when memory has run out, and returns how many bytes
    /// that are, as the backing counts them.
    ///
    /// Over [`PageBacked`](allocator_core::PageBacked) that is memory for the page allocator. For the same in bounded steps
    /// there is [`reclaim`](Self::reclaim).
    ///
    /// # Time complexity
    ///
    /// As for a request that finds memory short, at its worst.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use allocator_core::{BaseAllocator, ByteAllocator};
    /// use allocator_slab::SlabByteAllocator;
    ///
    /// let mut pool = vec![0u64; 4096];
    /// let mut heap = SlabByteAllocator::new();
    /// // SAFETY: nothing else uses the pool while the heap does.
    /// unsafe { heap.init(pool.as_mut_ptr() as usize, 32 << 10)? };
    /// let block = heap.alloc(Layout::new::<[u64; 8]>())?;
    /// assert_eq!(heap.trim(), 0, "the block lies in the only chunk");
    /// // SAFETY: the block came from this heap with this layout.
    /// unsafe { heap.dealloc(block, Layout::new::<[u64; 8]>()) };
    /// assert!(heap.trim() >= 64 && heap.backing().used_bytes() == 0);
    /// # Ok::<(), allocator_core::AllocError>(())
    /// ```
    pub fn trim(&mut self) -> usize {
        let before = self.backing.own_bytes();
        self.give_back(usize::MAX);
        let given_back = before - self.backing.own_bytes();
        // If the backing has a backing of its own, the memory goes on to that.
        given_back.max(self.backing.engine.trim())
    }
}
