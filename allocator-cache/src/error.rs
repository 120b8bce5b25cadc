//! [`SlabError`], why the object cache refused a request.

use core::error::Error;
use core::fmt;

use allocator_core::AllocError;

/// Why the object cache refused a request. No slot was taken then, and no value made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlabError {
    /// No slot is free, and the source gives no further slab.
    OutOfMemory,
    /// A pointer is not aligned for its type, or a source gave a slab that is not aligned to its size.
    AlignmentMismatch,
    /// A pointer is not that of a live slot of such a cache.
    InvalidPointer,
    /// What the cache keeps in free memory was overwritten, or a source failed in a way that has no other name.
    FatalError,
}

impl fmt::Display for SlabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfMemory => "no slot is free, and the source gives no further slab",
            Self::AlignmentMismatch => "not aligned",
            Self::InvalidPointer => "not a live slot of such a cache",
            Self::FatalError => "free memory of the cache was overwritten, or its source failed",
        })
    }
}

impl Error for SlabError {}

impl From<AllocError> for SlabError {
    /// What a source answers that has its slabs from an allocator of the family.
    fn from(error: AllocError) -> Self {
        match error {
            AllocError::NoMemory => Self::OutOfMemory,
            AllocError::NotAllocated => Self::InvalidPointer,
            AllocError::InvalidParam | AllocError::MemoryOverlap => Self::FatalError,
        }
    }
}

/// What the object cache answers: a value, or why there is none.
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
