//! [`HookSource`], slabs from two functions that a program names once.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::SlabSource;
use crate::error::Result;

/// The type of a function that gives slabs.
pub type AllocHook = unsafe fn(Layout) -> Option<NonNull<u8>>;
/// The type of a function that takes slabs back.
pub type FreeHook = unsafe fn(NonNull<u8>, Layout) -> Result<()>;

/// A function whose kind the methods `kind_of_alloc` and `kind_of_free` find out at compile time. Only a safe function
/// implements `Fn`. Method resolution prefers the inherent methods, which safe functions have, to those of the trait
/// [`NotSafe`], which all have.
#[derive(Debug)]
pub struct Hook<F>(pub F);

/// The kind of an unsafe function.
#[derive(Debug)]
pub struct UnsafeHook;

/// The kind of a safe function.
#[derive(Debug)]
pub struct SafeHook;

impl<F: Fn(Layout) -> R, R> Hook<F> {
    /// The kind of a safe function.
    #[must_use]
    pub fn kind_of_alloc(&self) -> SafeHook {
        SafeHook
    }
}

impl<F: Fn(NonNull<u8>, Layout) -> R, R> Hook<F> {
    /// The kind of a safe function.
    #[must_use]
    pub fn kind_of_free(&self) -> SafeHook {
        SafeHook
    }
}

/// The methods of functions that are not safe.
pub trait NotSafe {
    /// The kind of an unsafe function.
    fn kind_of_alloc(&self) -> UnsafeHook {
        UnsafeHook
    }

    /// The kind of an unsafe function.
    fn kind_of_free(&self) -> UnsafeHook {
        UnsafeHook
    }
}

impl<F> NotSafe for Hook<F> {}

/// The kinds of functions that can be hooks.
#[diagnostic::on_unimplemented(
    message = "this hook is a safe function: make it `unsafe fn`",
    label = "make this function an `unsafe fn`",
    note = "a hook promises what `SlabSource` does, and its caller that a slab goes back once"
)]
pub trait IsUnsafe {}

impl IsUnsafe for UnsafeHook {}

/// Compiles for unsafe functions only.
pub const fn must_be_unsafe<K: IsUnsafe>(_: &K) {}

/// The version in the symbols of the hooks: two versions of this crate in one program have different hooks, as they have
/// different types. Cargo puts two versions into one program only if they differ in the major number, or, before 1.0, in
/// the minor number.
///
/// [`define_allocation_hooks!`] needs the version as a literal, because `env!` in its output would be the version of the
/// caller's crate. The assertion below keeps the literal up to date.
#[doc(hidden)]
#[macro_export]
macro_rules! __hook_version {
    () => {
        "0_1"
    };
}

const _: () = {
    const VERSION: &[u8] = concat!(env!("CARGO_PKG_VERSION_MAJOR"), "_", env!("CARGO_PKG_VERSION_MINOR")).as_bytes();
    let literal = __hook_version!().as_bytes();
    let mut same = literal.len() == VERSION.len();
    let mut index = 0;
    while same && index < VERSION.len() {
        same = literal[index] == VERSION[index];
        index += 1;
    }
    assert!(same, "write the version of this crate, major and minor number, into `__hook_version!`");
};

unsafe extern "Rust" {
    #[link_name = concat!("__allocator_cache_", __hook_version!(), "_alloc_hook")]
    fn alloc_hook(layout: Layout) -> Option<NonNull<u8>>;
    #[link_name = concat!("__allocator_cache_", __hook_version!(), "_free_hook")]
    fn free_hook(slab: NonNull<u8>, layout: Layout) -> Result<()>;
}

/// Slabs from two functions that the program names once, with
/// [`define_allocation_hooks!`](crate::define_allocation_hooks). It is the source of a cache whose type names none.
///
/// A program that uses it and names no functions does not link:
///
/// ```text
/// error: linking with `cc` failed: exit status: 1
///   = note: rust-lld: error: undefined symbol: __allocator_cache_0_1_alloc_hook
///           >>> referenced by hooks.rs
///           rust-lld: error: undefined symbol: __allocator_cache_0_1_free_hook
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

// SAFETY: the hooks promise the same. Both methods are inlined, so only a program that uses this source refers to the hooks.
unsafe impl SlabSource for HookSource {
    #[inline]
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        // Safe code may call this with any layout.
        if layout.size() == 0 {
            return None;
        }
        // SAFETY: the size is not 0.
        unsafe { alloc_hook(layout) }
    }

    #[inline]
    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        // SAFETY: `alloc_slab` gave the slab with this layout, as the caller promises.
        unsafe { free_hook(slab, layout) }
    }
}

