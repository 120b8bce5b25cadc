//! Real collections out of a pool, through handles that implement `Allocator`.
//!
//! The engines of this family take part with the handle that the family offers, `AllocatorRc`; each byte heap of others
//! with [`SharedHeap`], a reference to a cell, which is what its users would write for it. That handle has no count to
//! keep when it is cloned, which is to the others' advantage.

mod handle;
#[cfg(test)]
mod tests;
mod work;
pub mod workloads;

pub use handle::SharedHeap;
