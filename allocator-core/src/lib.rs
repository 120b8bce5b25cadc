//! The contracts of the allocator family, and the parts that every engine shares.
//!
//! | module | holds |
//! | --- | --- |
//! | [`error`] | [`AllocError`], the one error type |
//! | [`address`] | checked address arithmetic, [`Region`], and the one place where an address becomes a pointer |
//! | [`words`] | the words of a bitmap that a range of bits lies in, each with a mask of these bits |
//! | `field_ptr` | [`get_field_ptr!`], the pointer to a field of a struct that a pointer points to |
//! | [`traits`] | [`BaseAllocator`], [`ByteAllocator`], [`PageAllocator`], [`IdAllocator`] |
//! | [`regions`] | [`RegionTable`], the memory of an engine that must refuse overlaps |
//! | `forward` | the traits for `&mut A`, which stands for the allocator behind it |
//! | [`page_backed`] | [`PageBacked`], a byte allocator made of a page allocator |
//! | [`growing`] | [`Growing`], a byte allocator that takes pages when it has run out of memory |
//!
//! The crate depends on nothing but `core`.
//!
//! # Examples
//!
//! Code that is generic over the engine needs only the traits:
//!
//! ```
//! use allocator_core::{AllocResult, PageAllocator};
//!
//! /// Takes `num_frames` frames for a DMA buffer that a device with 24 address bits can reach.
//! fn dma_buffer<P: PageAllocator>(pages: &mut P, num_frames: usize) -> AllocResult<usize> {
//!     pages.alloc_pages_in(0..=0xff_ffff, num_frames, P::PAGE_SIZE)
//! }
//! ```

#![no_std]

pub mod address;
pub mod error;
#[doc(hidden)]
pub mod field_ptr;
mod forward;
pub mod growing;
pub mod page_backed;
pub mod regions;
pub mod traits;
pub mod words;

pub use address::Region;
pub use error::{AllocError, AllocResult};
pub use growing::{Growing, Growth};
pub use page_backed::PageBacked;
pub use regions::RegionTable;
pub use traits::{BaseAllocator, ByteAllocator, IdAllocator, PageAllocator};
