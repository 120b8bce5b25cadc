use super::{ObjectCache, ObjectVisitor, Threads, visit_caches};
use crate::lab::Measurement;

struct Check;

impl ObjectVisitor for Check {
    fn visit<O: ObjectCache + 'static>(&mut self, threads: Result<Threads, &'static str>) {
        let mut cache = O::new().unwrap();
        for _ in 0..2 {
            let held: Vec<O::Held> = (0..5_000).map(|number| cache.alloc(number).unwrap()).collect();
            for (number, object) in held.into_iter().enumerate() {
                assert_eq!(cache.free(object), number as u64, "{}", O::NAME);
            }
        }
        if let Ok(threads) = threads {
            for round in [threads.freed_elsewhere, threads.both_at_once] {
                assert!(matches!(round(5_000), Measurement::Time { refused: 0, .. }), "{}", O::NAME);
            }
        }
    }
}

#[test]
fn objects_keep_their_contents() {
    visit_caches(&mut Check);
}
