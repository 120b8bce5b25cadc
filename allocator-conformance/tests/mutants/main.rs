//! Does the conformance suite bite? Simple engines that keep the contracts pass it; the same engines with one fault
//! each are rejected, by the checks that are there for it and for the reason that is the fault.

mod byte_engine;
mod fault;
mod id_engine;
mod page_engine;
mod plain;
mod rejections;

use allocator_conformance::{ByteOptions, PageOptions, Placement};

use crate::byte_engine::FirstFit;
use crate::id_engine::IdTable;
use crate::page_engine::PageMap;
use crate::plain::Plain;

allocator_conformance::byte_conformance!(first_fit, FirstFit::new(None));
allocator_conformance::byte_conformance!(leaked_first_fit, Box::leak(Box::new(FirstFit::new(None))));
allocator_conformance::byte_conformance!(plain_first_fit, Plain(FirstFit::new(None)), shrinks_by_moving());
allocator_conformance::page_conformance!(plain_page_map, Plain(PageMap::<4096>::new(None)));
allocator_conformance::page_conformance!(
    page_map,
    PageMap::<4096>::new(None),
    PageOptions { memory_untouched: true, placement: Placement::Lowest, ..Default::default() }
);
allocator_conformance::page_conformance!(page_map_64k, PageMap::<0x1_0000>::new(None));
allocator_conformance::page_conformance!(page_map_2m, PageMap::<0x20_0000>::new(None));
allocator_conformance::id_conformance!(id_table, IdTable::new(if cfg!(miri) { 200 } else { 1000 }, None));
allocator_conformance::id_conformance!(few_ids, IdTable::new(17, None));

/// The provided `realloc` takes a new block to make one smaller, too.
fn shrinks_by_moving() -> ByteOptions {
    ByteOptions { shrink_may_fail: true, ..Default::default() }
}
