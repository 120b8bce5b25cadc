//! Passes on what the report says about this build: the compiler, the profile, and the flags of the peers in C and C++.

use std::env;
use std::process::Command;

/// What takes the assertions out of C and C++.
const NO_ASSERTIONS: &str = "-DNDEBUG";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let version = env::var_os("RUSTC")
        .and_then(|rustc| Command::new(rustc).arg("--version").output().ok())
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    println!("cargo::rustc-env=BENCHES_RUSTC={}", version.as_deref().map_or("rustc, unknown", str::trim));
    println!("cargo::rustc-env=BENCHES_PROFILE={}", variable("PROFILE"));
    println!("cargo::rustc-env=BENCHES_OPT_LEVEL={}", variable("OPT_LEVEL"));
    // The package of mimalloc defines it itself, but where there is debug info.
    let mimalloc = if variable("DEBUG") == "false" { NO_ASSERTIONS } else { "" };
    println!("cargo::rustc-env=BENCHES_MIMALLOC_FLAGS={}", flags("CFLAGS", mimalloc));
    println!("cargo::rustc-env=BENCHES_JEMALLOC_FLAGS={}", flags("CFLAGS", ""));
    let snmalloc = flags("CXXFLAGS", "");
    if env::var_os("CARGO_FEATURE_HOSTED").is_some() && !snmalloc.contains(NO_ASSERTIONS) {
        println!(
            "cargo::warning=snmalloc is built with its assertions, which make it slow: CXXFLAGS lacks {NO_ASSERTIONS} (cargo \
             reads .cargo/config.toml only where it is started within the workspace)"
        );
    }
    println!("cargo::rustc-env=BENCHES_SNMALLOC_FLAGS={snmalloc}");
}

/// The flags that the crate `cc` compiles a package with: the level of optimisation, those of the package, and those of the
/// environment, which come last and so prevail.
fn flags(environment: &str, package: &str) -> String {
    println!("cargo::rerun-if-env-changed={environment}");
    let (level, given) = (format!("-O{}", variable("OPT_LEVEL")), variable(environment));
    let mut flags: Vec<&str> = vec![&level];
    for flag in package.split_whitespace().chain(given.split_whitespace()) {
        if !flags.contains(&flag) {
            flags.push(flag);
        }
    }
    flags.join(" ")
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
