//! The report: runs the lab's trials in turn, and makes of the figures a table, a page, `results.json` and Markdown.
//!
//! `arguments` says what is asked for, `run` measures it, `summary` and `compare` reduce it with `statistics`; `table`,
//! `markdown` and `page` (with `charts` and `html`) show it; `check` holds a file of results against what there is.

pub mod arguments;
mod charts;
pub mod check;
pub mod compare;
mod html;
mod machine;
pub mod markdown;
mod number;
pub mod page;
pub(crate) mod program;
pub mod run;
mod statistics;
pub mod summary;
#[cfg(test)]
pub(crate) mod synthetic;
pub mod table;

pub use program::main;
