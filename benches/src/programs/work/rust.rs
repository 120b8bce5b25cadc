//! `syn`: a tool that reads Rust. It parses all source files of this workspace, keeps the trees, and writes some of them out as
//! tokens again.

use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;

use super::{Checksum, Size};

/// So many trees are written out as tokens, one of so many.
const ONE_OF: usize = 4;

/// Neither the folder that they are in nor the seed changes the work, as the files are taken in the order of their names.
pub(super) fn run(size: Size, _: u64) -> u64 {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files.truncate(size.choose(usize::MAX, 30));
    let sources: Vec<String> = files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
    let mut checksum = Checksum::default();
    checksum.add(sources.len());
    for pass in 0..size.choose(4, 2) {
        // What does not parse is a result, too.
        let trees: Vec<_> = sources.iter().map(|source| syn::parse_file(source).ok()).collect();
        for tree in &trees {
            checksum.add(tree.as_ref().map(|tree| (tree.items.len(), tree.attrs.len())));
        }
        for tree in trees.iter().skip(pass % ONE_OF).step_by(ONE_OF).flatten() {
            checksum.add(tree.to_token_stream().to_string());
        }
    }
    checksum.finish()
}

/// Adds all files of Rust below a folder, but for those that cargo or git has made.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                collect(&path, files);
            }
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}
