//! What id allocators may do differently from each other.

use crate::runs::Runs;

/// What an id allocator may do differently from others.
#[derive(Clone, Debug)]
pub struct IdOptions {
    /// Which runs of ids the allocator must find where they are free. Default: any.
    pub runs: Runs,
}

impl Default for IdOptions {
    fn default() -> Self {
        Self { runs: Runs::Any }
    }
}
