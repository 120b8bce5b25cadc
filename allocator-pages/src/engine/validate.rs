//! Everything is counted again.

use super::{Frames, Policy};
use crate::chunk::{CHUNK_PAGES, FREE_CHUNK, largest_order};
use crate::tree::Node;
use crate::zone::Zone;

fn ensure(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}

impl<P: Policy, const PAGE_SIZE: usize> Frames<'_, P, PAGE_SIZE> {
    /// Counts everything again.
    ///
    /// # Errors
    ///
    /// What does not hold, the first of it that is found.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        let (mut total, mut free) = (0, 0);
        for zone in self.zones.iter() {
            let managed: usize = zone.extents.iter().map(|extent| extent.len()).sum();
            let set: usize = zone.bits().iter().map(|word| word.count_ones() as usize).sum();
            let (mut free_managed, mut at) = (0, zone.first_page());
            for extent in zone.extents.iter() {
                ensure(extent.start >= at && extent.end <= zone.window.end, "the extents of a zone are not in order")?;
                at = extent.end + 1;
                free_managed += extent.filter(|&page| zone.is_free(page)).count();
            }
            ensure(set == free_managed, "a page is free that is not managed")?;
            total += managed;
            free += set;
            self.validate_tree(zone)?;
        }
        ensure(total == self.total, "the extents do not add up to the total")?;
        ensure(free == self.total - self.used_pages(), "the bits do not add up to what is available")?;
        Ok(())
    }

    /// Computes a zone's tree again, from the bits without what is in stock.
    fn validate_tree(&self, zone: &Zone<P::Node>) -> Result<(), &'static str> {
        let tree = zone.tree();
        let block_pages = 1 << self.blocks.order();
        for chunk in zone.chunks().first..zone.chunks().end() {
            let mut bits = *zone.chunk(chunk);
            // Another zone can have pages with the numbers of this chunk, too.
            let here = |page: &usize| page / CHUNK_PAGES == chunk && zone.window.contains(page);
            for page in self.pages.iter().filter(here) {
                let word = &mut bits[page % CHUNK_PAGES / 64];
                ensure(*word >> (page % 64) & 1 == 1, "a page is in stock that is not free, or twice")?;
                *word &= !(1 << (page % 64));
            }
            let in_runs = self.runs.iter().flat_map(|page| page..page + self.runs.num_pages());
            for page in in_runs.filter(here) {
                let word = &mut bits[page % CHUNK_PAGES / 64];
                ensure(
                    *word >> (page % 64) & 1 == 1,
                    "a run is in stock that is not free, or that something else is in",
                )?;
                *word &= !(1 << (page % 64));
            }
            let first = chunk * CHUNK_PAGES;
            if self.blocks.iter().any(|page| (page..page + block_pages).contains(&first) && zone.window.contains(&page))
            {
                ensure(bits == FREE_CHUNK, "a block is in stock that is not free")?;
                bits = [0; CHUNK_PAGES / 64];
            }
            let code = largest_order(&bits).map_or(0, |order| order as u8 + 1);
            ensure(tree.order(0, chunk) == code, "the order of a chunk is not that of its largest block")?;
            ensure(tree.node::<P::Node>(0, chunk) == P::Node::of_chunk(&bits), "what is known of a chunk is wrong")?;
        }
        tree.validate::<P::Node>()
    }
}
