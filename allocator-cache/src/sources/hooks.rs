//! [`HookSource`], the two functions that a program names once.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::SlabSource;
use crate::error::Result;

/// The function that gives slabs.
pub type AllocHook = unsafe fn(Layout) -> Option<NonNull<u8>>;
/// The function that takes them back.
pub type FreeHook = unsafe fn(NonNull<u8>, Layout) -> Result<()>;

/// A function, of which a call of `kind_of_…` finds out whether it is safe: only safe ones implement `Fn`, and the function's
/// own method is preferred to that of the trait, where there is one.
#[derive(Debug)]
pub struct Hook<F>(pub F);

/// The hook is an unsafe function, as it has to be.
#[derive(Debug)]
pub struct UnsafeHook;

/// The hook is a safe function.
#[derive(Debug)]
pub struct SafeHook;

impl<F: Fn(Layout) -> R, R> Hook<F> {
    /// That it is safe.
    #[must_use]
    pub fn kind_of_alloc(&self) -> SafeHook {
        SafeHook
    }
}

impl<F: Fn(NonNull<u8>, Layout) -> R, R> Hook<F> {
    /// That it is safe.
    #[must_use]
    pub fn kind_of_free(&self) -> SafeHook {
        SafeHook
    }
}

/// Of unsafe functions.
pub trait NotSafe {
    /// That it is unsafe.
    fn kind_of_alloc(&self) -> UnsafeHook {
        UnsafeHook
    }

    /// That it is unsafe.
    fn kind_of_free(&self) -> UnsafeHook {
        UnsafeHook
    }
}

impl<F> NotSafe for Hook<F> {}

unsafe extern "Rust" {
    fn __allocator_cache_alloc_hook(layout: Layout) -> Option<NonNull<u8>>;
    fn __allocator_cache_free_hook(slab: NonNull<u8>, layout: Layout) -> Result<()>;
}

/// Slabs from two functions that the program names once, with
/// [`define_allocation_hooks!`](crate::define_allocation_hooks). It is the source of a cache that names none.
///
/// A program that uses it and does not name them fails to link:
///
/// ```text
/// error: linking with `cc` failed: exit status: 1
///   = note: rust-lld: error: undefined symbol: __allocator_cache_alloc_hook
///           >>> referenced by hooks.rs
///           rust-lld: error: undefined symbol: __allocator_cache_free_hook
///           >>> referenced by hooks.rs
/// ```
///
/// ```compile_fail
/// use allocator_cache::SlabCache;
/// use allocator_cache::locks::SpinLock;
///
/// fn main() {
///     let cache = SlabCache::<u64, SpinLock, 4096>::new().unwrap();
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HookSource;

// SAFETY: what the hooks promise. Inlined, so that only a program that uses this refers to them.
unsafe impl SlabSource for HookSource {
    #[inline]
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the size of a slab is not 0.
        unsafe { __allocator_cache_alloc_hook(layout) }
    }

    #[inline]
    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        // SAFETY: passed on.
        unsafe { __allocator_cache_free_hook(slab, layout) }
    }
}

/// Names the two functions that give slabs to caches with [`HookSource`], and take them back.
///
/// `define_allocation_hooks!(alloc_fn, free_fn)` once in a program, with
///
/// - `unsafe fn alloc_fn(layout: Layout) -> Option<NonNull<u8>>`, and
/// - `unsafe fn free_fn(slab: NonNull<u8>, layout: Layout) -> Result<()>`,
///
/// which promise together what [`SlabSource`](crate::SlabSource) does, for any thread; `alloc_fn` is never called with a
/// size of 0, and `free_fn` only with what `alloc_fn` gave, and its layout. That they are unsafe is what says so: a safe
/// function is refused.
///
/// ```compile_fail,E0308
/// # use core::{alloc::Layout, ptr::NonNull};
/// # use allocator_cache::{Result, define_allocation_hooks};
/// fn take(layout: Layout) -> Option<NonNull<u8>> {
///     None
/// }
///
/// unsafe fn give(slab: NonNull<u8>, layout: Layout) -> Result<()> {
///     Ok(())
/// }
///
/// define_allocation_hooks!(take, give);
/// ```
///
/// Twice in one program is a duplicate symbol when linking.
///
/// # Examples
///
/// ```standalone_crate
/// use core::alloc::Layout;
/// use core::ptr::NonNull;
///
/// use allocator_cache::locks::SpinLock;
/// use allocator_cache::{Result, SlabCache, define_allocation_hooks};
///
/// unsafe fn take(layout: Layout) -> Option<NonNull<u8>> {
///     // SAFETY: the size is not 0.
///     NonNull::new(unsafe { std::alloc::alloc(layout) })
/// }
///
/// unsafe fn give(slab: NonNull<u8>, layout: Layout) -> Result<()> {
///     // SAFETY: it is what `take` gave.
///     unsafe { std::alloc::dealloc(slab.as_ptr(), layout) };
///     Ok(())
/// }
///
/// define_allocation_hooks!(take, give);
///
/// fn main() -> Result<()> {
///     let cache = SlabCache::<u64, SpinLock, 4096>::new()?;
///     let number = cache.alloc_with(12345)?;
///     assert_eq!(*number, 12345);
///     Ok(())
/// }
/// ```
#[macro_export]
macro_rules! define_allocation_hooks {
    ($alloc:path, $free:path $(,)?) => {
        const _: () = {
            /// Never called: safe functions do not compile here.
            fn __hooks_are_unsafe() -> [$crate::sources::UnsafeHook; 2] {
                use $crate::sources::{Hook, NotSafe as _};
                [Hook($alloc).kind_of_alloc(), Hook($free).kind_of_free()]
            }

            /// Called by `HookSource`.
            #[unsafe(no_mangle)]
            unsafe extern "Rust" fn __allocator_cache_alloc_hook(
                layout: ::core::alloc::Layout,
            ) -> ::core::option::Option<::core::ptr::NonNull<u8>> {
                const HOOK: $crate::sources::AllocHook = $alloc;
                // SAFETY: passed on from the caller.
                unsafe { HOOK(layout) }
            }

            /// Called by `HookSource`.
            #[unsafe(no_mangle)]
            unsafe extern "Rust" fn __allocator_cache_free_hook(
                slab: ::core::ptr::NonNull<u8>,
                layout: ::core::alloc::Layout,
            ) -> $crate::Result<()> {
                const HOOK: $crate::sources::FreeHook = $free;
                // SAFETY: passed on from the caller.
                unsafe { HOOK(slab, layout) }
            }
        };
    };
}
