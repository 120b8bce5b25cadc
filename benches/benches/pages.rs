//! Compares page allocators on spaces from 256 MiB to 1 TiB: a group for each workload.

mod groups;

use allocator_benches::results::Family;
use criterion::{Criterion, criterion_group, criterion_main};

fn pages(c: &mut Criterion) {
    groups::compare(c, Family::Pages);
}

criterion_group!(name = benches; config = groups::criterion(); targets = pages);
criterion_main!(benches);
