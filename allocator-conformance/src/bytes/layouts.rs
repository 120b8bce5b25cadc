//! The layouts that checks ask for: ordinary ones, and those that no memory can serve.

use core::alloc::Layout;
use std::vec::Vec;

use crate::config::STRIDE;

/// The layout of a size and an alignment that the caller knows to make one.
pub(super) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("the suite asks for sane layouts")
}

/// Valid layouts that no pool of the fixture can serve, or hardly any.
pub(super) fn hostile_shapes() -> Vec<Layout> {
    let mut shapes = Vec::new();
    for bits in [0, 3, 6, 12, 16, 20, 26, usize::BITS - 4, usize::BITS - 3, usize::BITS - 2] {
        let align = 1_usize << bits;
        let most = (isize::MAX.unsigned_abs() + 1).saturating_sub(align);
        let sizes = [most, most.saturating_sub(1), most / 2, most / 2 + 1, most.saturating_sub(align)];
        shapes.extend(sizes.into_iter().filter_map(|size| Layout::from_size_align(size, align).ok()));
        if align >= 1 << 20 {
            let sizes = [0, 1, 63, 64, 4096, align - 1, align, align + 1];
            shapes.extend(sizes.into_iter().filter_map(|size| Layout::from_size_align(size, align).ok()));
        }
    }
    shapes.into_iter().step_by(STRIDE).collect()
}
