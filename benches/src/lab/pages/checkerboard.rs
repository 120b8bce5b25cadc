//! The workload on a page space in which every other page is free: a run of two is found at the very end, or refused.

use super::PageHeap;
use crate::lab::stopwatch::{self, Passes};
use crate::lab::{Measurement, Options};

/// What is asked of the checkerboard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ask {
    /// The last two pages are free, and are to be found and given back.
    Found,
    /// There is no run of two, and the request is to be refused.
    Refused,
}

/// The requests of a pass, at most.
fn requests(options: &Options) -> Vec<()> {
    vec![(); if options.quick { 50_000 } else { 500_000 }]
}

/// Takes all pages and gives every other one back.
///
/// # Errors
///
/// Why there is no checkerboard.
pub(super) fn lay_out<P: PageHeap>(pages: usize, ask: Ask, options: &Options) -> Result<P, String> {
    if let Some(why) = P::SINGLE_PAGES_ONLY {
        return Err(why.to_owned());
    }
    let mut heap = P::new(pages)?;
    let budget = stopwatch::preparation_budget(options);
    // Stretches, so that the clock is looked at now and then: all of them taken first, then every other page given back.
    let starts = || (0..pages).step_by(STRETCH);
    let stretches: Vec<(bool, usize)> =
        starts().map(|start| (true, start)).chain(starts().map(|start| (false, start))).collect();
    let mut refused = 0_usize;
    let laid_out = stopwatch::prepare(&stretches, budget, |&(take, start)| {
        let stretch = start..pages.min(start + STRETCH);
        if take {
            stretch.for_each(|_| refused += usize::from(heap.alloc(1, 0).is_none()));
        } else {
            stretch.step_by(2).for_each(|page| heap.dealloc(page, 1, 0));
        }
    });
    if !laid_out {
        return Err(format!("to lay out the checkerboard alone takes more than {} s", budget.as_secs_f32()));
    }
    if refused > 0 {
        return Err(format!("it refused {refused} of the pages it was given"));
    }
    if ask == Ask::Found {
        heap.dealloc(pages - 1, 1, 0);
    }
    Ok(heap)
}

const STRETCH: usize = 1 << 10;

/// Asks again and again.
pub(super) fn ask<P: PageHeap>(
    heap: &mut P,
    pages: usize,
    ask: Ask,
    options: &Options,
    passes: &mut Passes,
) -> Measurement {
    let (mut refused, mut wrong) = (0, None);
    let requests = requests(options);
    let done = passes.pass(&requests, stopwatch::budget(options), |()| match heap.alloc(2, 0) {
        Some(first) => {
            if ask == Ask::Refused || first + 2 != pages {
                wrong = Some(first);
            }
            heap.dealloc(first, 2, 0);
        }
        None => refused += 1,
    });
    match (wrong, ask) {
        (Some(first), _) => Measurement::None { why: format!("it hands out the pages {first} and {}", first + 1) },
        (None, Ask::Found) if refused > 0 => Measurement::none("it does not find the run of two"),
        (None, Ask::Found) => Measurement::Time { ns_per_op: passes.ns_per_op(2 * done), refused: 0 },
        (None, Ask::Refused) => Measurement::Time { ns_per_op: passes.ns_per_op(done), refused },
    }
}
