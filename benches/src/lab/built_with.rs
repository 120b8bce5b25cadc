//! What compiled the allocators of this build, with which flags.

/// Packages in Rust.
pub(super) const RUST: &str =
    concat!("rustc, profile `", env!("BENCHES_PROFILE"), "`, `opt-level = ", env!("BENCHES_OPT_LEVEL"), "`");

/// The package of mimalloc, through the crate `cc`.
#[cfg(feature = "hosted")]
pub(super) const MIMALLOC: &str = concat!("a C compiler, `", env!("BENCHES_MIMALLOC_FLAGS"), "`");

/// The package of jemalloc, through its `configure` and `make`.
#[cfg(feature = "hosted")]
pub(super) const JEMALLOC: &str =
    concat!("a C compiler, `", env!("BENCHES_JEMALLOC_FLAGS"), "`, configured without `--enable-debug`");

/// The package of snmalloc, through the crate `cc`.
#[cfg(feature = "hosted")]
pub(super) const SNMALLOC: &str = concat!("a C++ compiler, `", env!("BENCHES_SNMALLOC_FLAGS"), "`");

/// The allocator of the operating system.
#[cfg(feature = "hosted")]
pub(super) const SYSTEM: &str = "the operating system's vendor";
