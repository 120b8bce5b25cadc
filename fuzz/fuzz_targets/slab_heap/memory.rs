//! The memory that all programs run in, one after the other.

use std::alloc::{Layout, alloc, handle_alloc_error};
use std::iter::successors;
use std::ops::Range;
use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use std::slice;
use std::sync::LazyLock;

/// The size of the memory in bytes, and its alignment: so that its halves are blocks for a buddy.
pub(crate) const SIZE: usize = 1 << 20;

/// What all of it holds at first.
const DIRT: u8 = 0xc3;

/// What blocks are filled with, from the place of their mark on.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    // Knuth's linear congruential generator, of which the high bits are good.
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    successors(Some(1), next).map(|state| (state >> 24) as u8).take(SIZE + 256).collect()
});

/// The addresses of the memory.
pub(crate) fn span() -> Range<usize> {
    static START: LazyLock<usize> = LazyLock::new(|| {
        let layout = Layout::from_size_align(SIZE, SIZE).expect("the size is a power of two");
        // SAFETY: the size is not 0.
        let memory = unsafe { alloc(layout) };
        if memory.is_null() {
            handle_alloc_error(layout);
        }
        memory.expose_provenance()
    });
    *START..*START + SIZE
}

/// Makes the memory dirty.
pub(crate) fn soil() {
    // SAFETY: the memory is there, and no heap has any of it yet.
    unsafe { with_exposed_provenance_mut::<u8>(span().start).write_bytes(DIRT, SIZE) };
}

/// Whether nobody has written to these addresses.
pub(crate) fn is_soiled(range: Range<usize>) -> bool {
    bytes(range).chunks(4096).all(|chunk| *chunk == [DIRT; 4096][..chunk.len()])
}

/// Whether all bytes at these addresses are zero.
pub(crate) fn is_zero(range: Range<usize>) -> bool {
    bytes(range).chunks(4096).all(|chunk| *chunk == [0; 4096][..chunk.len()])
}

/// Fills a block with the pattern of its mark.
///
/// # Safety
///
/// The block is the caller's.
pub(crate) unsafe fn fill(block: Range<usize>, mark: u8) {
    let pattern = &pattern(mark)[..block.len()];
    let target = with_exposed_provenance_mut::<u8>(block.start);
    // SAFETY: passed on from the caller; the pattern lies elsewhere.
    unsafe { target.copy_from_nonoverlapping(pattern.as_ptr(), pattern.len()) };
}

/// Whether a block holds the pattern of its mark.
pub(crate) fn is_filled(block: Range<usize>, mark: u8) -> bool {
    let pattern = &pattern(mark)[..block.len()];
    *bytes(block) == *pattern
}

fn pattern(mark: u8) -> &'static [u8] {
    &PATTERN[usize::from(mark)..]
}

/// What lies at these addresses.
fn bytes(range: Range<usize>) -> &'static [u8] {
    let span = span();
    assert!(span.start <= range.start && range.end <= span.end, "{range:x?} is outside of the memory");
    // SAFETY: it was all written by `soil`, and nobody writes while the callers above look at it.
    unsafe { slice::from_raw_parts(with_exposed_provenance(range.start), range.len()) }
}
