//! [`Shadow`] of an id allocator, which knows which ids are taken, and so the right answer to every call.

use core::cell::Cell;
use std::format;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::options::IdOptions;
use super::taken::Taken;
use crate::config::{Call, Outcome, call, ensure};
use crate::runs::Runs;
use allocator_core::{AllocError, IdAllocator};

/// An allocator under test, and the state that each id must be in.
///
/// Every call goes through the shadow, which counts it as a step.
pub(super) struct Shadow<'a, A> {
    allocator: A,
    pub(super) rng: SmallRng,
    options: &'a IdOptions,
    step: &'a Cell<usize>,
    size: usize,
    taken: Taken,
    /// How many ids are taken.
    used: usize,
}

impl<'a, A: IdAllocator> Shadow<'a, A> {
    pub(super) fn new(allocator: A, step: &'a Cell<usize>, options: &'a IdOptions, rng: SmallRng) -> Self {
        let size = allocator.size();
        Self { allocator, rng, options, step, size, taken: Taken::default(), used: 0 }
    }

    /// The same allocator, lent.
    pub(super) fn lend(&mut self) -> Shadow<'_, &mut A> {
        Shadow {
            allocator: &mut self.allocator,
            rng: SmallRng::from_rng(&mut self.rng),
            options: self.options,
            step: self.step,
            size: self.size,
            taken: self.taken.clone(),
            used: self.used,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Any taken id; the first of a run is chosen more often.
    pub(super) fn any_taken(&mut self) -> Option<usize> {
        let from = self.rng.random_range(0..self.size());
        self.taken.first_from(from).or_else(|| self.taken.first_from(0))
    }

    /// How many ids are taken side by side from `id`, up to `most`.
    pub(super) fn run_at(&self, id: usize, most: usize) -> usize {
        self.taken.count_from(id).min(most)
    }

    fn next_step(&self) {
        self.step.set(self.step.get() + 1);
    }

    /// Whether statistics and `is_allocated` are those of the shadow, the latter for some ids and those around `id`.
    pub(super) fn check(&mut self, call: Call<'_>, id: usize) -> Outcome {
        let stats = (self.allocator.size(), self.allocator.used(), self.allocator.available());
        let expected = (self.size(), self.used, self.size() - self.used);
        ensure!(stats == expected, "after {call}: (size, used, available) is {stats:?}, expected {expected:?}");
        let beside = [id.wrapping_sub(1), id, id.wrapping_add(1), self.rng.random_range(0..self.size()), self.size()];
        beside.into_iter().try_for_each(|id| self.check_id(call, id))
    }

    fn check_id(&self, call: Call<'_>, id: usize) -> Outcome {
        let expected = self.taken.contains(id);
        let is = self.allocator.is_allocated(id);
        ensure!(is == expected, "after {call}: is_allocated({id}) is {is}, expected {expected}");
        Ok(())
    }

    /// Whether `is_allocated` is right for every id (under Miri for some hundred), and for some that are none.
    pub(super) fn check_all(&self) -> Outcome {
        let call = call!("all");
        let stride = if cfg!(miri) { self.size().div_ceil(500) } else { 1 };
        (0..self.size()).step_by(stride).try_for_each(|id| self.check_id(call, id))?;
        let none = [0, 1, 63, 64, self.size()].map(|more| self.size() + more);
        none.into_iter().chain([usize::MAX, usize::MAX / 2]).try_for_each(|id| self.check_id(call, id))
    }

    /// A free run that the allocator must find for the request, if there is one.
    fn run_to_be_found(&self, count: usize, align: usize) -> Option<usize> {
        let (count, align) = match self.options.runs {
            Runs::Any => (count, align),
            Runs::PowerOfTwo => {
                let count = count.checked_next_power_of_two()?;
                (count, align.max(count))
            }
        };
        self.taken.gaps(self.size).find_map(|gap| {
            let start = gap.start.checked_next_multiple_of(align)?;
            (start.checked_add(count)? <= gap.end).then_some(start)
        })
    }

    /// Asks for a run; `None` if the allocator refuses. The shadow checks whether it may.
    pub(super) fn alloc(&mut self, count: usize, align: usize) -> Outcome<Option<usize>> {
        let call = call!("alloc_id({count}, {align})");
        self.next_step();
        let result = self.allocator.alloc_id(count, align);
        if count == 0 || !align.is_power_of_two() {
            ensure!(result == Err(AllocError::InvalidParam), "{call}: {result:?}, expected InvalidParam");
            return self.check(call, 0).map(|()| None);
        }
        match result {
            Ok(start) => {
                ensure!(start.is_multiple_of(align), "{call}: id {start} is not aligned");
                let end = start.checked_add(count).filter(|end| *end <= self.size());
                let end = end.ok_or_else(|| format!("{call}: the ids from {start} are out of range"))?;
                let taken = self.taken.first_from(start).filter(|taken| *taken < end);
                ensure!(taken.is_none(), "{call}: {start}, though {} is taken already", taken.unwrap_or(0));
                self.taken.insert(start..end);
                self.used += count;
                self.check(call, start)?;
                self.check_id(call, end - 1)?;
                Ok(Some(start))
            }
            Err(AllocError::NoMemory) => {
                let run = self.run_to_be_found(count, align);
                ensure!(run.is_none(), "{call}: NoMemory, though the ids from {} are free", run.unwrap_or(0));
                self.check(call, 0).map(|()| None)
            }
            Err(error) => Err(format!("{call}: {error:?}, expected ids or NoMemory")),
        }
    }

    /// Asks for a run that the allocator must have.
    pub(super) fn must_alloc(&mut self, count: usize, align: usize) -> Outcome<usize> {
        let run = self.alloc(count, align)?;
        run.ok_or_else(|| format!("alloc_id({count}, {align}): NoMemory, with {} of {} used", self.used, self.size()))
    }

    /// Asks for a certain id. Returns whether the allocator gave it.
    pub(super) fn alloc_fixed(&mut self, id: usize) -> Outcome<bool> {
        let call = call!("alloc_fixed_id({id})");
        self.next_step();
        let result = self.allocator.alloc_fixed_id(id);
        let expected = match self.taken.contains(id) {
            _ if id >= self.size => Err(AllocError::InvalidParam),
            true => Err(AllocError::NoMemory),
            false => Ok(()),
        };
        ensure!(result == expected, "{call}: {result:?}, expected {expected:?}");
        if result.is_ok() {
            self.taken.insert(id..id + 1);
            self.used += 1;
        }
        self.check(call, id)?;
        Ok(result.is_ok())
    }

    /// Gives ids back, rightly or wrongly. Returns whether the allocator accepted them.
    pub(super) fn dealloc(&mut self, start: usize, count: usize) -> Outcome<bool> {
        let call = call!("dealloc_id({start}, {count})");
        self.next_step();
        let result = self.allocator.dealloc_id(start, count);
        let right = start.checked_add(count).is_some_and(|end| self.taken.contains_all(&(start..end)));
        let expected = match right {
            _ if count == 0 => Err(AllocError::InvalidParam),
            false => Err(AllocError::NotAllocated),
            true => Ok(()),
        };
        ensure!(result == expected, "{call}: {result:?}, expected {expected:?}");
        if result.is_ok() {
            self.taken.remove(start..start + count);
            self.used -= count;
        }
        self.check(call, start)?;
        Ok(result.is_ok())
    }

    /// Gives all ids back, in runs of some length. Ends most checks.
    pub(super) fn finish(mut self) -> Outcome {
        self.dealloc_all()?;
        self.check_all()
    }

    pub(super) fn dealloc_all(&mut self) -> Outcome {
        while let Some(id) = self.any_taken() {
            let most = self.rng.random_range(1..=self.size().div_ceil(8));
            let count = self.run_at(id, most);
            self.dealloc(id, count)?;
        }
        ensure!(self.used == 0, "everything is given back, and {} are used", self.used);
        Ok(())
    }
}
