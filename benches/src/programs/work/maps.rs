//! `maps`: a program that counts the words of a text, keeps an index of where they are, and a table of records by name.

use std::collections::{BTreeMap, HashMap};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::{Checksum, Hashing, Size};

const VOCABULARY: usize = 60_000;
const TEXT: usize = 400_000;
const RECORDS: usize = 100_000;
const CHANGES: usize = 400_000;

pub(super) fn run(size: Size, seed: u64) -> u64 {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut checksum = Checksum::default();
    let vocabulary: Vec<String> = (0..size.choose(VOCABULARY, 300)).map(|_| word(&mut random)).collect();
    for _ in 0..2 {
        count(&vocabulary, size.choose(TEXT, 3000), &mut random, &mut checksum);
    }
    records(size.choose(RECORDS, 300), size.choose(CHANGES, 3000), &mut random, &mut checksum);
    checksum.finish()
}

fn word(random: &mut SmallRng) -> String {
    let letters = random.random_range(2..=12) + random.random_range(0..=12);
    (0..letters).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect()
}

/// Counts the words of a text, in which few words are most of it, and collects their places.
fn count(vocabulary: &[String], words: usize, random: &mut SmallRng, checksum: &mut Checksum) {
    let mut counts: HashMap<String, u64, Hashing> = HashMap::default();
    let mut places: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for place in 0..words {
        let rank = random.random_range(0.0..1.0_f64).powi(4);
        let word = &vocabulary[(rank * vocabulary.len() as f64) as usize];
        *counts.entry(word.to_uppercase()).or_default() += 1;
        places.entry(word.clone()).or_default().push(place as u32);
    }
    let mut most: Vec<(&String, &u64)> = counts.iter().collect();
    most.sort_unstable_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    checksum.add(most);
    places.retain(|word, places| word.len() % 2 == 0 || places.len() > 10);
    checksum.add(&places);
}

/// Adds, changes and removes records of 8 to some hundred bytes, by name, and keeps their names sorted beside.
fn records(live: usize, changes: usize, random: &mut SmallRng, checksum: &mut Checksum) {
    let mut table: HashMap<String, String, Hashing> = HashMap::default();
    let mut sorted: BTreeMap<String, usize> = BTreeMap::new();
    for step in 0..changes {
        // Twice as many names as live records: half of what is looked for is there.
        let name = format!("record/{}", random.random_range(0..2 * live));
        match random.random_range(0..4) {
            0 => {
                table.remove(&name);
                sorted.remove(&name);
            }
            1 => {
                let record = table.entry(name).or_default();
                for _ in 0..random.random_range(1..=8) {
                    record.push_str("some more of it; ");
                }
                if record.len() > 400 {
                    record.clear();
                    record.shrink_to(16);
                }
            }
            _ => {
                table.insert(name.clone(), "x".repeat(random.random_range(8..200)));
                sorted.insert(name, step);
            }
        }
    }
    for (name, step) in &sorted {
        checksum.add((name, step, table.get(name)));
    }
    checksum.add((table.len(), sorted.len()));
}
