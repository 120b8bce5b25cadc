//! What the command line of a bench asks criterion for, as far as the groups have to know it.

use std::mem;

/// What the command line asks for. Criterion knows that, too, but does not tell; and to find out whether an allocator can
/// do the work may take a while.
pub(crate) struct CommandLine {
    filters: Vec<String>,
    /// Whether it is for the names only.
    pub(crate) lists: bool,
}

/// The options of criterion's command line that are alone; the argument after any other is its value.
const ALONE: [&str; 19] = [
    "--bench",
    "--discard-baseline",
    "--exact",
    "--help",
    "--ignored",
    "--include-ignored",
    "--list",
    "--nocapture",
    "--noplot",
    "--quick",
    "--quiet",
    "--show-output",
    "--test",
    "--verbose",
    "--version",
    "-V",
    "-h",
    "-n",
    "-v",
];

impl CommandLine {
    /// What these arguments say, the name of the program left out.
    pub(crate) fn of(arguments: impl Iterator<Item = String>) -> Self {
        let (mut filters, mut lists, mut is_value) = (Vec::new(), false, false);
        for argument in arguments {
            if argument.starts_with('-') {
                lists |= argument == "--list";
                is_value = !argument.contains('=') && !ALONE.contains(&argument.as_str());
            } else if !mem::take(&mut is_value) {
                filters.push(argument);
            }
        }
        Self { filters, lists }
    }

    /// Whether the filters leave this one in. Where one is a pattern, all are left in for criterion.
    pub(crate) fn asks_for(&self, name: &str) -> bool {
        let is_plain = |filter: &String| filter.chars().all(|c| c.is_ascii_alphanumeric() || "-_/".contains(c));
        self.filters.is_empty() || self.filters.iter().any(|filter| !is_plain(filter) || name.contains(filter.as_str()))
    }
}
