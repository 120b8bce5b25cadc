//! The table of the chunks of a heap: their entries, the tree of them by address, and the rings of those of a class.

use core::fmt;
use core::ptr::NonNull;

use allocator_core::{AllocResult, ByteAllocator};

use crate::backing::Backing;
use crate::chunk::{Chunk, ChunkId};
use crate::chunk_store::ChunkStore;
use crate::slab::Slab;
use tree::{Found, Tree};

pub(crate) mod tree;

/// The chunks of all classes.
///
/// A slot does not know its chunk, and need not while the heap hands it out and takes it back. To find chunks that are wholly
/// free, the heap sorts free slots: it takes each off the list of its slab and puts it into the list of its chunk, which the
/// tree finds.
///
/// # Invariants
///
/// Every chunk has one entry in the store. That entry is in the tree, and in the ring of its slab.
///
/// # Time complexity
///
/// To add a chunk, to remove one, and to find the one that a slot lies in take O(log(chunks)).
pub(crate) struct ChunkTable {
    store: ChunkStore,
    tree: Tree,
}

impl ChunkTable {
    pub(crate) const fn new() -> Self {
        Self { store: ChunkStore::new(), tree: Tree::EMPTY }
    }

    pub(crate) fn get(&self, id: ChunkId) -> &Chunk {
        self.store.get(id)
    }

    /// The chunk that a slot at this address lies in. O(log(chunks)).
    pub(crate) fn find(&self, address: usize) -> Option<Found> {
        self.tree.find(&self.store, address)
    }

    /// The chunk with the lowest start that is not below `address`. O(log(chunks)).
    pub(crate) fn at_or_above(&self, address: usize) -> Option<ChunkId> {
        self.tree.at_or_above(&self.store, address)
    }

    /// Adds a chunk of this slab, whose free slots are in the list of the slab.
    ///
    /// # Errors
    ///
    /// [`NoMemory`](allocator_core::AllocError::NoMemory): the store is full, and the backing has no block for more entries;
    /// nothing has changed.
    pub(crate) fn add<B: ByteAllocator>(
        &mut self,
        chunk: Chunk,
        slab: &mut Slab,
        backing: &mut Backing<B>,
    ) -> AllocResult {
        let id = self.store.push(chunk, backing)?;
        self.tree.insert(&mut self.store, id);
        slab.ring.add(&mut self.store, id);
        Ok(())
    }

    /// The chunk of a slab that may become longer: the last one, unless it waits to go back.
    pub(crate) fn last_of(&mut self, slab: &Slab) -> Option<&mut Chunk> {
        let last = slab.ring.last(&self.store)?;
        Some(self.store.get_mut(last)).filter(|chunk| !chunk.is_wholly_free())
    }

    /// Removes a chunk, and returns it. The last entry of the store takes the place of its entry.
    pub(crate) fn remove<B: ByteAllocator>(
        &mut self,
        id: ChunkId,
        slabs: &mut [Slab],
        backing: &mut Backing<B>,
    ) -> Chunk {
        let removed = *self.store.get(id);
        self.tree.remove(&mut self.store, id);
        slabs[removed.class.get()].ring.remove(&mut self.store, id);
        if let Some(last) = self.store.last()
            && last != id
        {
            self.tree.relocate(&mut self.store, last, id);
            let moved = *self.store.get(last);
            *self.store.get_mut(id) = moved;
            slabs[moved.class.get()].ring.relocate(&mut self.store, last, id);
        }
        self.store.pop(backing);
        removed
    }

    /// Sorts a slot of this slab into its chunk. Returns whether the chunk is wholly free now.
    ///
    /// # Safety
    ///
    /// The slot came from [`Slab::take_unsorted`], and lies in this chunk.
    pub(crate) unsafe fn sort(&mut self, slot: NonNull<u8>, id: ChunkId, slab: &mut Slab) -> bool {
        let chunk = self.store.get_mut(id);
        // SAFETY: passed on from the caller.
        unsafe { slab.sort_into(slot, chunk) };
        let is_wholly_free = chunk.is_wholly_free();
        slab.ring.after_sorting(&mut self.store, id);
        is_wholly_free
    }

    /// Counts all slots of a slab without a live one as sorted. Returns how many chunks have become wholly free.
    /// O(chunks of the slab).
    pub(crate) fn sort_all(&mut self, slab: &mut Slab) -> usize {
        let mut newly_free = 0;
        let mut next = slab.ring.head();
        while let Some(id) = next {
            let chunk = self.store.get_mut(id);
            newly_free += usize::from(!chunk.is_wholly_free());
            chunk.sorted = chunk.slots;
            next = Some(chunk.next).filter(|&next| Some(next) != slab.ring.head());
        }
        slab.sort_all();
        newly_free
    }

    /// Makes the list of one chunk the list of the slab, which is empty. Returns whether there is such a chunk. O(1).
    pub(crate) fn take_sorted(&mut self, slab: &mut Slab) -> bool {
        let Some(head) = slab.ring.head() else { return false };
        let chunk = self.store.get_mut(head);
        // One that is wholly free waits to go back.
        if chunk.is_wholly_free() || !slab.take_list_of(chunk) {
            return false;
        }
        slab.ring.after_taking_from_head(&self.store);
        true
    }

    /// The chunks of a slab, in the order of its ring.
    pub(crate) fn of_slab<'t>(&'t self, slab: &Slab) -> impl Iterator<Item = &'t Chunk> + use<'t> {
        slab.ring.iter(&self.store).map(|(_, chunk)| chunk)
    }

    /// All chunks, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Chunk> + '_ {
        self.store.iter()
    }

    /// How many bytes the table has asked the backing for.
    pub(crate) fn block_bytes(&self) -> usize {
        self.store.block_bytes()
    }

    /// Whether every entry is in the tree, and the tree and the store are in order.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        self.store.validate()?;
        if self.tree.validate(&self.store)? == self.iter().count() { Ok(()) } else { Err("a chunk is not in the tree") }
    }
}

impl fmt::Debug for ChunkTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkTable")
            .field("chunks", &self.iter().count())
            .field("blocks", &self.store.block_count())
            .finish()
    }
}

#[cfg(test)]
mod tests;
