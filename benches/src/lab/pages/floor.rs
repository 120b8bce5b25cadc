//! The floor of page allocators: the least that any of them has to do.

use super::PageHeap;

/// The first page never handed out, and a stack of those given back. It knows single pages only.
pub(super) struct Floor {
    next: usize,
    end: usize,
    free: Vec<usize>,
}

impl PageHeap for Floor {
    const NAME: &'static str = "floor";
    const SINGLE_PAGES_ONLY: Option<&'static str> = Some("the floor is a stack of single pages");

    fn new(pages: usize) -> Result<Self, String> {
        Ok(Self { next: 0, end: pages, free: Vec::new() })
    }

    #[inline]
    fn alloc(&mut self, _: usize, _: u8) -> Option<usize> {
        if let Some(page) = self.free.pop() {
            return Some(page);
        }
        let page = self.next;
        self.next += usize::from(page < self.end);
        (page < self.end).then_some(page)
    }

    #[inline]
    fn dealloc(&mut self, first: usize, _: usize, _: u8) {
        self.free.push(first);
    }
}
