//! Checks that run one program on two allocators, and compare their answers.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use std::string::String;
use std::vec::Vec;

use super::fixture::Fixture;
use super::layouts::layout;
use super::shadow::Shadow;
use crate::arena::Arena;
use crate::config::{Outcome, ensure};
use allocator_core::{AllocError, ByteAllocator};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Calls between two steps of a program that must not change the allocator.
type Between<'f, A> = &'f mut dyn FnMut(&mut A, &mut SmallRng);

/// A random program of all calls, and the allocator's answers so far.
///
/// It asks for no statistics and writes to no block, unlike a [`Shadow`]. So it must not be run on an allocator whose
/// blocks are not the arena's.
struct Program<'a> {
    arena: &'a Arena,
    live: Vec<(NonNull<u8>, Layout)>,
    answers: Vec<String>,
}

impl Program<'_> {
    fn note(&mut self, answer: String) {
        self.answers.push(answer);
    }

    /// Notes a block that the allocator has served, by its place in the arena. The block must lie in the regions.
    fn take(&mut self, what: &str, ptr: NonNull<u8>, layout: Layout) -> Outcome {
        let at = ptr.as_ptr().addr();
        let covered = self.arena.covers(&(at..at.saturating_add(layout.size().max(1))));
        ensure!(covered, "{what} of {layout:?}: {at:#x} is not inside the regions");
        self.live.push((ptr, layout));
        self.note(std::format!("{what} of {layout:?}: {:#x}", at - self.arena.at(0)));
        Ok(())
    }

    fn step<A: ByteAllocator>(&mut self, allocator: &mut A, rng: &mut SmallRng, pool: usize) -> Outcome {
        let bits = rng.random_range(1..=(pool / 16).ilog2());
        let new = layout(rng.random_range(0..1 << bits), 1 << rng.random_range(0..7));
        let dice = rng.random_range(0..10);
        if dice < 5 || self.live.is_empty() {
            return match if dice == 4 { allocator.alloc_zeroed(new) } else { allocator.alloc(new) } {
                Ok(ptr) => self.take("a block", ptr, new),
                Err(error) => {
                    self.note(std::format!("{new:?}: {error}"));
                    Ok(())
                }
            };
        }
        let chosen = rng.random_range(0..self.live.len());
        let (ptr, old) = self.live[chosen];
        let new_size = [old.size() / 2, old.size() + 8, new.size()][rng.random_range(0..3)];
        // SAFETY: the block is live, and was asked for with this layout; those of the batch below likewise.
        unsafe {
            match dice {
                5 => self.resized(chosen, new_size, allocator.realloc(ptr, old, new_size)),
                6 => self.resized(chosen, new_size, allocator.realloc_in_place(ptr, old, new_size)),
                7 => {
                    let mut out = [MaybeUninit::uninit(); 5];
                    let blocks = allocator.alloc_batch(new, &mut out).to_vec();
                    blocks.into_iter().try_for_each(|block| self.take("one of a batch", block, new))
                }
                8 => {
                    let (alike, others) = self.live.drain(..).partition::<Vec<_>, _>(|&(_, layout)| layout == old);
                    self.live = others;
                    let blocks: Vec<NonNull<u8>> = alike.into_iter().map(|(block, _)| block).collect();
                    allocator.dealloc_batch(&blocks, old);
                    Ok(())
                }
                _ => {
                    self.live.swap_remove(chosen);
                    allocator.dealloc(ptr, old);
                    Ok(())
                }
            }
        }
    }

    fn resized(&mut self, chosen: usize, new_size: usize, result: Result<NonNull<u8>, AllocError>) -> Outcome {
        let old = self.live[chosen].1;
        match result {
            Ok(ptr) => {
                self.live.swap_remove(chosen);
                self.take("a resized block", ptr, layout(new_size, old.align()))
            }
            Err(error) => {
                self.note(std::format!("{old:?} resized to {new_size}: {error}"));
                Ok(())
            }
        }
    }
}

