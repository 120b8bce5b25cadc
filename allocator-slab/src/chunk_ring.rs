//! The ring of the chunks of one slab. This file alone changes one.

use crate::chunk::{Chunk, ChunkId};
use crate::chunk_store::ChunkStore;

/// The chunks of one slab, a doubly linked ring through their entries.
///
/// # Invariants
///
/// From the head on, there come
///
/// 1. the chunks with `0 < sorted < slots`, which a slab without a free slot takes slots from;
/// 2. the others, with `sorted == 0` or wholly free, in any order.
///
/// `head.is_none()` iff the slab has no chunks.
#[derive(Clone, Copy)]
pub(crate) struct ChunkRing {
    head: Option<ChunkId>,
}

impl ChunkRing {
    pub(crate) const EMPTY: Self = Self { head: None };

    /// The first chunk.
    pub(crate) fn head(&self) -> Option<ChunkId> {
        self.head
    }

    /// The last chunk.
    pub(crate) fn last(&self, store: &ChunkStore) -> Option<ChunkId> {
        self.head.map(|head| store.get(head).previous)
    }

    /// Adds a chunk at the end that is in no ring, none of whose slots are sorted.
    pub(crate) fn add(&mut self, store: &mut ChunkStore, id: ChunkId) {
        match self.head {
            Some(head) => link_before(store, id, head),
            None => {
                let chunk = store.get_mut(id);
                (chunk.previous, chunk.next) = (id, id);
                self.head = Some(id);
            }
        }
    }

    /// Takes a chunk of the ring out of it.
    pub(crate) fn remove(&mut self, store: &mut ChunkStore, id: ChunkId) {
        let next = store.get(id).next;
        if next == id {
            self.head = None;
            return;
        }
        unlink(store, id);
        if self.head == Some(id) {
            self.head = Some(next);
        }
    }

    /// Has the ring refer to `new` where it refers to `old`: the entry was copied from `old` to `new`.
    pub(crate) fn relocate(&mut self, store: &mut ChunkStore, old: ChunkId, new: ChunkId) {
        let Chunk { previous, next, .. } = *store.get(new);
        if next == old {
            let chunk = store.get_mut(new);
            (chunk.previous, chunk.next) = (new, new);
        } else {
            store.get_mut(previous).next = new;
            store.get_mut(next).previous = new;
        }
        if self.head == Some(old) {
            self.head = Some(new);
        }
    }

    /// Moves a chunk to its place after a slot was sorted into it.
    #[inline]
    pub(crate) fn after_sorting(&mut self, store: &mut ChunkStore, id: ChunkId) {
        let chunk = *store.get(id);
        // The first slot and the last one change the place of the chunk.
        if chunk.is_wholly_free() {
            self.move_before_head(store, id);
        } else if chunk.sorted == 1 {
            self.move_before_head(store, id);
            self.head = Some(id);
        }
    }

    /// Moves the head to the end, after the slab took its slots.
    pub(crate) fn after_taking_from_head(&mut self, store: &ChunkStore) {
        self.head = self.head.map(|head| store.get(head).next);
    }

    /// Moves a chunk of the ring to just before the head, and the head on if it is that chunk.
    fn move_before_head(&mut self, store: &mut ChunkStore, id: ChunkId) {
        let next = store.get(id).next;
        let Some(head) = self.head.filter(|_| next != id) else { return };
        let head = if head == id { next } else { head };
        unlink(store, id);
        link_before(store, id, head);
        self.head = Some(head);
    }

    /// The chunks, from the head on.
    pub(crate) fn iter<'s>(&self, store: &'s ChunkStore) -> impl Iterator<Item = (ChunkId, &'s Chunk)> + use<'s> {
        let head = self.head;
        let mut next = head;
        core::iter::from_fn(move || {
            let id = next?;
            let chunk = store.get(id);
            next = Some(chunk.next).filter(|&next| Some(next) != head);
            Some((id, chunk))
        })
    }
}

/// Links a chunk that is in no ring in before another.
fn link_before(store: &mut ChunkStore, id: ChunkId, next: ChunkId) {
    let previous = store.get(next).previous;
    let chunk = store.get_mut(id);
    (chunk.previous, chunk.next) = (previous, next);
    store.get_mut(previous).next = id;
    store.get_mut(next).previous = id;
}

/// Takes a chunk out of a ring that has others.
fn unlink(store: &mut ChunkStore, id: ChunkId) {
    let Chunk { previous, next, .. } = *store.get(id);
    store.get_mut(previous).next = next;
    store.get_mut(next).previous = previous;
}
