//! The caches of free pages, runs and blocks. The bits have a cached page as free, the trees have it as taken.
//!
//! For a policy that takes the lowest run, the caches of runs and blocks each keep a bound, for requests like the
//! last: no run (or block) for such a request that the trees know starts below it.

mod ascending;
mod blocks;
mod pages;
mod runs;

pub(crate) use blocks::BlockCache;
pub(crate) use pages::PageCache;
pub(crate) use runs::RunCache;
