//! The program `report` as its users call it: what it writes, what it refuses, and when.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The least work that gives a figure.
const LITTLE: [&str; 5] = ["--quick", "--only", "objects/pair", "--allocators", "slab,floor"];

fn report(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_report")).args(arguments).output().expect("the program starts")
}

/// A folder of this test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_run_leaves_a_page_and_results_that_are_complete() {
    let out = folder("a_run");
    let out = out.to_str().unwrap();
    let ran = report(&[&LITTLE[..], &["--out", out]].concat());
    assert!(ran.status.success(), "{}", complaint(&ran));
    assert!(fs::read_to_string(format!("{out}/index.html")).unwrap().contains("objects/pair"));
    let results = format!("{out}/results.json");
    let checked = report(&["--check", &results, "--only", LITTLE[2], "--allocators", LITTLE[4]]);
    assert!(checked.status.success(), "{}", complaint(&checked));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("all 2 pairs are there; 0 of them"));
    let checked = report(&["--check", &results, "--only", "objects", "--allocators", "slab"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(complaint(&checked).contains("objects/batch-1m with slab: no figure"), "{}", complaint(&checked));
}

#[test]
fn a_file_without_markers_is_refused_before_anything_is_measured() {
    let out = folder("no_markers");
    let readme = out.join("README.md");
    fs::write(&readme, "no markers").unwrap();
    let [out, readme] = [&out, &readme].map(|path| path.to_str().unwrap());
    let refused = report(&[&LITTLE[..], &["--out", out, "--markdown", "--write", readme]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint(&refused).contains("there is no line `<!-- report:begin -->`"), "{}", complaint(&refused));
    assert!(!PathBuf::from(out).join("results.json").exists());
    assert_eq!(fs::read_to_string(readme).unwrap(), "no markers");
}

#[test]
fn a_chart_is_drawn_from_an_earlier_run() {
    let folder = folder("chart");
    let [out, chart] = [folder.clone(), folder.join("below").join("chart.svg")].map(|path| path.display().to_string());
    let peer = ["--allocators", "slab-cache-spin,attachable-slab-allocator"];
    let ran = report(&[&LITTLE[..3], &peer, &["--out", &out]].concat());
    assert!(ran.status.success(), "{}", complaint(&ran));
    let results = format!("{out}/results.json");
    let drawn = report(&["--from", &results, "--out", &out, "--chart", &chart]);
    assert!(drawn.status.success(), "{}", complaint(&drawn));
    let svg = fs::read_to_string(&chart).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("objects of one type, slab-cache-spin: "), "{svg}");
}

#[test]
fn nothing_to_compare_makes_no_chart() {
    let folder = folder("no_chart");
    let [out, chart] = [folder.clone(), folder.join("chart.svg")].map(|path| path.display().to_string());
    let refused = report(&[&LITTLE[..], &["--out", &out, "--chart", &chart]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint(&refused).contains("there is nothing to compare with a peer"), "{}", complaint(&refused));
    assert!(!PathBuf::from(chart).exists());
}

/// The library that `snmalloc-rs` builds has assertions in it unless its flags say otherwise, and is not what is to be
/// compared then. The texts of all of them begin alike.
#[cfg(feature = "hosted")]
#[test]
fn snmalloc_is_built_without_its_assertions() {
    let program = fs::read(env!("CARGO_BIN_EXE_report")).unwrap();
    let has = |text: &str| program.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("sn_rust_alloc") || has("snmalloc"), "it is in this program");
    assert!(!has("assert fail: {} in "), "CXXFLAGS lacks -DNDEBUG");
}

#[test]
fn a_folder_that_cannot_be_made_is_refused() {
    let file = folder("no_folder").join("file");
    fs::write(&file, "").unwrap();
    let out = file.join("below").to_str().unwrap().to_owned();
    let refused = report(&[&LITTLE[..], &["--out", &out]].concat());
    assert_eq!(refused.status.code(), Some(1));
    // The folder itself is named, not a file that was to be written to it in the end.
    assert!(complaint(&refused).starts_with(&format!("error: {out}: ")), "{}", complaint(&refused));
}

#[test]
fn bad_arguments_get_a_line_and_what_there_is() {
    let refused = report(&["--only", "nothing"]);
    assert_eq!(refused.status.code(), Some(2));
    let complaint = complaint(&refused);
    assert!(complaint.starts_with("error: --only nothing: no family or workload has this name\nfamilies: bytes, "));
}

#[test]
fn names_without_work_are_named() {
    let out = folder("idle");
    let ran = report(&["--quick", "--only", LITTLE[2], "--allocators", "slab,radix", "--out", out.to_str().unwrap()]);
    assert!(ran.status.success());
    assert_eq!(complaint(&ran), "note: radix takes part in none of these workloads\n");
}
