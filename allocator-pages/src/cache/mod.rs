//! Free pages, runs and blocks kept at hand: their bits say that they are free, the trees that they are taken.
//!
//! Each cache has a bound for the search in the trees, where a policy takes the lowest run: no run that the trees know starts
//! below it.

mod ascending;
mod blocks;
mod pages;
mod runs;

pub(crate) use blocks::BlockCache;
pub(crate) use pages::PageCache;
pub(crate) use runs::RunCache;
