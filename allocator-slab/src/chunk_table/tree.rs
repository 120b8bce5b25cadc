//! The search tree of chunks by address.
//!
//! An AVL tree (Adelson-Velskii and Landis, 1962): no order of insertions and removals makes a search longer than
//! 1.44 log2(chunks). The entries of the chunks are its nodes, so it needs no memory beside them.

use core::cmp::Ordering;

use crate::chunk::{Chunk, ChunkId};
use crate::chunk_store::ChunkStore;

/// A chunk, and the addresses for which a search finds it again.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) id: ChunkId,
    from: usize,
    to: usize,
}

impl Found {
    /// Whether a search for `address` finds this chunk.
    pub(crate) fn is_at(&self, address: usize) -> bool {
        (self.from..self.to).contains(&address)
    }
}

/// The tree of the chunks in a store.
///
/// # Invariants
///
/// - The chunks under `below` start at lower addresses than their root, those under `above` at higher ones.
/// - The heights of the two subtrees of a chunk differ by at most 1.
pub(crate) struct Tree {
    root: Option<ChunkId>,
}

impl Tree {
    pub(crate) const EMPTY: Self = Self { root: None };

    /// The chunk with the highest start that is not above `address`: the one that a slot at this address lies in.
    /// O(log(chunks)).
    pub(crate) fn find(&self, store: &ChunkStore, address: usize) -> Option<Found> {
        let (mut found, mut to, mut next) = (None, usize::MAX, self.root);
        while let Some(id) = next {
            let chunk = store.get(id);
            let start = chunk.address();
            if start <= address {
                found = Some((id, start));
                next = chunk.above;
            } else {
                to = start;
                next = chunk.below;
            }
        }
        found.map(|(id, from)| Found { id, from, to })
    }

    /// The chunk with the lowest start that is not below `address`. O(log(chunks)).
    pub(crate) fn at_or_above(&self, store: &ChunkStore, address: usize) -> Option<ChunkId> {
        let (mut found, mut next) = (None, self.root);
        while let Some(id) = next {
            let chunk = store.get(id);
            if chunk.address() < address {
                next = chunk.above;
            } else {
                found = Some(id);
                next = chunk.below;
            }
        }
        found
    }

    /// Adds an entry that is not in the tree. O(log(chunks)).
    pub(crate) fn insert(&mut self, store: &mut ChunkStore, id: ChunkId) {
        let node = store.get_mut(id);
        (node.below, node.above, node.height) = (None, None, 1);
        self.root = Some(insert_under(store, self.root, id));
    }

    /// Takes an entry out of the tree. O(log(chunks)).
    pub(crate) fn remove(&mut self, store: &mut ChunkStore, id: ChunkId) {
        self.root = self.root.and_then(|root| remove_under(store, root, id));
    }

    /// Has the tree refer to `new` where it refers to `old`: the entry is about to move there. O(log(chunks)).
    pub(crate) fn relocate(&mut self, store: &mut ChunkStore, old: ChunkId, new: ChunkId) {
        let start = store.get(old).start;
        let Some(mut at) = self.root else { return };
        if at == old {
            self.root = Some(new);
            return;
        }
        loop {
            let node = store.get_mut(at);
            let child = if start < node.start { &mut node.below } else { &mut node.above };
            match *child {
                Some(id) if id == old => {
                    *child = Some(new);
                    return;
                }
                Some(id) => at = id,
                None => return,
            }
        }
    }

    /// Whether the tree is in order and balanced, and how many entries it has.
    pub(crate) fn validate(&self, store: &ChunkStore) -> Result<usize, &'static str> {
        validate_under(store, self.root, 0, usize::MAX).map(|(entries, _)| entries)
    }
}

/// The tree at `root` with `id` in it.
fn insert_under(store: &mut ChunkStore, root: Option<ChunkId>, id: ChunkId) -> ChunkId {
    let Some(root) = root else { return id };
    let (node, start) = (*store.get(root), store.get(id).start);
    if start < node.start {
        let below = insert_under(store, node.below, id);
        store.get_mut(root).below = Some(below);
    } else {
        let above = insert_under(store, node.above, id);
        store.get_mut(root).above = Some(above);
    }
    balance(store, root)
}

