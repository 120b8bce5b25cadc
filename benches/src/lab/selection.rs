//! The workloads and allocators that a run asks for, and values that it makes when they are first needed.

use std::cell::LazyCell;
use std::rc::Rc;

/// The names of the workloads and allocators that are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection<'a> {
    /// The workloads.
    pub(super) workloads: &'a [String],
    /// The allocators.
    pub(super) allocators: &'a [String],
}

impl Selection<'_> {
    /// Whether a workload is wanted.
    #[must_use]
    pub(super) fn workload(&self, name: &str) -> bool {
        self.workloads.iter().any(|wanted| wanted == name)
    }

    /// Whether an allocator is wanted.
    #[must_use]
    pub(super) fn allocator(&self, name: &str) -> bool {
        self.allocators.iter().any(|wanted| wanted == name)
    }
}

/// Something that several trials share, made when the first of them runs.
pub(super) struct Lazy<T>(Rc<LazyCell<T, Box<dyn FnOnce() -> T>>>);

impl<T> Lazy<T> {
    /// A value that `make` will return.
    pub(super) fn new(make: impl FnOnce() -> T + 'static) -> Self {
        Self(Rc::new(LazyCell::new(Box::new(make))))
    }

    /// The value, made now if it has not been before.
    #[must_use]
    pub(super) fn get(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for Lazy<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}
