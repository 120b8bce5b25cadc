//! Random numbers: the same on every machine, in operations of 32 bits.

/// Marsaglia's generator of 32 bits ("Xorshift RNGs", Journal of Statistical Software 8(14), 2003).
#[derive(Clone, Debug)]
pub struct Random(u32);

impl Random {
    /// The numbers that follow from a seed.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        // An odd factor, so that seeds stay apart; no state is 0.
        let mut random = Self(match seed.wrapping_mul(0x9e37_79b9) {
            0 => 1,
            state => state,
        });
        let mut skipped = 0;
        // Seeds that are near each other begin alike.
        while skipped < 16 {
            random.advance();
            skipped += 1;
        }
        random
    }

    const fn advance(&mut self) {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
    }

    /// A number below `bound`, 0 where that is 0.
    pub const fn below(&mut self, bound: u32) -> u32 {
        self.advance();
        ((self.0 as u64 * bound as u64) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn each_number_below_a_bound_comes_about_as_often() {
        for seed in 0..8 {
            let mut counts = [0_u32; 10];
            let mut random = Random::new(seed);
            for _ in 0..100_000 {
                counts[random.below(10) as usize] += 1;
            }
            assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{seed}: {counts:?}");
        }
    }
}
