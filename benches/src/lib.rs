#![doc = include_str!("../README.md")]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod instructions;
pub mod lab;
#[cfg(all(feature = "programs", target_os = "linux", target_arch = "x86_64"))]
pub mod programs;
pub mod report;
pub mod results;
