//! Builds a program of this package for a target.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// Builds the program with these features, and returns where it is.
pub(crate) fn build(name: &str, target: &str, features: &[String]) -> Result<PathBuf, String> {
    let own = env::current_exe().map_err(|error| format!("this program is nowhere: {error}"))?;
    // This program is in `release` of the target directory.
    let directory = own.ancestors().nth(2).ok_or("this program is not in a target directory")?;
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .args(["--bin", name, "--target", target, "--features", &features.join(",")])
        .arg("--target-dir")
        .arg(directory)
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name} with {features:?} does not build for {target}:\n{said}"));
    }
    Ok(directory.join(target).join("release").join(name))
}
