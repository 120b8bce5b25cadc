//! The report: runs the lab's trials in turn, and makes of the figures a table, a page, `results.json` and Markdown.
//!
//! `arguments` says what is asked for, `run` measures it, `summary` and `compare` reduce it with `statistics`; `table`,

pub mod arguments;
pub mod compare;
mod machine;
mod number;
pub mod run;
mod statistics;
pub mod summary;
#[cfg(test)]
mod synthetic;

