//! The colours of drawings. A drawing holds those for a light page; the style sheet trades them for those of a dark one.

use plotters::style::RGBColor;

use crate::results::Role;

/// Text.
pub(in crate::report) const INK: RGBColor = colour(0x1F2328);
/// Text that matters less.
pub(in crate::report) const MUTED: RGBColor = colour(0x59636E);
/// Lines to read values by.
pub(in crate::report) const GRID: RGBColor = colour(0xD1D9E0);
/// Whiskers and marks on bars.
pub(in crate::report) const MARK: RGBColor = colour(0x24292F);
/// What the heap maps show of a stretch: nothing live, then more and more.
pub(in crate::report) const LEVELS: [RGBColor; 6] =
    [colour(0xEAEEF2), colour(0xC6DDF5), colour(0x8FBCEB), colour(0x5596DB), colour(0x2A6EBB), colour(0x0B4A8F)];

/// Allocators of ours, one after another.
const OURS: [RGBColor; 5] = [colour(0x0969DA), colour(0x8250DF), colour(0x0F7B6C), colour(0xBF3989), colour(0x1F4FA3)];
/// Peers, one after another.
const PEERS: [RGBColor; 6] =
    [colour(0x8C959F), colour(0xA3805B), colour(0x7F9467), colour(0x9A7F97), colour(0x6C8794), colour(0xA8A06A)];
/// Kinds of work, one after another.
const KINDS: [RGBColor; 6] =
    [colour(0x0072B2), colour(0xD55E00), colour(0x009E73), colour(0xCC79A7), colour(0x4A5058), colour(0x5B5FC7)];
/// The floor.
const FLOOR: RGBColor = colour(0xD4A72C);

/// Each colour on a light page, and the one that takes its place on a dark page.
const DARK: [(RGBColor, u32); 28] = [
    (INK, 0xE6EDF3),
    (MUTED, 0x9198A1),
    (GRID, 0x30363D),
    (MARK, 0xF0F6FC),
    (LEVELS[0], 0x21262D),
    (LEVELS[1], 0x1B3A5C),
    (LEVELS[2], 0x245A91),
    (LEVELS[3], 0x3A7FC4),
    (LEVELS[4], 0x6CA8E8),
    (LEVELS[5], 0xB3D4FA),
    (OURS[0], 0x4493F8),
    (OURS[1], 0xAB7DF8),
    (OURS[2], 0x2FB8A4),
    (OURS[3], 0xDB61A2),
    (OURS[4], 0x79B8FF),
    (PEERS[0], 0x7D8590),
    (PEERS[1], 0xA08062),
    (PEERS[2], 0x7E9468),
    (PEERS[3], 0x9C8099),
    (PEERS[4], 0x6F8D9B),
    (PEERS[5], 0xA39B68),
    (KINDS[0], 0x3FA7E0),
    (KINDS[1], 0xF08A4B),
    (KINDS[2], 0x2EC4A0),
    (KINDS[3], 0xE39BC4),
    (KINDS[4], 0xC9D1D9),
    (KINDS[5], 0x9EA1F5),
    (FLOOR, 0xBB8009),
];

/// The colour of a bar: one for each side.
pub(in crate::report) fn of_side(role: Role) -> RGBColor {
    of_line(role, 0)
}

/// The colour of a line: shades of its side, by its place among those of its side.
pub(in crate::report) fn of_line(role: Role, place: usize) -> RGBColor {
    match role {
        Role::Ours => OURS[place % OURS.len()],
        Role::Peer => PEERS[place % PEERS.len()],
        Role::Floor => FLOOR,
    }
}

/// The colour of a mark that stands for a kind of work, and not for a side.
pub(in crate::report) fn of_kind(place: usize) -> RGBColor {
    KINDS[place % KINDS.len()]
}

/// The style sheet that trades the colours of drawings for those of a dark page.
pub(in crate::report) fn dark_style() -> String {
    rules().map(|(_, rule)| rule).collect()
}

/// As much of it as this drawing needs.
pub(in crate::report) fn dark_style_of(svg: &str) -> String {
    rules().filter(|(attribute, _)| svg.contains(attribute)).map(|(_, rule)| rule).collect()
}

/// Each attribute with a colour, and the rule that trades it for one of a dark page.
fn rules() -> impl Iterator<Item = (String, String)> {
    DARK.into_iter().flat_map(|(RGBColor(r, g, b), dark)| {
        ["fill", "stroke"].map(|property| {
            let attribute = format!("{property}=\"#{r:02X}{g:02X}{b:02X}\"");
            let rule = format!("svg [{attribute}]{{{property}:#{dark:06X}}}");
            (attribute, rule)
        })
    })
}

const fn colour(hex: u32) -> RGBColor {
    let [_, r, g, b] = hex.to_be_bytes();
    RGBColor(r, g, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_colour_has_one_dark_counterpart() {
        for (i, (light, _)) in DARK.iter().enumerate() {
            assert!(DARK[..i].iter().all(|(other, _)| other != light), "{light:?} is there twice");
        }
        assert!(dark_style().contains("svg [fill=\"#1F2328\"]{fill:#E6EDF3}"));
    }

    #[test]
    fn every_place_has_a_colour() {
        for place in 0..20 {
            let of_sides = [Role::Ours, Role::Peer, Role::Floor].map(|role| of_line(role, place));
            for colour in of_sides.into_iter().chain([of_kind(place)]) {
                assert!(DARK.iter().any(|(light, _)| *light == colour), "{colour:?} has no dark counterpart");
            }
        }
    }
}
