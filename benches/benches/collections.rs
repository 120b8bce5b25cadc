//! Compares collections that allocate through handles: a group for each workload.

mod groups;

use allocator_benches::results::Family;
use criterion::{Criterion, criterion_group, criterion_main};

fn collections(c: &mut Criterion) {
    groups::compare(c, Family::Collections);
}

criterion_group!(name = benches; config = groups::criterion(); targets = collections);
criterion_main!(benches);
