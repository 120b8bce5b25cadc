//! The sizes of the sections of a program.

use std::fs;
use std::ops::Sub;
use std::path::Path;

use object::{File, Object, ObjectSection};

/// What a program takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// `.text` and `.rodata`.
    pub(crate) code: u64,
    /// `.data` and `.bss`.
    pub(crate) state: u64,
}

impl Sub for Taken {
    type Output = Self;

    fn sub(self, less: Self) -> Self {
        Self { code: self.code.saturating_sub(less.code), state: self.state.saturating_sub(less.state) }
    }
}

/// Reads the sections of the program at this path.
pub(crate) fn read(path: &Path) -> Result<Taken, String> {
    let contents = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let file = File::parse(&contents[..]).map_err(|error| format!("{}: {error}", path.display()))?;
    let sum = |names: &[&str]| {
        let sections = file.sections().filter(|section| section.name().is_ok_and(|name| names.contains(&name)));
        sections.map(|section| section.size()).sum()
    };
    let taken = Taken { code: sum(&[".text", ".rodata"]), state: sum(&[".data", ".bss"]) };
    if taken.code == 0 { Err(format!("{} has no code", path.display())) } else { Ok(taken) }
}