/// What an allocator answers to a program of `steps` calls, with its statistics after all that and after everything has
/// been given back.
fn answers<A: ByteAllocator>(
    allocator: &mut A,
    arena: &Arena,
    seed: u64,
    steps: usize,
    between: Between<'_, A>,
) -> Outcome<Vec<String>> {
    let mut program = Program { arena, live: Vec::new(), answers: Vec::new() };
    let (mut rng, mut other) = (SmallRng::seed_from_u64(seed), SmallRng::seed_from_u64(!seed));
    let pool = arena.size() / 4;
    for step in 0..steps {
        between(allocator, &mut other);
        program.step(allocator, &mut rng, pool)?;
        if step % 100 == 99 {
            let trimmed = allocator.trim();
            program.note(std::format!("trim: {trimmed}"));
        }
    }
    for _ in 0..2 {
        let stats = (allocator.total_bytes(), allocator.used_bytes(), allocator.available_bytes());
        program.note(std::format!("statistics: {stats:?}"));
        for (ptr, layout) in program.live.drain(..) {
            // SAFETY: the block is live, and was asked for with this layout.
            unsafe { allocator.dealloc(ptr, layout) };
        }
        between(allocator, &mut other);
    }
    program.note(std::format!("released: {:?}", allocator.release_region().map(|region| region.size())));
    Ok(program.answers)
}

/// Runs the same program on two fresh allocators, the second time as `second` does, and compares the answers. `what` says
/// what the second one differs in.
fn same_answers<A: ByteAllocator>(
    fixture: &mut Fixture<'_, A>,
    what: &str,
    second: impl FnOnce(&mut A, &Arena, u64, usize) -> Outcome<Vec<String>>,
) -> Outcome {
    let (steps, seed) = (fixture.steps(4), fixture.rng.random());
    let mut run = |program: &mut dyn FnMut(&mut A, &Arena) -> Outcome<Vec<String>>| {
        let mut shadow: Shadow<'_, A> = fixture.with_one_region()?;
        let (allocator, arena) = shadow.allocator_and_arena();
        program(allocator, arena)
    };
    let plain = run(&mut |allocator, arena| answers(allocator, arena, seed, steps, &mut |_, _| {}))?;
    let mut second = Some(second);
    let other = run(&mut |allocator, arena| match second.take() {
        Some(second) => second(allocator, arena, seed, steps),
        None => Ok(Vec::new()),
    })?;
    let differs = plain.iter().zip(&other).find(|(plain, other)| plain != other);
    let Some((plain, other)) = differs else {
        ensure!(plain.len() == other.len(), "{what}, it gives {} answers; left alone, {}", other.len(), plain.len());
        return Ok(());
    };
    Err(std::format!("{what}, it answers {other}; left alone, it answers {plain}"))
}

pub(crate) fn asking_changes_nothing<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    same_answers(fixture, "asked for its statistics between the calls", |allocator, arena, seed, steps| {
        answers(allocator, arena, seed, steps, &mut |allocator, rng| {
            let layout = layout(rng.random_range(0..10_000), 1 << rng.random_range(0..13));
            let _ = (allocator.total_bytes(), allocator.used_bytes(), allocator.available_bytes());
            let _ = (allocator.usable_size(layout), allocator.region_for(layout));
        })
    })
}

pub(crate) fn refused_regions_change_nothing<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let middle = fixture.middle();
    same_answers(fixture, "offered regions that it refuses between the calls", |allocator, arena, seed, steps| {
        answers(allocator, arena, seed, steps, &mut |allocator, rng| {
            let overlap = middle.start + rng.random_range(0..middle.len() / 2);
            // SAFETY: regions that are none, or overlap what the allocator has, are refused and left alone.
            unsafe {
                let _ = (allocator.init(overlap, 4096), allocator.add_memory(overlap & !4095, 4096));
                let _ = (allocator.add_memory(0, 0), allocator.add_memory(usize::MAX - 8191, 8192));
            }
        })
    })
}

/// Lent in either way, it does what it does itself, not what a trait's provided methods do.
pub(crate) fn lent_answers<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    same_answers(fixture, "lent as `&mut A`", |mut allocator, arena, seed, steps| {
        answers(&mut allocator, arena, seed, steps, &mut |_, _| {})
    })?;
    same_answers(fixture, "lent as `&mut dyn`", |allocator, arena, seed, steps| {
        answers(&mut (allocator as &mut dyn ByteAllocator), arena, seed, steps, &mut |_, _| {})
    })
}
