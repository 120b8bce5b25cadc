//! The lists of requests that can be replayed: those of the lab, and some in pools that are too small.

use crate::lab::Options;
use crate::lab::bytes::workloads::{self as byte_workloads, ByteWorkload, pool_size};
use crate::lab::operations::{self, Change, Operation, OperationList, sizes};
use crate::lab::pages::workloads::{self as page_workloads, PageWorkload};
use crate::results::{Family, Workload};

/// So many requests follow on those that fill a heap, at most.
const MOST: usize = 60_000;

/// All requests of a list.
pub(super) struct Requests {
    /// In their order.
    pub(super) all: Vec<Operation>,
    /// How many of them fill the heap first.
    pub(super) before: usize,
    /// The number of slots.
    pub(super) slots: usize,
    /// The largest size.
    pub(super) largest: u32,
}

impl From<OperationList> for Requests {
    fn from(list: OperationList) -> Self {
        let (before, largest) = (list.prelude.len(), list.sizes.max);
        let mut all = list.prelude;
        // Short lists come back to where they began.
        let often = if list.timed.len() < 1000 { MOST / list.timed.len().max(1) } else { 1 };
        let timed = (0..often).flat_map(|_| &list.timed).take(MOST);
        all.extend(timed);
        Self { all, before, slots: list.slots, largest }
    }
}

/// What there is to be replayed, for the command line.
pub(super) fn workloads(seed: u64) -> Vec<Workload> {
    let short = SHORT.map(|short| Workload {
        name: short.name.to_owned(),
        family: Family::Bytes,
        title: format!(
            "{} blocks of 4 bytes to 1 KiB, replaced, in {} KiB, which are too few{}",
            short.live,
            short.pool >> 10,
            match short.reclaiming {
                Reclaiming::WhenShort => "",
                Reclaiming::AheadOfRequests => "; ahead of each request, memory is reclaimed by those who can",
            }
        ),
        sizes: String::new(),
        live: Some(short.live as u64),
        space_bytes: None,
        pool_bytes: None,
        threads: 1,
    });
    let lists =
        page_workloads::workloads().into_iter().filter(|workload| PageWorkload::named(&workload.name).is_some());
    let bytes = byte_workloads::workloads(&Options { quick: true, seed });
    bytes.into_iter().chain(short).chain(lists).collect()
}

/// When a heap looks for free memory that it can use again for other sizes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reclaiming {
    /// Within a request for which memory is short.
    WhenShort,
    /// Ahead of each request, too, where that is not counted.
    AheadOfRequests,
}

/// A list, and what it is replayed in.
pub(super) enum Work {
    /// With a byte heap.
    Bytes {
        /// What is asked for.
        requests: Requests,
        /// The size of the pool.
        pool: usize,
        /// When the heap reclaims.
        reclaiming: Reclaiming,
    },
    /// With a page allocator.
    Pages {
        /// What is asked for.
        requests: Requests,
        /// The number of pages.
        pages: usize,
    },
}

/// A list in a pool that is too small.
#[derive(Clone, Copy)]
struct Short {
    name: &'static str,
    /// How many blocks it wants live.
    live: usize,
    pool: usize,
    reclaiming: Reclaiming,
}

const SHORT: [Short; 4] = {
    let small =
        Short { name: "short/4-1024/512k", live: 1_000, pool: 512 << 10, reclaiming: Reclaiming::AheadOfRequests };
    let large = Short { name: "short/4-1024/8m", live: 16_000, pool: 8 << 20, ..small };
    let (reclaiming, small_alone) = (Reclaiming::WhenShort, "short-alone/4-1024/512k");
    [
        small,
        large,
        Short { name: small_alone, reclaiming, ..small },
        Short { name: "short-alone/4-1024/8m", reclaiming, ..large },
    ]
};

impl Work {
    /// The list of this name.
    pub(super) fn named(name: &str, seed: u64) -> Option<Self> {
        // Nobody counts as many requests as a list has that is not cut short.
        let options = Options { quick: true, seed };
        if let Some(workload) = ByteWorkload::named(name) {
            let list = workload.record(&options);
            let pool = pool_size(&list);
            return Some(Self::Bytes { requests: list.into(), pool, reclaiming: Reclaiming::WhenShort });
        }
        if let Some(workload) = PageWorkload::named(name) {
            return Some(Self::Pages { requests: workload.record(&options).into(), pages: workload.pages });
        }
        let short = SHORT.iter().find(|short| short.name == name)?;
        let list = operations::changing(short.live, sizes::to_1_kib, Change::Replace, MOST, seed);
        Some(Self::Bytes { requests: list.into(), pool: short.pool, reclaiming: short.reclaiming })
    }
}
