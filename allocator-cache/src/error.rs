//! [`SlabError`], why the object cache refused a request.

use core::error::Error;
use core::fmt;

use allocator_core::AllocError;

/// Why the object cache refused a request. A refused request has taken no slot and made no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlabError {
    /// No slot is free, and the source has no further slab.
    OutOfMemory,
    /// A pointer is not aligned for its type, or a source gave a slab that is not aligned to its size.
    AlignmentMismatch,
    /// A pointer is not the address of a live slot of a cache with these type parameters.
    InvalidPointer,
    /// Free memory of the cache was overwritten, or a source failed for a reason that no other variant names.
    FatalError,
}

impl fmt::Display for SlabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfMemory => "no slot is free, and the source has no further slab",
            Self::AlignmentMismatch => "not aligned",
            Self::InvalidPointer => "not a live slot of a cache of this type",
            Self::FatalError => "free memory of the cache was overwritten, or its source failed",
        })
    }
}

impl Error for SlabError {}

impl From<AllocError> for SlabError {
    /// The error of a source whose slabs come from an allocator of the family.
    fn from(error: AllocError) -> Self {
        match error {
            AllocError::NoMemory => Self::OutOfMemory,
            AllocError::NotAllocated => Self::InvalidPointer,
            AllocError::InvalidParam | AllocError::MemoryOverlap => Self::FatalError,
        }
    }
}

/// A result of the object cache.
pub type Result<T> = core::result::Result<T, SlabError>;

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;
    use std::collections::BTreeSet;
    use std::string::ToString;

    use super::*;

    #[test]
    fn each_error_has_a_text_of_its_own() {
        let errors =
            [SlabError::OutOfMemory, SlabError::AlignmentMismatch, SlabError::InvalidPointer, SlabError::FatalError];
        let texts: BTreeSet<_> = errors.iter().map(SlabError::to_string).collect();
        assert_eq!(texts.len(), errors.len());
        let boxed: Box<dyn Error> = SlabError::OutOfMemory.into();
        assert!(boxed.source().is_none());
    }
}
