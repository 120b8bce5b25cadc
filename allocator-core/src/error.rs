//! The one error type of the family.

use core::error::Error;
use core::fmt;

/// Why an allocator refused a request.
///
/// A refusal leaves the allocator as it was: the same request can succeed later, and nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AllocError {
    /// A parameter makes no sense: an alignment that is no power of two, a count of zero, a region too small to hold
    /// anything or past the end of the address space, a second `init`.
    InvalidParam,
    /// A region overlaps memory that the allocator already has.
    MemoryOverlap,
    /// Nothing free fits the request; or the place or the number that was asked for is taken.
    NoMemory,
    /// The pages or ids to give back are not, or not all, allocated.
    NotAllocated,
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidParam => "invalid parameter",
            Self::MemoryOverlap => "region overlaps memory that the allocator already has",
            Self::NoMemory => "nothing free fits the request",
            Self::NotAllocated => "not allocated",
        })
    }
}

impl Error for AllocError {}

/// The answer of an allocator: a value, or the reason why there is none.
pub type AllocResult<T = ()> = Result<T, AllocError>;

/// `Ok` where `holds`, else `Err(otherwise)`: a step of a self-check such as the `validate` of the native engines. O(1).
///
/// # Errors
///
/// `otherwise`, which says what does not hold.
#[inline]
pub const fn ensure(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}
