//! An id allocator that is easy to believe in: one truth value for each id.
//!
//! Each fault is one condition in it.

use allocator_core::{AllocError, AllocResult, IdAllocator};

use crate::fault::Fault;

pub(crate) struct IdTable {
    fault: Option<Fault>,
    taken: Vec<bool>,
    /// How many are taken.
    used: usize,
}

impl IdTable {
    pub(crate) fn new(size: usize, fault: Option<Fault>) -> Self {
        Self { fault, taken: vec![false; size], used: 0 }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn first_fit(&self, count: usize, align: usize) -> Option<usize> {
        let last = self.taken.len().checked_sub(count)?;
        let last = if self.has(Fault::HandsOutBeyondRange) { self.taken.len() } else { last };
        let looked_at = if self.has(Fault::RunsOverTaken) { 1 } else { count };
        let mut start = 0;
        while start <= last {
            let end = (start + looked_at).min(self.taken.len());
            match self.taken[start..end].iter().rposition(|taken| *taken) {
                None => return Some(start),
                Some(taken) => start = (start + taken + 1).next_multiple_of(align),
            }
        }
        None
    }

    fn set(&mut self, start: usize, count: usize, taken: bool) {
        let end = (start + count).min(self.taken.len());
        for id in start..end {
            self.used = self.used + usize::from(taken) - usize::from(self.taken[id]);
            self.taken[id] = taken;
        }
    }
}

impl IdAllocator for IdTable {
    fn alloc_id(&mut self, count: usize, align_pow2: usize) -> AllocResult<usize> {
        if count == 0 || !align_pow2.is_power_of_two() {
            return Err(AllocError::InvalidParam);
        }
        if count > self.taken.len() || align_pow2 > self.taken.len() {
            let free = self.first_fit(count, self.taken.len().next_power_of_two());
            return free.filter(|&id| id == 0).inspect(|_| self.set(0, count, true)).ok_or(AllocError::NoMemory);
        }
        let ignored = self.has(Fault::SingleIdUnaligned) && count == 1;
        let align = if ignored { 1 } else { align_pow2 };
        let align = if self.has(Fault::AlignmentCappedByRun) { align.min(count.next_power_of_two()) } else { align };
        let start = self.first_fit(count, align).ok_or(AllocError::NoMemory)?;
        self.set(start, count, true);
        Ok(start)
    }

    fn dealloc_id(&mut self, start_id: usize, count: usize) -> AllocResult {
        if count == 0 {
            return Err(AllocError::InvalidParam);
        }
        let end = start_id.checked_add(count);
        let end = if self.has(Fault::PanicsOnOverflow) { Some(end.expect("no such ids")) } else { end };
        let end = end.ok_or(AllocError::NotAllocated)?;
        let exists = end <= self.taken.len();
        let taken = self.taken.iter().skip(start_id).take(count).take_while(|taken| **taken).count();
        if exists && (taken == count || self.has(Fault::DoubleFree)) {
            self.set(start_id, count, false);
            return Ok(());
        }
        match self.fault {
            // An error, though what could be freed was.
            Some(Fault::WrongFreeFreesPart) if taken > 0 => self.set(start_id, taken, false),
            // A success, though only a part was freed.
            Some(Fault::WrongFreeForgetsTail) if taken > 0 => {
                self.set(start_id, taken, false);
                return Ok(());
            }
            _ => {}
        }
        Err(AllocError::NotAllocated)
    }

    fn is_allocated(&self, id: usize) -> bool {
        let beyond = self.has(Fault::AllocatedBeyondRange);
        let taken = self.taken.get(id).copied().unwrap_or(beyond);
        // Only the first id of a run is known to be taken.
        let inside = id > 0 && self.taken.get(id - 1).copied().unwrap_or(false);
        taken && !(self.has(Fault::AllocatedForgetsTail) && inside)
    }

    fn alloc_fixed_id(&mut self, id: usize) -> AllocResult {
        match self.taken.get(id) {
            None => Err(AllocError::InvalidParam),
            Some(true) if !self.has(Fault::FixedTakenTwice) => Err(AllocError::NoMemory),
            _ => {
                self.set(id, 1, true);
                Ok(())
            }
        }
    }

    fn size(&self) -> usize {
        self.taken.len()
    }

    fn used(&self) -> usize {
        self.used + usize::from(self.has(Fault::CountsOneMore) && self.used > 1)
    }

    fn available(&self) -> usize {
        self.size().saturating_sub(self.used())
    }
}
