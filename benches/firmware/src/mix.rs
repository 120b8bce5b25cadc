//! The firmware mix: what a program on a small machine allocates, and for how long.
//!
//! | kind | bytes | aligned to | of 100 requests | mean lifetime, in lifetimes of a buffer | of the live bytes |
//! | --- | --- | --- | --- | --- | --- |
//! | nodes: of lists and trees, timers, small futures | 8 to 32, multiples of 4 | 4 | 50 | 8 | 12 % |
//! | messages and strings | 32 to 128 | 1 | 41 | 8 | 40 % |
//! | buffers: frames of a network, records of TLS, blocks of a file | 256 to 1536 | 4 | 6 | 1 | 8 % |
//! | lasting: tasks, connections, what a configuration became | 16 to 256, multiples of 8 | 8 | 3 | 64 | 40 % |
//!
//! Sizes are uniform within their kind. Which live block is freed next is random: one of the blocks of all kinds, each as likely
//! as its lifetime is short. The last column is what follows from the others once the first blocks are gone.
//!
//! The numbers are typical ones, not those of one program: the sizes are those of structs with a few words, of short texts, of
//! an Ethernet frame.

use core::alloc::Layout;

use crate::random::Random;

/// What a kind of blocks is like.
#[derive(Debug)]
pub struct Kind {
    /// The smallest size in bytes.
    least: u32,
    /// The largest size in bytes.
    most: u32,
    /// Sizes are `least` and a multiple of this.
    step: u32,
    align: usize,
    /// How many of 100 requests are of this kind.
    requests: u32,
    /// The mean lifetime, in lifetimes of the kind that lives for the shortest time.
    lifetime: u32,
}

/// The kinds of the firmware mix.
pub const KINDS: [Kind; 4] = [
    Kind { least: 8, most: 32, step: 4, align: 4, requests: 50, lifetime: 8 },
    Kind { least: 32, most: 128, step: 1, align: 1, requests: 41, lifetime: 8 },
    Kind { least: 256, most: 1536, step: 1, align: 4, requests: 6, lifetime: 1 },
    Kind { least: 16, most: 256, step: 8, align: 8, requests: 3, lifetime: 64 },
];

const _: () = {
    let (mut kind, mut requests) = (0, 0);
    while kind < KINDS.len() {
        requests += KINDS[kind].requests;
        kind += 1;
    }
    assert!(requests == 100, "the shares of the requests are of 100");
};

/// Which of the [`KINDS`] a block is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindIndex(u8);

impl KindIndex {
    /// The first kind.
    pub const FIRST: Self = Self(0);

    fn kind(self) -> &'static Kind {
        &KINDS[self.0 as usize]
    }

    /// How a block of this kind is aligned.
    #[must_use]
    pub fn align(self) -> usize {
        self.kind().align
    }

    /// Whether a block of this kind that was chosen at random is freed now: as often as its lifetime is short.
    #[must_use]
    pub fn ends(self, random: &mut Random) -> bool {
        random.below(self.kind().lifetime) == 0
    }
}

/// The next request of the mix.
#[must_use]
pub fn draw(random: &mut Random) -> (KindIndex, Layout) {
    let mut rest = random.below(100);
    let mut index = 0;
    while rest >= KINDS[index].requests {
        rest -= KINDS[index].requests;
        index += 1;
    }
    let Kind { least, most, step, align, .. } = KINDS[index];
    let size = least + step * random.below((most - least) / step + 1);
    (KindIndex(index as u8), Layout::from_size_align(size as usize, align).expect("a small size"))
}

#[cfg(test)]
mod tests {
    use super::{KINDS, Random, draw};

    /// The share of the requests, and that of the live bytes, follow from the table; so does the mean size.
    #[test]
    fn requests_are_as_the_table_says() {
        let (mut random, mut counts, mut bytes) = (Random::new(7), [0_u32; KINDS.len()], [0.0; KINDS.len()]);
        for _ in 0..100_000 {
            let (kind, layout) = draw(&mut random);
            let (index, kind) = (kind.0 as usize, kind.kind());
            let size = layout.size() as u32;
            assert!((kind.least..=kind.most).contains(&size) && (size - kind.least).is_multiple_of(kind.step));
            counts[index] += 1;
            bytes[index] += f64::from(size * kind.lifetime);
        }
        for (kind, count) in KINDS.iter().zip(counts) {
            assert!((f64::from(count) / 1000.0 - f64::from(kind.requests)).abs() < 0.5, "{counts:?}");
        }
        let all: f64 = bytes.iter().sum();
        for (bytes, percent) in bytes.iter().zip([12.0, 40.0, 8.0, 40.0]) {
            assert!((100.0 * bytes / all - percent).abs() < 1.0, "{bytes:?} of {all}");
        }
    }
}
