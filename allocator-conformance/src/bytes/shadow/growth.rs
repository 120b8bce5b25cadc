//! The shadow's `trim`, `release_region` and `region_for`.

use core::alloc::Layout;
use core::ops::Range;
use std::format;
use std::vec::Vec;

use super::Shadow;
use crate::config::{Outcome, call, ensure};
use allocator_core::ByteAllocator;

/// By how much an allocator may have trimmed either end of a region that it returns.
const MAX_TRIM: usize = 4096;

impl<A: ByteAllocator> Shadow<'_, A> {
    /// Trims the allocator; returns how many bytes it gave back.
    pub(crate) fn trim(&mut self) -> Outcome<usize> {
        let before = self.expected;
        self.next_step();
        let returned = self.allocator.trim();
        let call = call!("trim, which gave back {returned} bytes");
        let stats = self.stats();
        let handed_over = self.arena.regions().iter().map(|region| region.len()).sum::<usize>();
        ensure!(
            returned <= handed_over - self.live_bytes.min(handed_over),
            "{call}: there are {handed_over}, {} of them in live blocks",
            self.live_bytes
        );
        ensure!(stats.used == before.used, "{call}: used went from {} to {}", before.used, stats.used);
        let lost = before.total.checked_sub(stats.total);
        ensure!(
            lost.is_some_and(|lost| lost <= returned),
            "{call}: total went from {} to {}",
            before.total,
            stats.total
        );
        self.expected.total = stats.total;
        self.check_statistics(call)?;
        Ok(returned)
    }

    /// Takes back a region in which nothing is live, if the allocator has one to return. The region is the suite's again, and
    /// the allocator must not touch it any more.
    pub(crate) fn release_region(&mut self) -> Outcome<Option<Range<usize>>> {
        self.next_step();
        let Some(region) = self.allocator.release_region() else {
            return self.check_unchanged(call!("release_region, which returned nothing")).map(|()| None);
        };
        let released = region.start()..region.end();
        let call = call!("release_region, which returned {released:x?}");
        let whole = self.handed_over_as(&released);
        let whole = whole.ok_or_else(|| {
            format!("{call}: not what was handed over, whole: the regions are {:x?}", self.arena.regions())
        })?;
        let lives = self.live.range(..whole.end).next_back().filter(|&(&at, block)| at + block.usable > whole.start);
        if let Some((at, block)) = lives {
            return Err(format!("{call}: the block for {:?} at {at:#x} lives in it", block.layout));
        }
        let added = self.added.values().filter(|(region, _)| whole.contains(&region.start));
        let added = added.map(|&(_, added)| added).sum::<usize>();
        let (before, stats) = (self.expected, self.stats());
        ensure!(
            stats.total.checked_add(added) == Some(before.total),
            "{call}: total went from {} to {}, while the region had added {added}",
            before.total,
            stats.total
        );
        ensure!(stats.used == before.used, "{call}: used went from {} to {}", before.used, stats.used);
        self.expected.total = stats.total;
        self.check_statistics(call)?;
        self.added.retain(|start, _| !whole.contains(start));
        self.arena.take_back(&whole);
        Ok(Some(whole))
    }

    /// The region that was handed over, or the touching ones, of which this is all but what may have been trimmed off.
    fn handed_over_as(&self, released: &Range<usize>) -> Option<Range<usize>> {
        let mut whole: Option<Range<usize>> = None;
        for (region, _) in self.added.values() {
            if region.end <= released.start || released.end <= region.start {
                continue;
            }
            whole = match whole {
                None => Some(region.clone()),
                Some(below) if below.end == region.start => Some(below.start..region.end),
                Some(_) => return None,
            };
        }
        whole.filter(|whole| {
            let trimmed = [released.start.checked_sub(whole.start), whole.end.checked_sub(released.end)];
            trimmed.iter().all(|trimmed| trimmed.is_some_and(|trimmed| trimmed < MAX_TRIM))
        })
    }

    /// The region that the allocator wants for a request, if any helps.
    pub(crate) fn region_for(&mut self, layout: Layout) -> Outcome<Option<Layout>> {
        self.next_step();
        let wanted = self.allocator.region_for(layout);
        self.check_unchanged(call!("region_for of {layout:?}"))?;
        if let Some(region) = wanted {
            ensure!(
                region.size() >= layout.size().max(1),
                "region_for of {layout:?}: {region:?}, which is smaller than the block"
            );
        }
        Ok(wanted)
    }

    /// The regions that the allocator has, by address.
    pub(crate) fn regions(&self) -> Vec<Range<usize>> {
        self.added.values().map(|(region, _)| region.clone()).collect()
    }
}
