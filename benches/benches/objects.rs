//! Compares allocators of objects of one type: a group for each workload.

mod groups;

use allocator_benches::results::Family;
use criterion::{Criterion, criterion_group, criterion_main};

fn objects(c: &mut Criterion) {
    groups::compare(c, Family::Objects);
}

criterion_group!(name = benches; config = groups::criterion(); targets = objects);
criterion_main!(benches);