/// The tree at `root` without `id`.
fn remove_under(store: &mut ChunkStore, root: ChunkId, id: ChunkId) -> Option<ChunkId> {
    let node = *store.get(root);
    match store.get(id).start.cmp(&node.start) {
        Ordering::Less => {
            let below = node.below.and_then(|below| remove_under(store, below, id));
            store.get_mut(root).below = below;
        }
        Ordering::Greater => {
            let above = node.above.and_then(|above| remove_under(store, above, id));
            store.get_mut(root).above = above;
        }
        Ordering::Equal => {
            let (Some(below), Some(above)) = (node.below, node.above) else { return node.below.or(node.above) };
            // The lowest entry above takes the place of the root.
            let (lowest, rest) = remove_lowest(store, above);
            let successor = store.get_mut(lowest);
            (successor.below, successor.above) = (Some(below), rest);
            return Some(balance(store, lowest));
        }
    }
    Some(balance(store, root))
}

/// The lowest entry of the tree at `root`, and what is left of that tree.
fn remove_lowest(store: &mut ChunkStore, root: ChunkId) -> (ChunkId, Option<ChunkId>) {
    let node = *store.get(root);
    let Some(below) = node.below else { return (root, node.above) };
    let (lowest, rest) = remove_lowest(store, below);
    store.get_mut(root).below = rest;
    (lowest, Some(balance(store, root)))
}

fn height(store: &ChunkStore, root: Option<ChunkId>) -> u8 {
    root.map_or(0, |id| store.get(id).height)
}

fn update_height(store: &mut ChunkStore, id: ChunkId) {
    let Chunk { below, above, .. } = *store.get(id);
    store.get_mut(id).height = 1 + height(store, below).max(height(store, above));
}

/// The tree at `root`, whose two parts are balanced and differ in height by at most 2, balanced.
fn balance(store: &mut ChunkStore, root: ChunkId) -> ChunkId {
    let Chunk { below, above, .. } = *store.get(root);
    match (below, above) {
        (Some(below), above) if height(store, Some(below)) > height(store, above) + 1 => {
            let inner = *store.get(below);
            if height(store, inner.above) > height(store, inner.below) {
                let raised = rotate_up_above(store, below);
                store.get_mut(root).below = Some(raised);
            }
            rotate_up_below(store, root)
        }
        (below, Some(above)) if height(store, Some(above)) > height(store, below) + 1 => {
            let inner = *store.get(above);
            if height(store, inner.below) > height(store, inner.above) {
                let raised = rotate_up_below(store, above);
                store.get_mut(root).above = Some(raised);
            }
            rotate_up_above(store, root)
        }
        _ => {
            update_height(store, root);
            root
        }
    }
}

/// A rotation: the entry below `root` becomes the root.
fn rotate_up_below(store: &mut ChunkStore, root: ChunkId) -> ChunkId {
    let Some(raised) = store.get(root).below else { return root };
    store.get_mut(root).below = store.get(raised).above;
    update_height(store, root);
    store.get_mut(raised).above = Some(root);
    update_height(store, raised);
    raised
}

/// A rotation: the entry above `root` becomes the root.
fn rotate_up_above(store: &mut ChunkStore, root: ChunkId) -> ChunkId {
    let Some(raised) = store.get(root).above else { return root };
    store.get_mut(root).above = store.get(raised).below;
    update_height(store, root);
    store.get_mut(raised).below = Some(root);
    update_height(store, raised);
    raised
}

/// The entries and the height of the tree at `root`, whose chunks start from `from` on and before `to`.
fn validate_under(
    store: &ChunkStore,
    root: Option<ChunkId>,
    from: usize,
    to: usize,
) -> Result<(usize, u8), &'static str> {
    let Some(root) = root else { return Ok((0, 0)) };
    let node = store.get(root);
    let start = node.address();
    if !(from..to).contains(&start) {
        return Err("the tree of chunks is not in order");
    }
    let (below, lower) = validate_under(store, node.below, from, start)?;
    let (above, upper) = validate_under(store, node.above, start + 1, to)?;
    if lower.abs_diff(upper) > 1 || node.height != 1 + lower.max(upper) {
        return Err("the tree of chunks is not balanced");
    }
    Ok((below + above + 1, node.height))
}
