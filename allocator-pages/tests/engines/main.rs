//! The conformance suite over the native page engines, and random programs at sizes where their trees have levels.

#[macro_use]
mod native;
mod buddy;
mod program;
mod radix;
#[cfg(all(target_os = "linux", not(miri)))]
mod statics;
