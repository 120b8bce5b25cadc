//! The sources of this repository.

use std::fs;
use std::path::Path;

use crate::modules::Sources;

/// A library, a program or an example.
pub(crate) struct Crate {
    /// The folder of its package.
    pub(crate) package: String,
    /// Its first file, within that folder.
    pub(crate) root: String,
    pub(crate) sources: Sources,
}

/// All crates of this repository that are not tests.
pub(crate) fn crates() -> Vec<Crate> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut crates = Vec::new();
    crates_of_package(root, ".", &mut crates);
    for entry in fs::read_dir(root).expect("the repository can be read") {
        let folder = entry.expect("the repository can be read").path();
        if folder.join("Cargo.toml").is_file() {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            crates_of_package(&folder, &name, &mut crates);
        }
    }
    crates_of_package(&root.join("benches/firmware"), "benches/firmware", &mut crates);
    assert!(crates.len() > 10, "the members of the workspace are gone");
    crates
}

fn crates_of_package(folder: &Path, name: &str, crates: &mut Vec<Crate>) {
    let mut sources = Sources::new();
    for part in ["src", "examples", "benches", "fuzz_targets"] {
        // Beside the root package, the lab lies in a folder of such a name.
        if !folder.join(part).join("Cargo.toml").is_file() {
            read(&folder.join(part), part, &mut sources);
        }
    }
    let roots: Vec<String> = sources.keys().filter(|path| is_root(path)).cloned().collect();
    crates.extend(roots.into_iter().map(|root| Crate { package: name.into(), root, sources: sources.clone() }));
}

fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(
        parts[..],
        ["src", "lib.rs" | "main.rs"] | ["src", "bin", _] | ["examples" | "benches" | "fuzz_targets", _]
    ) || matches!(parts[..], ["examples" | "benches" | "fuzz_targets", _, "main.rs"] | ["src", "bin", _, "main.rs"])
}

/// Reads all sources below the folder, which need not be there.
fn read(folder: &Path, path: &str, sources: &mut Sources) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let entry = entry.expect("the repository can be read").path();
        let path = format!("{path}/{}", entry.file_name().unwrap_or_default().to_string_lossy());
        if entry.is_dir() {
            read(&entry, &path, sources);
        } else if path.ends_with(".rs") {
            sources.insert(path, fs::read_to_string(&entry).expect("a source can be read"));
        }
    }
}
