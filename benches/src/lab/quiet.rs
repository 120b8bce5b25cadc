//! A probe of how quiet the machine is: the same piece of work, done now and then while the allocators are measured, and by
//! how much it was slower than at its fastest.

use std::hint::black_box;
use std::time::Instant;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::results::Noise;

/// Larger than the caches of most machines. Without optimisation nobody looks at the times, and shuffling so much would take
/// a minute.
const BYTES: usize = if cfg!(debug_assertions) { 1 << 20 } else { 64 << 20 };
/// Reads in a look: about as long as a slice of the work that is measured.
const READS: usize = 500;
/// Multiplications in a look, likewise.
const ROUNDS: usize = 20_000;
/// Looks at a time.
const LOOKS: usize = 8;

/// The work, and how long it took each time.
pub struct Probe {
    /// Each number is the index of the next one to read; one cycle through all.
    chain: Vec<u32>,
    at: u32,
    core: Vec<f64>,
    memory: Vec<f64>,
}

impl Probe {
    /// Without a look so far.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let length = BYTES / size_of::<u32>();
        let mut chain: Vec<u32> = (0..length as u32).collect();
        // Sattolo's shuffle: every permutation that it makes is a single cycle.
        let mut rng = SmallRng::seed_from_u64(seed);
        (1..length).rev().for_each(|last| chain.swap(last, rng.random_range(..last)));
        Self { chain, at: 0, core: Vec::new(), memory: Vec::new() }
    }

    /// Does the work some times.
    pub fn look(&mut self) {
        for _ in 0..LOOKS {
            let begun = Instant::now();
            black_box(multiply());
            self.core.push(begun.elapsed().as_secs_f64());
            let begun = Instant::now();
            self.at = (0..READS).fold(self.at, |at, _| self.chain[at as usize]);
            self.memory.push(begun.elapsed().as_secs_f64());
        }
    }

    /// By how much the median look was slower than the fastest one; `None` without any.
    #[must_use]
    pub fn noise(self) -> Option<Noise> {
        black_box(self.at);
        Some(Noise { core: median_to_least(self.core)?, memory: median_to_least(self.memory)? })
    }
}

/// Work without memory that keeps several units of the core busy, and so gets slower when another thread shares the core.
fn multiply() -> u64 {
    let mut lanes = black_box([1_u64, 2, 3, 4]);
    for _ in 0..ROUNDS {
        for lane in &mut lanes {
            *lane = (*lane ^ (*lane >> 7)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
    lanes.into_iter().fold(0, u64::wrapping_add)
}

fn median_to_least(mut times: Vec<f64>) -> Option<f64> {
    times.sort_unstable_by(f64::total_cmp);
    let (least, median) = (times.first()?, times[times.len() / 2]);
    (*least > 0.0).then(|| median / least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_the_median_to_the_least() {
        assert_eq!(median_to_least(vec![3.0, 2.0, 5.0]), Some(1.5));
        assert_eq!(median_to_least(Vec::new()), None);
    }

    #[test]
    fn a_probe_measures_core_and_memory() {
        let mut probe = Probe::new(1);
        probe.look();
        let noise = probe.noise().expect("there was a look");
        assert!(noise.core >= 1.0 && noise.memory >= 1.0);
        assert!(Probe::new(1).noise().is_none());
    }

    #[test]
    fn the_chain_goes_through_all_of_the_memory() {
        let probe = Probe::new(2);
        let (mut at, mut steps) = (0, 0_usize);
        loop {
            at = probe.chain[at as usize];
            steps += 1;
            if at == 0 {
                break;
            }
        }
        assert_eq!(steps, probe.chain.len());
    }
}
