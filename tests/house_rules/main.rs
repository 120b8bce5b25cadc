//! Rules of this repository that no ready tool checks: files that do not import each other, tables that list them bottom
//! up, words that have another meaning elsewhere.
//!
//! | module | holds |
//! | --- | --- |
//! | `tokens` | the words and marks of a source |
//! | `modules` | the modules of a crate: their files, what they define, what they name |
//! | `imports` | which file names which; circles; the order of the table in `lib.rs` |
//! | `repository` | the sources of this repository |

mod imports;
mod modules;
mod repository;
mod tokens;

use imports::{circles, describe, imports, table_faults};
use repository::{Crate, crates};

/// Metaphors and names that the design has plain words for.
const UNWANTED: [&str; 12] = [
    "told",
    "shelf",
    "shelve",
    "stock",
    "restack",
    "in_vain",
    "scribble",
    "sensible",
    "by_address",
    "Hierarchy",
    "hull",
    "misuse",
];

/// What `faults` finds in the crates, as one message.
fn faulty(crates: &[Crate], faults: impl Fn(&Crate) -> Vec<String>) -> String {
    let mut message = String::new();
    for one in crates {
        let faults = faults(one);
        if !faults.is_empty() {
            message += &format!("{} ({}):\n{}", one.package, one.root, faults.concat());
        }
    }
    message
}

#[test]
fn no_files_of_a_crate_import_each_other() {
    let message = faulty(&crates(), |one| {
        let imports = imports(&one.sources, &one.root);
        circles(&imports).iter().map(|circle| describe(circle) + "\n").collect()
    });
    assert!(message.is_empty(), "files that import each other, in a circle:\n{message}");
}

#[test]
fn the_table_of_each_library_lists_its_files_bottom_up() {
    let libraries: Vec<Crate> = crates().into_iter().filter(|one| one.root == "src/lib.rs").collect();
    let message = faulty(&libraries, |one| table_faults(&one.sources, &one.root));
    assert!(message.is_empty(), "{message}");
}

#[test]
fn no_library_or_program_uses_the_old_words() {
    let message = faulty(&crates(), |one| {
        let library = one.sources.iter().filter(|(path, _)| !path.ends_with("/tests.rs") && !path.contains("/tests/"));
        let lines =
            library.flat_map(|(path, text)| text.lines().enumerate().map(move |(at, line)| (path, at + 1, line)));
        let unwanted = lines.filter(|(_, _, line)| UNWANTED.iter().any(|word| line.contains(word)));
        unwanted.map(|(path, at, line)| format!("    {path}:{at}: {}\n", line.trim())).collect()
    });
    assert!(message.is_empty(), "words that the design has others for ({UNWANTED:?}):\n{message}");
}
