//! The picture of a page map: a character for every four pages, a line for every MiB, numbers beside it.

use std::io::{self, Write};

use crate::screen::{Colour, Screen};

/// What a page is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// Free.
    Free,
    /// Taken for good, as the image of a kernel is.
    Pinned,
    /// Taken for a while.
    Taken,
    /// Part of a run of 2 MiB.
    Huge,
    /// Never handed out: the engine's own data.
    Own,
}

const PAGES_IN_CELL: usize = 4;
const CELLS_IN_LINE: usize = 64;

/// The four pages of a cell in reading order are the bits 0 to 3: set where the page is in use.
const QUADRANTS: [char; 16] = ['·', '▘', '▝', '▀', '▖', '▌', '▞', '▛', '▗', '▚', '▐', '▜', '▄', '▙', '▟', '█'];

impl Page {
    /// How a cell looks that holds nothing else.
    fn glyph(self) -> (char, Colour) {
        match self {
            Self::Free => ('·', Colour::Dim),
            Self::Pinned => ('▓', Colour::Magenta),
            Self::Taken => ('█', Colour::Yellow),
            Self::Huge => ('▒', Colour::Green),
            Self::Own => ('%', Colour::Dim),
        }
    }
}

/// Prints the map with `notes` to the right of it, one on each line.
pub(crate) fn print(pages: &[Page], notes: &[String], screen: &mut Screen) -> io::Result<()> {
    let lines = pages.chunks(PAGES_IN_CELL * CELLS_IN_LINE);
    let notes = notes.iter().map(String::as_str).chain(std::iter::repeat(""));
    for (line, note) in lines.zip(notes) {
        let picture: Vec<_> = line.chunks(PAGES_IN_CELL).map(cell).collect();
        // One escape sequence for a stretch of one colour.
        let stretches = picture.chunk_by(|(_, left), (_, right)| left == right);
        let picture: String = stretches
            .map(|stretch| screen.paint(&stretch.iter().map(|(glyph, _)| glyph).collect::<String>(), stretch[0].1))
            .collect();
        writeln!(screen, "{}", format!("{picture}  {note}").trim_end())?;
    }
    Ok(())
}

/// What the characters mean.
pub(crate) fn legend(screen: &Screen) -> String {
    let kinds = [(Page::Pinned, "pinned"), (Page::Taken, "taken"), (Page::Huge, "huge (2 MiB)"), (Page::Free, "free")];
    let names = kinds.map(|(page, name)| {
        let (glyph, colour) = page.glyph();
        format!("{} {name}", screen.paint(&glyph.to_string(), colour))
    });
    format!(
        "{}; a character is 4 pages, a line 1 MiB\nto be had: the longest run, in pages, and the number of runs of 2 MiB",
        names.join("  ")
    )
}

fn cell(pages: &[Page]) -> (char, Colour) {
    let mixed = pages.iter().any(|page| *page != pages[0]);
    match pages.iter().find(|page| **page != Page::Free) {
        Some(in_use) if mixed => {
            let bits = pages.iter().enumerate().map(|(index, page)| usize::from(*page != Page::Free) << index).sum();
            (QUADRANTS.get::<usize>(bits).copied().unwrap_or('?'), in_use.glyph().1)
        }
        _ => pages[0].glyph(),
    }
}
