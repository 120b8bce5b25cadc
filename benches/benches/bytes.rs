//! Compares byte heaps on recorded lists of requests: a group for each workload.

mod groups;

use allocator_benches::results::Family;
use criterion::{Criterion, criterion_group, criterion_main};

fn bytes(c: &mut Criterion) {
    groups::compare(c, Family::Bytes);
}

criterion_group!(name = benches; config = groups::criterion(); targets = bytes);
criterion_main!(benches);
