//! Comparisons of the allocator family. Each bench is a criterion target under `benches/`; run one with
//! `cargo bench -p allocator-benches --bench handles`.
