//! [`Runs`], which runs of pages or ids an allocator must find.

/// Which runs an allocator must find where they are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// Any run that is free and aligned as asked for.
    Any,
    /// A run inside a free block of the next power of two that is aligned to its own size.
    PowerOfTwo,
}
