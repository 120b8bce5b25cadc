//! `validate`, the self-check, which counts everything again.

use allocator_core::PageAllocator;
use allocator_core::error::ensure;

use super::PageEngine;
use super::policy::Policy;
use crate::leaf::{FREE_LEAF, LeafBits, LeafIndex, PageInLeaf, largest_order};
use crate::page::PageNumber;
use crate::section::Section;
use crate::tree::{Node, code_of};

/// Clears the bit of a page, which is cached.
fn clear_cached(bits: &mut LeafBits, page: PageNumber) -> Result<(), &'static str> {
    let bit = PageInLeaf::of(page).get();
    ensure(bits[bit / 64] >> (bit % 64) & 1 == 1, "a page is cached that is not free, or twice")?;
    bits[bit / 64] &= !(1 << (bit % 64));
    Ok(())
}

impl<P: Policy, const PAGE_SIZE: usize> PageEngine<'_, P, PAGE_SIZE> {
    /// Counts everything again: the bits against the extents and the statistics, the tree against the bits. O(pages). For
    /// tests, and for looking at metadata that somebody may have overwritten.
    ///
    /// # Errors
    ///
    /// The first fault that it finds.
    pub fn validate(&self) -> Result<(), &'static str> {
        let (mut total, mut free) = (0, 0);
        for section in self.sections.iter() {
            section.validate_extents()?;
            let set: usize = section.bits().iter().map(|word| word.count_ones() as usize).sum();
            let mut free_managed = 0;
            for &extent in section.extents().as_slice() {
                total += extent.len();
                free_managed += extent.iter().filter(|&page| section.is_free(page)).count();
            }
            ensure(set == free_managed, "a page is free that is not managed")?;
            free += set;
            self.validate_tree(section)?;
        }
        ensure(total == self.total, "the extents do not add up to the total")?;
        ensure(free == self.available_pages(), "the bits do not add up to what is available")?;
        ensure(self.span == self.sections.span(), "the span is not that of the extents")
    }

    /// Computes a section's tree again, from the bits without what is cached.
    fn validate_tree(&self, section: &Section<P::Node>) -> Result<(), &'static str> {
        let tree = section.tree();
        for node in tree.shape.leaves.iter() {
            let bits = self.uncached_bits(section, node.leaf())?;
            let code = code_of(largest_order(&bits));
            ensure(tree.code(0, node) == code, "the order of a leaf is not that of its largest block")?;
            ensure(tree.node::<P::Node>(0, node) == P::Node::of_leaf(&bits), "what a policy keeps of a leaf is wrong")?;
        }
        tree.validate::<P::Node>()
    }

    /// The bits of a leaf without those of cached pages.
    fn uncached_bits(&self, section: &Section<P::Node>, leaf: LeafIndex) -> Result<LeafBits, &'static str> {
        let mut bits = *section.leaf(leaf);
        // Another section can have pages with the numbers of this leaf, too.
        let here = |page: &PageNumber| LeafIndex::of(*page) == leaf && section.window().contains(*page);
        for page in self.pages.iter().filter(here) {
            clear_cached(&mut bits, page)?;
        }
        for page in self.runs.iter().flat_map(|run| run.iter()).filter(here) {
            clear_cached(&mut bits, page)?;
        }
        let first = leaf.first_page();
        if self.blocks.iter().any(|block| block.contains(first) && section.window().contains(block.start)) {
            ensure(bits == FREE_LEAF, "a block is cached that is not free")?;
            bits = [0; FREE_LEAF.len()];
        }
        Ok(bits)
    }
}
