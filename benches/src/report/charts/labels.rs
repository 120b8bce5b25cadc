//! Labels along an edge: on as many rows as keep them apart.

use super::{TEXT, width_of};

/// How far apart labels of one row are, in pixels.
const GAP: i32 = 8;
/// The height of a line of text.
pub(super) const LINE: i32 = TEXT + 1;

/// The row of each of these boxes, `(from, to)`: the first one where it touches none of those before.
pub(super) fn rows_of(boxes: &[(i32, i32)]) -> Vec<usize> {
    // What is taken of each row.
    let mut taken: Vec<Vec<(i32, i32)>> = Vec::new();
    let is_free = |row: &[(i32, i32)], (from, to): (i32, i32)| {
        row.iter().all(|&(other_from, other_to)| to + GAP <= other_from || other_to + GAP <= from)
    };
    let place = |&span: &(i32, i32)| {
        let row = taken.iter().position(|row| is_free(row, span)).unwrap_or(taken.len());
        match taken.get_mut(row) {
            Some(spans) => spans.push(span),
            None => taken.push(vec![span]),
        }
        row
    };
    boxes.iter().map(place).collect()
}

/// From where to where the lines of a label reach that is centred here, within the bounds of the drawing.
pub(super) fn centred<'t>(lines: impl IntoIterator<Item = &'t str>, centre: i32, width: i32) -> (i32, i32) {
    let wide = lines.into_iter().map(width_of).max().unwrap_or(0);
    let from = (centre - wide / 2).min(width - wide).max(0);
    (from, from + wide)
}

/// Where labels begin that follow one another, `(x, row)`, a line ending where the next one would cross the right bound.
pub(super) fn flow(widths: &[i32], width: i32) -> Vec<(i32, i32)> {
    let (mut x, mut row) = (0, 0);
    let place = |&wide: &i32| {
        if x > 0 && x + wide > width {
            (x, row) = (0, row + 1);
        }
        let at = (x, row);
        x += wide + 2 * GAP;
        at
    };
    widths.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six labels on two rows in turn lay on top of one another.
    #[test]
    fn labels_on_one_row_do_not_intersect() {
        let names =
            ["4-1024", "below-uniform-4k", "fixed-64", "powers-of-two", "4k-64k", "below-uniform-4k-in-256m", "x"];
        for distance in [0, 5, 40, 100, 300] {
            let boxes: Vec<_> = (0..).zip(names).map(|(i, name)| centred([name], 60 + i * distance, 600)).collect();
            let rows = rows_of(&boxes);
            for (i, (a, row)) in boxes.iter().zip(&rows).enumerate() {
                for (b, _) in boxes[..i].iter().zip(&rows).filter(|(_, other)| *other == row) {
                    assert!(a.0 >= b.1 + GAP || b.0 >= a.1 + GAP, "{a:?} and {b:?} at {distance} pixels");
                }
                assert!(a.0 >= 0 && a.1 <= 600, "{a:?} is not in the drawing");
            }
        }
    }

    #[test]
    fn labels_with_room_share_a_row() {
        assert_eq!(rows_of(&[(0, 40), (50, 90), (100, 140)]), [0, 0, 0]);
        assert_eq!(rows_of(&[(0, 40), (20, 60), (100, 140), (45, 60)]), [0, 1, 0, 2]);
        assert_eq!(rows_of(&[]), [0; 0]);
    }

    #[test]
    fn a_line_ends_where_the_next_label_has_no_room() {
        assert_eq!(flow(&[40, 30, 50], 100), [(0, 0), (56, 0), (0, 1)]);
        assert_eq!(flow(&[400, 30], 100), [(0, 0), (0, 1)]);
    }
}
