use std::collections::BTreeSet;

use super::checkerboard::{self, Ask};
use super::{PageHeap, PageVisitor, visit_heaps};
use crate::lab::stopwatch::Passes;
use crate::lab::{Measurement, Options};

const PAGES: usize = 1 << 12;
const OPTIONS: Options = Options { quick: true, seed: 0x5eed };

struct NoPageTwice;

impl PageVisitor for NoPageTwice {
    fn visit<P: PageHeap + 'static>(&mut self) {
        let mut heap = P::new(PAGES).unwrap();
        for _ in 0..2 {
            let pages: BTreeSet<usize> = std::iter::from_fn(|| heap.alloc(1, 0)).collect();
            assert!(pages.iter().copied().eq(0..PAGES), "{} hands out every page once", P::NAME);
            pages.into_iter().for_each(|page| heap.dealloc(page, 1, 0));
        }
        if P::SINGLE_PAGES_ONLY.is_some() {
            return;
        }
        let runs: BTreeSet<usize> = std::iter::from_fn(|| heap.alloc(512, 9)).collect();
        assert!(runs.iter().copied().eq((0..PAGES).step_by(512)), "{} hands out every run once", P::NAME);
    }
}

#[test]
fn no_page_is_handed_out_twice() {
    visit_heaps(PAGES, &mut NoPageTwice);
}

struct Checkerboard(Ask);

impl PageVisitor for Checkerboard {
    fn visit<P: PageHeap + 'static>(&mut self) {
        if P::SINGLE_PAGES_ONLY.is_some() {
            return;
        }
        let mut heap: P = checkerboard::lay_out(PAGES, self.0, &OPTIONS).unwrap();
        let Measurement::Time { refused, .. } =
            checkerboard::ask(&mut heap, PAGES, self.0, &OPTIONS, &mut Passes::default())
        else {
            panic!("{} answers {:?} wrongly", P::NAME, self.0);
        };
        assert_eq!(refused > 0, self.0 == Ask::Refused, "{}", P::NAME);
    }
}

#[test]
fn a_run_of_two_on_a_checkerboard_is_found_or_refused() {
    visit_heaps(PAGES, &mut Checkerboard(Ask::Found));
    visit_heaps(PAGES, &mut Checkerboard(Ask::Refused));
}
