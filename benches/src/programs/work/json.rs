//! `serde_json`: a service that reads a document, changes it, and writes it again.

use std::fmt::Write;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::{Checksum, Size};

/// Records of about 700 bytes.
const RECORDS: usize = 15_000;

const WORDS: [&str; 16] = [
    "river", "of", "mountain", "a", "light", "the", "winter", "house", "and", "under", "travel", "stone", "in",
    "morning", "quiet", "harbour",
];

pub(super) fn run(size: Size, seed: u64) -> u64 {
    let mut random = SmallRng::seed_from_u64(seed);
    let document = document(&mut random, size.choose(RECORDS, 100));
    let mut checksum = Checksum::default();
    for _ in 0..size.choose(4, 2) {
        let mut value: Value = serde_json::from_str(&document).unwrap_or_default();
        change(&mut value, &mut random);
        checksum.add(serde_json::to_string(&value).unwrap_or_default());
    }
    checksum.finish()
}

fn text(random: &mut SmallRng, most_words: usize) -> String {
    let mut text = String::new();
    for _ in 0..random.random_range(1..=most_words) {
        text.push_str(WORDS[random.random_range(0..WORDS.len())]);
        text.push(' ');
    }
    text
}

/// A document of so many records.
fn document(random: &mut SmallRng, records: usize) -> String {
    let mut out = String::from("{\"version\": 3, \"records\": [");
    for id in 0..records {
        let comma = if id == 0 { "" } else { "," };
        let (name, city, body) = (text(random, 3), text(random, 2), text(random, 60));
        let (score, zip) = (random.random_range(0.0..1e4), random.random_range(1_000..99_999));
        let written = write!(
            out,
            "{comma}{{\"id\": {id}, \"name\": \"{name}\", \"active\": {}, \"score\": {score}, \"body\": \"{body}\", \
             \"address\": {{\"city\": \"{city}\", \"zip\": {zip}, \"lines\": [\"{name}\", \"c/o\\t{city}\"]}}, \"tags\": [",
            id % 3 == 0,
        );
        let tags: Vec<String> = (0..random.random_range(0..8)).map(|_| format!("\"{}\"", text(random, 1))).collect();
        out.push_str(&tags.join(", "));
        out.push_str("], \"friends\": [");
        let friends: Vec<String> = (0..random.random_range(0..6))
            .map(|_| format!("{{\"id\": {}, \"name\": \"{}\"}}", random.random_range(0..records), text(random, 2)))
            .collect();
        out.push_str(&friends.join(", "));
        out.push_str("]}");
        debug_assert!(written.is_ok(), "a string takes all that is written");
    }
    out.push_str("]}");
    out
}

/// Drops a quarter of the records, copies some of those that are left, and changes fields of the others.
fn change(document: &mut Value, random: &mut SmallRng) {
    let Some(records) = document["records"].as_array_mut() else { return };
    records.retain(|_| random.random_range(0..4) != 0);
    for index in 0..records.len() {
        let record = &mut records[index];
        match random.random_range(0..6) {
            0 => record["body"] = text(random, 90).into(),
            1 => record["note"] = json!({ "by": text(random, 2), "text": text(random, 20), "votes": [index, 2, 3] }),
            2 => {
                record.as_object_mut().and_then(|fields| fields.remove("address"));
            }
            3 => {
                if let Some(tags) = record["tags"].as_array_mut() {
                    tags.extend((0..10).map(|_| Value::from(text(random, 1))));
                }
            }
            4 => {
                let copy = record.clone();
                records.push(copy);
            }
            _ => {}
        }
    }
}
