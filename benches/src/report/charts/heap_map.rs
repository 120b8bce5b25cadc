//! What is left of a pool: a grid of cells from the start of the pool to its end, row by row, darker the more is live.

use super::{drawing, palette};
use crate::report::number;
use crate::results::HeapMap;

const CELL: i32 = 8;

/// Draws a map.
pub(in crate::report) fn draw(map: &HeapMap) -> String {
    let columns = if map.cells.len() > 1024 { 64 } else { 32 };
    let rows = map.cells.len().div_ceil(columns).max(1);
    let description =
        format!("{}: what is live in a pool of {} after churn", map.allocator, number::bytes(map.pool_bytes));
    let size = (columns as i32 * CELL, rows as i32 * CELL);
    drawing(size, &description, |canvas| {
        for (row, cells) in map.cells.chunks(columns).enumerate() {
            let top = row as i32 * CELL;
            let mut start = 0;
            // Neighbours of one colour make one rectangle: a map is then a tenth of the size.
            for same in cells.chunk_by(|a, b| level(*a) == level(*b)) {
                let end = start + same.len() as i32 * CELL;
                canvas.rectangle((start, top), (end, top + CELL), palette::LEVELS[level(same[0])]);
                start = end;
            }
        }
    })
}

/// The colour of a cell: nothing live has its own, and so has full; the rest share four.
fn level(live: u8) -> usize {
    match live {
        0 => 0,
        u8::MAX => 5,
        _ => 1 + usize::from(live) / 64,
    }
}

/// What the levels mean, for a key: the least and the greatest share, in percent.
pub(in crate::report) const LEVEL_NAMES: [&str; 6] = ["free", "to 25 %", "to 50 %", "to 75 %", "to 99 %", "full"];

#[cfg(test)]
mod tests {
    use super::*;

    fn map(cells: Vec<u8>) -> HeapMap {
        HeapMap { allocator: "slab".to_owned(), pool_bytes: 1 << 20, cells, largest_free: 0 }
    }

    #[test]
    fn levels_tell_free_and_full_from_the_rest() {
        assert_eq!([0, 1, 63, 64, 254, 255].map(level), [0, 1, 1, 2, 4, 5]);
        assert_eq!(LEVEL_NAMES.len(), palette::LEVELS.len());
    }

    #[test]
    fn neighbours_of_a_colour_make_one_rectangle() {
        let svg = draw(&map(vec![0; 64]));
        assert_eq!(svg.matches("<rect").count(), 2, "two rows of 32");
        assert!(svg.contains("a pool of 1 MiB"));
    }

    #[test]
    fn a_map_of_nothing_is_drawn() {
        assert!(draw(&map(Vec::new())).contains("</svg>"));
    }
}