/// Names the two functions that give slabs to caches with [`HookSource`], and take them back.
///
/// `define_allocation_hooks!(unsafe { alloc_fn, free_fn })` stands once in a program, with
///
/// - `unsafe fn alloc_fn(layout: Layout) -> Option<NonNull<u8>>`, and
/// - `unsafe fn free_fn(slab: NonNull<u8>, layout: Layout) -> Result<()>`.
///
/// A second one in the same program is a duplicate symbol when linking.
///
/// # Safety
///
/// Whoever writes `unsafe` here promises:
///
/// - Both functions together do what [`SlabSource`](crate::SlabSource) promises, called from any thread, and several threads
///   at once.
/// - Each is free of undefined behaviour if its callers keep these rules: `alloc_fn` gets a layout whose size is not 0;
///   `free_fn` gets a slab that `alloc_fn` gave, with its layout, once.
///
/// Without the word there are no hooks, whatever the type of the functions:
///
/// ```compile_fail
/// # use core::{alloc::Layout, ptr::NonNull};
/// # use allocator_cache::{Result, define_allocation_hooks};
/// # fn take(layout: Layout) -> Option<NonNull<u8>> { None }
/// # fn give(slab: NonNull<u8>, layout: Layout) -> Result<()> { Ok(()) }
/// const TAKE: unsafe fn(Layout) -> Option<NonNull<u8>> = take;
/// const GIVE: unsafe fn(NonNull<u8>, Layout) -> Result<()> = give;
/// // error: write `define_allocation_hooks!(unsafe { alloc_fn, free_fn })`
/// define_allocation_hooks!(TAKE, GIVE);
/// ```
///
/// ```compile_fail
/// # use core::{alloc::Layout, ptr::NonNull};
/// # use allocator_cache::{Result, define_allocation_hooks};
/// # unsafe fn take(layout: Layout) -> Option<NonNull<u8>> { None }
/// # unsafe fn give(slab: NonNull<u8>, layout: Layout) -> Result<()> { Ok(()) }
/// define_allocation_hooks!(take, give);
/// ```
///
/// A safe function is refused as well, because safe code could call it against the rules above:
///
/// ```compile_fail,E0277
/// # use core::{alloc::Layout, ptr::NonNull};
/// # use allocator_cache::{Result, define_allocation_hooks};
/// # unsafe fn give(slab: NonNull<u8>, layout: Layout) -> Result<()> { Ok(()) }
/// fn take(layout: Layout) -> Option<NonNull<u8>> {
///     None
/// }
///
/// // error[E0277]: this hook is a safe function: make it `unsafe fn`
/// define_allocation_hooks!(unsafe { take, give });
/// ```
///
/// ```compile_fail,E0277
/// # use core::{alloc::Layout, ptr::NonNull};
/// # use allocator_cache::{Result, define_allocation_hooks};
/// # unsafe fn take(layout: Layout) -> Option<NonNull<u8>> { None }
/// fn give(slab: NonNull<u8>, layout: Layout) -> Result<()> {
///     Ok(())
/// }
///
/// // error[E0277]: this hook is a safe function: make it `unsafe fn`
/// define_allocation_hooks!(unsafe { take, give });
/// ```
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
/// /// # Safety
/// ///
/// /// The size is not 0.
/// unsafe fn take(layout: Layout) -> Option<NonNull<u8>> {
///     // SAFETY: the size is not 0.
///     NonNull::new(unsafe { std::alloc::alloc(layout) })
/// }
///
/// /// # Safety
/// ///
/// /// `take` gave the slab with this layout, and it has not been given back since.
/// unsafe fn give(slab: NonNull<u8>, layout: Layout) -> Result<()> {
///     // SAFETY: `take` gave it.
///     unsafe { std::alloc::dealloc(slab.as_ptr(), layout) };
///     Ok(())
/// }
///
/// // SAFETY: the program's heap gives blocks as the layout says, to any thread.
/// define_allocation_hooks!(unsafe { take, give });
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
    (unsafe { $alloc:path, $free:path $(,)? } $(,)?) => {
        const _: () = {
            use $crate::sources::{Hook, NotSafe as _, must_be_unsafe};

            /// Never called: compiles for unsafe functions only.
            fn __hooks_are_unsafe() {
                must_be_unsafe(&Hook($alloc).kind_of_alloc());
                must_be_unsafe(&Hook($free).kind_of_free());
            }

            /// Called by `HookSource`.
            #[unsafe(export_name = concat!("__allocator_cache_", $crate::__hook_version!(), "_alloc_hook"))]
            unsafe extern "Rust" fn __alloc_hook(
                layout: ::core::alloc::Layout,
            ) -> ::core::option::Option<::core::ptr::NonNull<u8>> {
                const HOOK: $crate::sources::AllocHook = $alloc;
                // SAFETY: passed on from the caller.
                unsafe { HOOK(layout) }
            }

            /// Called by `HookSource`.
            #[unsafe(export_name = concat!("__allocator_cache_", $crate::__hook_version!(), "_free_hook"))]
            unsafe extern "Rust" fn __free_hook(
                slab: ::core::ptr::NonNull<u8>,
                layout: ::core::alloc::Layout,
            ) -> $crate::Result<()> {
                const HOOK: $crate::sources::FreeHook = $free;
                // SAFETY: passed on from the caller.
                unsafe { HOOK(slab, layout) }
            }
        };
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "write `define_allocation_hooks!(unsafe { alloc_fn, free_fn })`: the hooks promise what `SlabSource` does, \
             which the compiler cannot check"
        );
    };
}
