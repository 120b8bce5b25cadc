//! The chunks of a table as a search tree.
//!
//! An AVL tree (Adelson-Velskii and Landis, 1962), so that no order in which chunks come and go makes a search longer than
//! 1.44 log2(chunks). Its links are in the entries of the table; no memory is needed beside them.

use core::cmp::Ordering;

use super::ChunkTable;
use crate::chunk::{Chunk, Link};

/// A chunk, and the addresses for which it would be found again.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) link: Link,
    from: usize,
    to: usize,
}

impl Found {
    /// Whether the chunk is the one to be found for this address.
    pub(crate) fn holds(&self, address: usize) -> bool {
        (self.from..self.to).contains(&address)
    }
}

impl ChunkTable {
    /// The chunk with the highest start that is not above `address`: the one that the slot at this address lies in.
    /// O(log(chunks)).
    pub(crate) fn find(&self, address: usize) -> Option<Found> {
        let (mut found, mut to, mut next) = (None, usize::MAX, self.root);
        while let Some(link) = next {
            let chunk = self.get(link);
            let start = chunk.address();
            if start <= address {
                found = Some((link, start));
                next = chunk.above;
            } else {
                to = start;
                next = chunk.below;
            }
        }
        found.map(|(link, from)| Found { link, from, to })
    }

    /// The chunk with the lowest start that is not below `address`. O(log(chunks)).
    pub(crate) fn at_or_above(&self, address: usize) -> Option<Link> {
        let (mut found, mut next) = (None, self.root);
        while let Some(link) = next {
            let chunk = self.get(link);
            if chunk.address() < address {
                next = chunk.above;
            } else {
                found = Some(link);
                next = chunk.below;
            }
        }
        found
    }

    /// Puts an entry that is in no tree into it. O(log(chunks)).
    pub(super) fn insert(&mut self, link: Link) {
        let node = self.get_mut(link);
        (node.below, node.above, node.height) = (None, None, 1);
        self.root = Some(self.insert_under(self.root, link));
    }

    /// Takes an entry out of the tree. O(log(chunks)).
    pub(super) fn take_out(&mut self, link: Link) {
        self.root = self.root.and_then(|root| self.take_out_of(root, link));
    }

    /// Has the tree refer to `new` where it refers to `old`, which is about to move there. O(log(chunks)).
    pub(super) fn relink(&mut self, old: Link, new: Link) {
        let start = self.get(old).start;
        let Some(mut at) = self.root else { return };
        if at == old {
            self.root = Some(new);
            return;
        }
        loop {
            let node = self.get_mut(at);
            let child = if start < node.start { &mut node.below } else { &mut node.above };
            match *child {
                Some(link) if link == old => {
                    *child = Some(new);
                    return;
                }
                Some(link) => at = link,
                None => return,
            }
        }
    }

    /// The tree at `root` with `link` in it.
    fn insert_under(&mut self, root: Option<Link>, link: Link) -> Link {
        let Some(root) = root else { return link };
        let (node, start) = (*self.get(root), self.get(link).start);
        if start < node.start {
            let below = self.insert_under(node.below, link);
            self.get_mut(root).below = Some(below);
        } else {
            let above = self.insert_under(node.above, link);
            self.get_mut(root).above = Some(above);
        }
        self.balance(root)
    }

    /// What is left of the tree at `root` without `link`.
    fn take_out_of(&mut self, root: Link, link: Link) -> Option<Link> {
        let node = *self.get(root);
        match self.get(link).start.cmp(&node.start) {
            Ordering::Less => {
                let below = node.below.and_then(|below| self.take_out_of(below, link));
                self.get_mut(root).below = below;
            }
            Ordering::Greater => {
                let above = node.above.and_then(|above| self.take_out_of(above, link));
                self.get_mut(root).above = above;
            }
            Ordering::Equal => {
                let (Some(below), Some(above)) = (node.below, node.above) else { return node.below.or(node.above) };
                // The lowest of those above takes its place.
                let (lowest, rest) = self.take_lowest(above);
                let successor = self.get_mut(lowest);
                (successor.below, successor.above) = (Some(below), rest);
                return Some(self.balance(lowest));
            }
        }
        Some(self.balance(root))
    }

    /// The lowest entry of the tree at `root`, and what is left of that tree.
    fn take_lowest(&mut self, root: Link) -> (Link, Option<Link>) {
        let node = *self.get(root);
        let Some(below) = node.below else { return (root, node.above) };
        let (lowest, rest) = self.take_lowest(below);
        self.get_mut(root).below = rest;
        (lowest, Some(self.balance(root)))
    }

    fn height(&self, root: Option<Link>) -> u8 {
        root.map_or(0, |link| self.get(link).height)
    }

    fn update_height(&mut self, link: Link) {
        let Chunk { below, above, .. } = *self.get(link);
        self.get_mut(link).height = 1 + self.height(below).max(self.height(above));
    }

    /// The tree at `root`, whose two parts are balanced and differ in height by at most 2, balanced.
    fn balance(&mut self, root: Link) -> Link {
        let Chunk { below, above, .. } = *self.get(root);
        match (below, above) {
            (Some(below), above) if self.height(Some(below)) > self.height(above) + 1 => {
                let inner = *self.get(below);
                if self.height(inner.above) > self.height(inner.below) {
                    let risen = self.raise_above(below);
                    self.get_mut(root).below = Some(risen);
                }
                self.raise_below(root)
            }
            (below, Some(above)) if self.height(Some(above)) > self.height(below) + 1 => {
                let inner = *self.get(above);
                if self.height(inner.below) > self.height(inner.above) {
                    let risen = self.raise_below(above);
                    self.get_mut(root).above = Some(risen);
                }
                self.raise_above(root)
            }
            _ => {
                self.update_height(root);
                root
            }
        }
    }

    /// A rotation: the entry below `root` becomes the root.
    fn raise_below(&mut self, root: Link) -> Link {
        let Some(risen) = self.get(root).below else { return root };
        self.get_mut(root).below = self.get(risen).above;
        self.update_height(root);
        self.get_mut(risen).above = Some(root);
        self.update_height(risen);
        risen
    }

    /// A rotation: the entry above `root` becomes the root.
    fn raise_above(&mut self, root: Link) -> Link {
        let Some(risen) = self.get(root).above else { return root };
        self.get_mut(root).above = self.get(risen).below;
        self.update_height(root);
        self.get_mut(risen).below = Some(root);
        self.update_height(risen);
        risen
    }

    /// Whether the tree is in order and balanced, and how many entries it has.
    pub(super) fn check_tree(&self) -> Result<usize, &'static str> {
        self.check_under(self.root, 0, usize::MAX).map(|(entries, _)| entries)
    }

    /// The entries and the height of the tree at `root`, whose chunks start from `from` on and before `to`.
    fn check_under(&self, root: Option<Link>, from: usize, to: usize) -> Result<(usize, u8), &'static str> {
        let Some(root) = root else { return Ok((0, 0)) };
        let node = self.get(root);
        let start = node.address();
        if !(from..to).contains(&start) {
            return Err("the tree of chunks is not in order");
        }
        let (below, lower) = self.check_under(node.below, from, start)?;
        let (above, upper) = self.check_under(node.above, start + 1, to)?;
        if lower.abs_diff(upper) > 1 || node.height != 1 + lower.max(upper) {
            return Err("the tree of chunks is not balanced");
        }
        Ok((below + above + 1, node.height))
    }
}
