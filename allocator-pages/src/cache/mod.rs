//! Free pages, runs and blocks kept at hand, which the trees count as taken.

mod ascending;
mod blocks;
mod pages;
mod runs;

pub(crate) use blocks::BlockCache;
pub(crate) use pages::PageCache;
pub(crate) use runs::RunCache;
