//! Everything is counted again.

use super::PageEngine;
use super::policy::Policy;
use crate::leaf::{FREE_LEAF, LEAF_PAGES, largest_order};
use crate::section::Section;
use crate::tree::Node;
use allocator_core::PageAllocator;
use allocator_core::error::ensure;

impl<P: Policy, const PAGE_SIZE: usize> PageEngine<'_, P, PAGE_SIZE> {
    /// Counts everything again: the bits against the extents and the statistics, the tree against the bits. O(pages). For
    /// tests, and for looking at metadata that somebody has scribbled over.
    ///
    /// # Errors
    ///
    /// What does not hold, the first of it that is found.
    pub fn validate(&self) -> Result<(), &'static str> {
        let (mut total, mut free) = (0, 0);
        for section in self.sections.iter() {
            let managed: usize = section.extents.iter().map(|extent| extent.len()).sum();
            let set: usize = section.bits().iter().map(|word| word.count_ones() as usize).sum();
            let (mut free_managed, mut at) = (0, section.first_page());
            for extent in section.extents.iter() {
                ensure(
                    extent.start >= at && extent.end <= section.window.end,
                    "the extents of a section are not in order",
                )?;
                at = extent.end + 1;
                free_managed += extent.filter(|&page| section.is_free(page)).count();
            }
            ensure(set == free_managed, "a page is free that is not managed")?;
            total += managed;
            free += set;
            self.validate_tree(section)?;
        }
        ensure(total == self.total, "the extents do not add up to the total")?;
        ensure(free == self.total - self.used_pages(), "the bits do not add up to what is available")?;
        Ok(())
    }

    /// Computes a section's tree again, from the bits without what is in stock.
    fn validate_tree(&self, section: &Section<P::Node>) -> Result<(), &'static str> {
        let tree = section.tree();
        let block_pages = 1 << self.blocks.order();
        for leaf in section.leaves().first..section.leaves().end() {
            let mut bits = *section.leaf(leaf);
            // Another section can have pages with the numbers of this leaf, too.
            let here = |page: &usize| page / LEAF_PAGES == leaf && section.window.contains(page);
            for page in self.pages.iter().filter(here) {
                let word = &mut bits[page % LEAF_PAGES / 64];
                ensure(*word >> (page % 64) & 1 == 1, "a page is in stock that is not free, or twice")?;
                *word &= !(1 << (page % 64));
            }
            let in_runs = self.runs.iter().flat_map(|page| page..page + self.runs.num_pages());
            for page in in_runs.filter(here) {
                let word = &mut bits[page % LEAF_PAGES / 64];
                ensure(
                    *word >> (page % 64) & 1 == 1,
                    "a run is in stock that is not free, or that something else is in",
                )?;
                *word &= !(1 << (page % 64));
            }
            let first = leaf * LEAF_PAGES;
            if self
                .blocks
                .iter()
                .any(|page| (page..page + block_pages).contains(&first) && section.window.contains(&page))
            {
                ensure(bits == FREE_LEAF, "a block is in stock that is not free")?;
                bits = [0; LEAF_PAGES / 64];
            }
            let code = largest_order(&bits).map_or(0, |order| order as u8 + 1);
            ensure(tree.order(0, leaf) == code, "the order of a leaf is not that of its largest block")?;
            ensure(tree.node::<P::Node>(0, leaf) == P::Node::of_leaf(&bits), "what is known of a leaf is wrong")?;
        }
        tree.validate::<P::Node>()
    }
}
