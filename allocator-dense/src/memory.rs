//! Words at addresses: the only place where this crate reads and writes memory that it manages.

use core::ptr;

/// The value at `address`.
///
/// # Safety
///
/// The engine was handed the memory there, and it holds a `T`, aligned for it.
#[inline]
pub(crate) unsafe fn read<T: Copy>(address: usize) -> T {
    // SAFETY: passed on from the caller; who handed the memory over has exposed its provenance.
    unsafe { ptr::with_exposed_provenance::<T>(address).read() }
}

/// Writes `value` to `address`.
///
/// # Safety
///
/// The engine was handed the memory there, uses it for nothing else, and it is aligned for a `T`.
#[inline]
pub(crate) unsafe fn write<T: Copy>(address: usize, value: T) {
    // SAFETY: passed on from the caller; who handed the memory over has exposed its provenance.
    unsafe { ptr::with_exposed_provenance_mut::<T>(address).write(value) }
}
