#![doc = include_str!("../README.md")]

pub mod lab;
pub mod report;
pub mod results;
