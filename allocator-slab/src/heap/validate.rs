//! A check of whether the parts of a heap agree with each other.

use core::ptr::NonNull;

use allocator_core::ByteAllocator;
use allocator_core::error::ensure;

use super::SlabByteAllocator;
use crate::chunk::ClassIndex;
use crate::classes::SizeClasses;
use crate::slab::Slab;

impl<C: SizeClasses, B: ByteAllocator> SlabByteAllocator<C, B> {
    /// Counts everything again: whether
    ///
    /// - every free slot is a slot of a chunk of its class, and in one list, once;
    /// - the lists of a slab and of its chunks have as many slots as the slab counts;
    /// - the ring of each slab has its chunks, in order;
    /// - the chunks and their table are no more than the heap has for itself.
    ///
    /// For tests, and to look at a heap whose memory a faulty program has written to.
    ///
    /// # Time complexity
    ///
    /// O(free slots × log(chunks) + chunks).
    ///
    /// # Errors
    ///
    /// The first of these that does not hold.
    pub fn validate(&self) -> Result<(), &'static str> {
        self.chunks.validate()?;
        self.validate_sizes()?;
        let mut wholly_free = 0;
        for (class, slab) in self.slabs.as_ref().iter().enumerate() {
            let class = ClassIndex::new(class);
            let in_list = self.count_linked(class, slab.free_slots(), slab.unsorted_slots())?;
            ensure(in_list == slab.unsorted_slots(), "free slots are missing in the list of a slab")?;
            wholly_free += self.validate_ring(class, slab)?;
        }
        ensure(wholly_free == self.wholly_free, "the wholly free chunks are not as many as the heap counts")
    }

    /// Whether the slabs have the slots of their chunks, and the heap has the memory of those.
    fn validate_sizes(&self) -> Result<(), &'static str> {
        let (mut slots, mut lent, mut borrowed, mut slab_bytes) = (0, 0, 0, 0);
        let mut bytes = self.chunks.block_bytes();
        for (class, (slab, &slot_size)) in self.slabs.as_ref().iter().zip(C::SLOT_SIZES).enumerate() {
            let of_class = self.chunks.iter().filter(|chunk| chunk.class == ClassIndex::new(class));
            let slots_of_class = of_class.map(|chunk| usize::from(chunk.slots)).sum::<usize>();
            let has_size = slab.slot_size() == slot_size || (slab.slot_size() == 0 && slots_of_class == 0);
            ensure(has_size, "a slab has slots of another size than its class")?;
            let own = slots_of_class.checked_sub(slab.lent_slots()).ok_or("a slab has lent more slots than it has")?;
            let total = own + slab.borrowed_slots();
            ensure(
                slab.total_slots() == total,
                "the slots of a slab are not those of its chunks and what it borrowed",
            )?;
            lent += slab.lent_slots();
            borrowed += slab.borrowed_slots();
            slab_bytes += slab.total_slots() * slot_size + slab.borrowed_excess();
            ensure(slab.borrowed_slots() <= slab.used_slots(), "a slab has borrowed slots that are free")?;
            ensure(slab.used_slots() <= slab.total_slots(), "a slab has more slots in use than it has")?;
            slots += slots_of_class;
            bytes += slots_of_class * slot_size;
        }
        let of_chunks = bytes - self.chunks.block_bytes();
        ensure(slab_bytes == of_chunks, "the slots of the slabs have not the size of the chunks")?;
        let all = self.chunks.iter().map(|chunk| usize::from(chunk.slots)).sum::<usize>();
        ensure(slots == all, "a chunk is of no class")?;
        ensure(lent == self.lent_slots, "the heap does not count the slots that its slabs have lent")?;
        ensure(lent == borrowed, "the slots that slabs have lent are not those that slabs have borrowed")?;
        ensure(bytes <= self.backing.own_bytes(), "the chunks and their table are more than the heap has")?;
        let taken = self.backing.own_bytes() + self.backing.large_bytes();
        ensure(taken <= self.backing.engine.used_bytes(), "the heap counts more than the backing gave")
    }

    /// Whether the ring of a slab has its chunks in order, and these have the sorted slots. How many are wholly free.
    fn validate_ring(&self, class: ClassIndex, slab: &Slab) -> Result<usize, &'static str> {
        let (mut chunks, mut sorted, mut wholly_free, mut lists_are_over) = (0, 0, 0, false);
        for chunk in self.chunks.of_slab(slab) {
            chunks += 1;
            ensure(chunks <= slab.chunks(), "the ring of chunks has more of them than the slab")?;
            ensure(chunk.class == class, "a chunk is in the ring of another class")?;
            sorted += usize::from(chunk.sorted);
            if chunk.is_wholly_free() {
                // Its slots may be without links, as it will not give them away any more.
                wholly_free += 1;
                lists_are_over = true;
                continue;
            }
            ensure(chunk.sorted == 0 || !lists_are_over, "a chunk with a list comes behind one without")?;
            lists_are_over |= chunk.sorted == 0;
            let in_list = self.count_linked(class, slab.free_slots_of(chunk), usize::from(chunk.sorted))?;
            ensure(in_list == usize::from(chunk.sorted), "free slots are missing in the list of a chunk")?;
        }
        ensure(chunks == slab.chunks(), "chunks are missing in a ring")?;
        ensure(sorted == slab.sorted_slots(), "the sorted slots are not as many as the slab counts")?;
        Ok(wholly_free)
    }

    /// How many slots of a list there are, each of which must be a slot of this class; at most `most`. A slot holds one link,
    /// so a list that has a slot twice has no end.
    fn count_linked(
        &self,
        class: ClassIndex,
        slots: impl Iterator<Item = NonNull<u8>>,
        most: usize,
    ) -> Result<usize, &'static str> {
        let mut count = 0;
        for slot in slots {
            count += 1;
            ensure(count <= most, "a list of free slots has no end")?;
            let found = self.chunks.find(slot.addr().get()).ok_or("a free slot lies below all chunks")?;
            let chunk = self.chunks.get(found.id);
            let offset = slot.addr().get() - chunk.address();
            ensure(chunk.class == class, "a free slot lies in a chunk of another class")?;
            let slot_size = C::SLOT_SIZES[class.get()];
            ensure(offset / slot_size < usize::from(chunk.slots), "a free slot lies behind its chunk")?;
            ensure(offset.is_multiple_of(slot_size), "a free slot lies between two")?;
        }
        Ok(count)
    }
}
