//! Gives the linker the memory of the board, where a program for bare metal is built.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=link.ld");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let folder = env::var("CARGO_MANIFEST_DIR").expect("cargo sets the folder of the package");
        println!("cargo::rustc-link-arg-bins=-T{folder}/link.ld");
    }
}
