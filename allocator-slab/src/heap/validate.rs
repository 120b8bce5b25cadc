//! Whether the parts of a heap agree with each other.

use core::ptr::NonNull;

use allocator_core::ByteAllocator;

use super::SlabByteAllocator;
use crate::classes::SizeClasses;

impl<C: SizeClasses, B: ByteAllocator> SlabByteAllocator<C, B> {
    /// Counts everything again: that every free slot is a slot of a chunk of its class, and in the list once; that the
    /// slabs have the slots of their chunks, less the live ones, in their lists and on the shelves; and that the chunks and
    /// their table fit in what the heap holds of its backing. O(free slots × log(chunks) + chunks).
    ///
    /// For tests, and for looking at a heap that somebody has scribbled over.
    ///
    /// # Errors
    ///
    /// What does not hold, the first of it that is found.
    pub fn validate(&self) -> Result<(), &'static str> {
        let mut slots = 0;
        let mut bytes = self.chunks.segment_bytes();
        for (class, (slab, &slot_size)) in self.slabs.as_ref().iter().zip(C::SLOT_SIZES).enumerate() {
            let of_class = self.chunks.iter().filter(|chunk| usize::from(chunk.class) == class);
            let slots_of_class = of_class.map(|chunk| usize::from(chunk.slots)).sum::<usize>();
            ensure(slab.slot_size() == slot_size, "a slab has slots of another size than its class")?;
            ensure(slab.total_slots() == slots_of_class, "the slots of a slab are not those of its chunks")?;
            ensure(slab.used_slots() <= slab.total_slots(), "a slab has more slots in use than it has")?;
            slots += slots_of_class;
            bytes += slots_of_class * slot_size;
        }
        let all = self.chunks.iter().map(|chunk| usize::from(chunk.slots)).sum::<usize>();
        ensure(slots == all, "a chunk is of no class")?;
        ensure(bytes <= self.supply.held(), "the chunks and their table are more than the heap holds")?;
        ensure(self.supply.held() <= self.supply.backing.used_bytes(), "the heap holds more than the backing gave")?;
        self.chunks.validate()?;
        let mut wholly_free = 0;
        for (class, slab) in self.slabs.as_ref().iter().enumerate() {
            let of_list = self.count_linked(class, slab.free_slots(), slab.listed())?;
            ensure(of_list == slab.listed(), "free slots are missing in the list")?;
            let (mut chunks, mut shelved, mut shelves_are_over) = (0, 0, false);
            for chunk in self.chunks.of_slab(slab) {
                chunks += 1;
                ensure(chunks <= slab.chunks(), "the ring of chunks has more of them than the slab")?;
                ensure(usize::from(chunk.class) == class, "a chunk is in the ring of another class")?;
                shelved += usize::from(chunk.shelved);
                if chunk.is_wholly_free() {
                    // Its slots may be without links, as it will not give them away any more.
                    wholly_free += 1;
                    shelves_are_over = true;
                    continue;
                }
                ensure(chunk.shelved == 0 || !shelves_are_over, "a chunk with a shelf comes behind one without")?;
                shelves_are_over |= chunk.shelved == 0;
                let on_shelf = self.count_linked(class, slab.shelf_of(chunk), usize::from(chunk.shelved))?;
                ensure(on_shelf == usize::from(chunk.shelved), "free slots are missing on a shelf")?;
            }
            ensure(chunks == slab.chunks(), "chunks are missing in a ring")?;
            ensure(shelved == slab.shelved(), "the slots on shelves are not as many as the slab thinks")?;
        }
        ensure(wholly_free == self.wholly_free, "the chunks that are wholly free are not as many as the heap thinks")
    }

    /// How many slots these are, each of which is one of a chunk of this class; not more than `most`. As each holds one
    /// link, one that comes twice makes them go in circles.
    fn count_linked(
        &self,
        class: usize,
        slots: impl Iterator<Item = NonNull<u8>>,
        most: usize,
    ) -> Result<usize, &'static str> {
        let slot_size = C::SLOT_SIZES[class];
        let mut count = 0;
        for slot in slots {
            count += 1;
            ensure(count <= most, "the list of free slots goes in circles")?;
            let found = self.chunks.find(slot.addr().get()).ok_or("a free slot lies below all chunks")?;
            let chunk = self.chunks.get(found.link);
            let offset = slot.addr().get() - chunk.start.addr().get();
            ensure(usize::from(chunk.class) == class, "a free slot lies in a chunk of another class")?;
            ensure(offset / slot_size < usize::from(chunk.slots), "a free slot lies behind its chunk")?;
            ensure(offset.is_multiple_of(slot_size), "a free slot lies between two")?;
        }
        Ok(count)
    }
}

fn ensure(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}
