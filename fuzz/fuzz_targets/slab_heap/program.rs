//! What the bytes of the fuzzer mean: a heap, and what is done with it.

use std::alloc::Layout;

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::memory::SIZE;

#[derive(Arbitrary, Debug)]
pub(crate) struct Program {
    pub(crate) classes: Classes,
    pub(crate) backing: Backing,
    pub(crate) growing: bool,
    /// What the heap is given first, that more than a few programs have memory.
    pub(crate) first: Place,
    pub(crate) steps: Steps,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Classes {
    PowerOfTwo,
    Fine,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Backing {
    Buddy,
    Tlsf,
    RadixPages,
    BuddyPages,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Step {
    Init(Place),
    AddMemory(Place),
    /// For a heap that grows; others ignore it.
    AddPages(Place),
    /// So many blocks of one layout, and one; fewer where memory runs out.
    Alloc(Shape, u8),
    AllocZeroed(Shape),
    /// The same, in one call.
    AllocBatch(Shape, u8),
    Dealloc(Choice),
    /// All blocks of the layout of this one, in one call.
    DeallocBatch(Choice),
    /// Every so many blocks one, by address, upwards or downwards.
    DeallocEvery(u8, bool),
    Realloc(Choice, Size),
    ReallocInPlace(Choice, Size),
    /// Statistics, which change nothing.
    Look,
    Reclaim(u8),
    Trim,
}

/// As many steps as there are bytes for; a vector alone would end after two, on average.
#[derive(Debug)]
pub(crate) struct Steps(pub(crate) Vec<Step>);

impl<'a> Arbitrary<'a> for Steps {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let mut steps = Vec::new();
        while !bytes.is_empty() {
            steps.push(bytes.arbitrary()?);
        }
        Ok(Self(steps))
    }
}

/// A region in bytes.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Whole pages: the first one, and how many more.
    Pages(u8, u8),
    /// An offset, and a size.
    Uneven(Offset, Size),
    /// This far below the end of the address space, and reaching past it.
    PastTheEnd(u16),
}

impl Place {
    /// The start, as an offset into the memory, and the size; both may be absurd.
    pub(crate) fn offset_and_size(self) -> (usize, usize) {
        match self {
            Self::Pages(first, more) => (usize::from(first) * 4096, (usize::from(more) + 1) * 4096),
            Self::Uneven(Offset(offset), Size(size)) => (offset, size),
            Self::PastTheEnd(below) => (usize::MAX - usize::from(below), usize::from(below) + 2),
        }
    }
}

/// A place in the memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offset(pub(crate) usize);

impl<'a> Arbitrary<'a> for Offset {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        bytes.int_in_range(0..=SIZE - 1).map(Self)
    }
}

/// Which block: the one at this place or next to it; and how much it is given back larger than it was asked for, from 0
/// (that size) to 255 (its usable size).
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Choice {
    pub(crate) near: Offset,
    pub(crate) grown: u8,
}

/// A size in bytes: about as many of each magnitude, those beside powers of two more often, a few absurd.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(pub(crate) usize);

impl<'a> Arbitrary<'a> for Size {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let size = match bytes.int_in_range(0..=59_u32)? {
            magnitude @ 0..=38 => bytes.int_in_range(0..=1 << (magnitude / 2))?,
            power @ 39..=58 => (1 << (power - 38)) + bytes.int_in_range(0..=2)? - 1,
            _ => usize::arbitrary(bytes)?,
        };
        Ok(Self(size))
    }
}

/// A size and an alignment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    size: usize,
    align: usize,
}

impl Shape {
    /// `None` where they are too absurd for a layout.
    pub(crate) fn layout(self) -> Option<Layout> {
        Layout::from_size_align(self.size, self.align).ok()
    }
}

impl<'a> Arbitrary<'a> for Shape {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let Size(size) = Size::arbitrary(bytes)?;
        let log2 = match bytes.int_in_range(0..=31)? {
            most @ 0..=24 => most % 5,
            most @ 25..=30 => bytes.int_in_range(0..=3 * (most - 25))?,
            _ => bytes.int_in_range(0..=usize::BITS - 1)?,
        };
        Ok(Self { size, align: 1 << log2 })
    }
}
