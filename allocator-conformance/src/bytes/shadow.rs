//! [`Shadow`] of a byte allocator, which knows every live block, and compares every answer with the contract.

use core::alloc::Layout;
use core::cell::Cell;
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;
use std::collections::BTreeMap;
use std::format;
use std::string::String;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::accounts::{AccountId, Accounts};
use super::contents::Contents;
use super::options::ByteOptions;
use crate::arena::{AddBy, Arena, extent};
use crate::config::{Call, Outcome, call, ensure};
use allocator_core::{AllocError, AllocResult, ByteAllocator};

mod batches;
mod growth;
mod resizing;

/// A block that the allocator has handed out.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// What the allocator returned; everything that is read or written goes through it.
    pub(super) ptr: NonNull<u8>,
    /// The layout that the caller last asked for.
    pub(super) layout: Layout,
    /// The usable bytes, at least 1; all of them hold the pattern.
    pub(super) usable: usize,
    /// The account that says by how much the block has raised `used`.
    account: AccountId,
    /// Which pattern the block holds.
    pattern: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stats {
    pub(super) total: usize,
    pub(super) used: usize,
    pub(super) available: usize,
}

/// What the shadow has seen of the allocator's `realloc_in_place`.
#[derive(Clone, Default)]
struct InPlace {
    /// Whether the allocator has served any request.
    served: bool,
    /// A request that the allocator refused, and must serve if it serves any.
    refused: Option<String>,
}

/// An allocator under test, and the state that it must be in.
///
/// Every call goes through the shadow, which counts it as a step.
pub(super) struct Shadow<'a, A> {
    pub(super) allocator: A,
    pub(super) rng: SmallRng,
    pub(super) options: &'a ByteOptions,
    arena: &'a mut Arena,
    step: &'a Cell<usize>,
    contents: Contents,
    /// Live blocks by address. They do not overlap.
    live: BTreeMap<usize, Block>,
    /// The sum of `usable` over `live`.
    live_bytes: usize,
    /// What the live blocks have raised `used` by.
    accounts: Accounts,
    /// What the statistics must be. `used` is the sum of all accounts.
    expected: Stats,
    /// The regions that the allocator has, by their start, and how much each has added to `total`.
    added: BTreeMap<usize, (Range<usize>, usize)>,
    in_place: InPlace,
}

impl<'a, A: ByteAllocator> Shadow<'a, A> {
    pub(super) fn new(
        allocator: A,
        arena: &'a mut Arena,
        step: &'a Cell<usize>,
        options: &'a ByteOptions,
        mut rng: SmallRng,
    ) -> Self {
        let contents = Contents::new(&mut rng);
        let expected = Stats { total: 0, used: 0, available: 0 };
        Self {
            allocator,
            rng,
            options,
            arena,
            step,
            contents,
            live: BTreeMap::new(),
            live_bytes: 0,
            accounts: Accounts::default(),
            expected,
            added: BTreeMap::new(),
            in_place: InPlace::default(),
        }
    }

    /// The same allocator seen differently, for instance lent.
    pub(super) fn lend<'s, B: ByteAllocator>(&'s mut self, view: impl FnOnce(&'s mut A) -> B) -> Shadow<'s, B> {
        assert!(self.live.is_empty(), "blocks stay with the shadow that knows them");
        Shadow {
            allocator: view(&mut self.allocator),
            rng: SmallRng::from_rng(&mut self.rng),
            options: self.options,
            arena: &mut *self.arena,
            step: self.step,
            contents: self.contents.clone(),
            live: BTreeMap::new(),
            live_bytes: 0,
            accounts: Accounts::default(),
            expected: self.expected,
            added: self.added.clone(),
            in_place: self.in_place.clone(),
        }
    }

    pub(super) fn arena(&self) -> &Arena {
        self.arena
    }

    /// The allocator itself, for a program that runs without the shadow while nothing is live.
    pub(super) fn allocator_and_arena(&mut self) -> (&mut A, &Arena) {
        (&mut self.allocator, self.arena)
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            total: self.allocator.total_bytes(),
            used: self.allocator.used_bytes(),
            available: self.allocator.available_bytes(),
        }
    }

    pub(super) fn live(&self) -> impl Iterator<Item = (usize, &Block)> + '_ {
        self.live.iter().map(|(&address, block)| (address, block))
    }

    pub(super) fn live_count(&self) -> usize {
        self.live.len()
    }

    pub(super) fn block(&self, address: usize) -> Block {
        self.live[&address]
    }

    /// By how much a live block has raised `used`; where it is one of a batch, its share.
    pub(super) fn charge(&self, block: &Block) -> usize {
        self.accounts.share(block.account)
    }

    /// A live block, any one; large ones are chosen more often.
    pub(super) fn any_block(&mut self) -> Option<usize> {
        let at = self.rng.random_range(self.arena.span());
        self.live.range(..=at).next_back().or_else(|| self.live.range(at..).next()).map(|(&address, _)| address)
    }

    /// A pointer to a live block that may reach only the bytes that the caller asked for, as one that was a `Box` or a
    /// reference in between.
    pub(super) fn narrowed(&self, address: usize) -> NonNull<u8> {
        let block = self.block(address);
        // SAFETY: the block is live, was filled, and nobody else refers to it.
        let bytes = unsafe { slice::from_raw_parts_mut(block.ptr.as_ptr(), block.layout.size()) };
        NonNull::from(bytes).cast()
    }

    /// The live block that lies next above the block, or next below it.
    pub(super) fn neighbour(&self, block: usize) -> Option<usize> {
        let above = self.live.range(block + 1..).next();
        above.or_else(|| self.live.range(..block).next_back()).map(|(&address, _)| address)
    }

    fn next_step(&self) {
        self.step.set(self.step.get() + 1);
    }

    /// Whether the statistics are what they were.
    fn check_unchanged(&self, call: Call<'_>) -> Outcome {
        let stats = self.stats();
        ensure!(stats == self.expected, "after {call}: {stats:?}, expected {:?}", self.expected);
        Ok(())
    }

    /// Checks the new statistics, and stores them.
    fn check_statistics(&mut self, call: Call<'_>) -> Outcome {
        let stats = self.stats();
        let Stats { total, used, available } = stats;
        ensure!(total == self.expected.total, "after {call}: total {total}, before {}", self.expected.total);
        ensure!(used <= total, "after {call}: used is larger than total: {stats:?}");
        ensure!(available == total - used, "after {call}: used + available is not total: {stats:?}");
        let live = self.live_bytes;
        ensure!(used >= live, "after {call}: used {used} is less than the usable bytes of live blocks, {live}");
        self.expected = stats;
        Ok(())
    }

    /// Gives the first region with `init`, which the allocator must accept.
    pub(super) fn give_first(&mut self, region: Range<usize>) -> Outcome {
        self.give(AddBy::Init, region)
    }

    /// Gives a further region with `add_memory`, which the allocator must accept.
    pub(super) fn give_more(&mut self, region: Range<usize>) -> Outcome {
        self.give(AddBy::AddMemory, region)
    }

    fn give(&mut self, how: AddBy, region: Range<usize>) -> Outcome {
        let size = region.len();
        let call = call!("{how:?} of {size:#x} bytes at {:#x}", region.start);
        let result = self.call_add(how, region.start, size);
        ensure!(result.is_ok(), "{call}: {result:?}");
        self.arena.hand_over(region.clone());
        let stats = self.stats();
        let grown = stats.total.checked_sub(self.expected.total);
        ensure!(
            grown.is_some_and(|grown| grown > 0 && grown <= size),
            "{call}: total went from {} to {}",
            self.expected.total,
            stats.total
        );
        ensure!(stats.used == self.expected.used, "{call}: used went from {} to {}", self.expected.used, stats.used);
        self.expected.total = stats.total;
        self.check_statistics(call)?;
        self.added.insert(region.start, (region, grown.unwrap_or(0)));
        Ok(())
    }

    /// Offers a region that the allocator must refuse with this error, without a change. It may lie anywhere.
    pub(super) fn refuse(&mut self, how: AddBy, start: usize, size: usize, error: AllocError) -> Outcome {
        let call = call!("{how:?} of {size:#x} bytes at {start:#x}");
        let result = self.call_add(how, start, size);
        let regions = self.arena.regions();
        ensure!(result == Err(error), "{call}: {result:?}, expected {error:?} (regions: {regions:x?})");
        self.check_unchanged(call)
    }

    fn call_add(&mut self, how: AddBy, start: usize, size: usize) -> AllocResult {
        self.next_step();
        // SAFETY: the region is part of the arena, which outlives the allocator and is exposed, and nobody else uses
        // it; or it is none, or overlaps one, which the contract wants refused and left alone.
        unsafe {
            match how {
                AddBy::Init => self.allocator.init(start, size),
                AddBy::AddMemory => self.allocator.add_memory(start, size),
            }
        }
    }

    /// Asks for a block; `None` when there is no memory for it.
    pub(super) fn alloc(&mut self, layout: Layout) -> Outcome<Option<usize>> {
        self.next_step();
        let result = self.allocator.alloc(layout);
        self.admit(call!("alloc of {layout:?}"), result, layout)
    }

    /// Asks for a block that the allocator must have.
    pub(super) fn must_alloc(&mut self, layout: Layout) -> Outcome<usize> {
        let block = self.alloc(layout)?;
        block.ok_or_else(|| format!("alloc of {layout:?}: no memory, while statistics are {:?}", self.stats()))
    }

    /// Asks for a block of zeroes; `None` when there is no memory for it.
    pub(super) fn alloc_zeroed(&mut self, layout: Layout) -> Outcome<Option<usize>> {
        self.next_step();
        let result = self.allocator.alloc_zeroed(layout);
        if let Ok(ptr) = result {
            self.check_place(call!("alloc_zeroed of {layout:?}"), ptr, layout)?;
            // SAFETY: the block is the suite's, inside the arena.
            let dirty = unsafe { Contents::first_nonzero(ptr, layout.size()) };
            ensure!(dirty.is_none(), "alloc_zeroed of {layout:?}: byte {} is not zero", dirty.unwrap_or(0));
        }
        self.admit(call!("alloc_zeroed of {layout:?}"), result, layout)
    }

    /// Checks the answer to a request, and stores the block if there is one.
    fn admit(&mut self, call: Call<'_>, result: AllocResult<NonNull<u8>>, layout: Layout) -> Outcome<Option<usize>> {
        let ptr = match result {
            Ok(ptr) => ptr,
            Err(AllocError::NoMemory) => return self.check_unchanged(call).map(|()| None),
            Err(error) => return Err(format!("{call}: {error:?}, expected a block or NoMemory")),
        };
        let before = self.expected.used;
        let usable = self.check_place(call, ptr, layout)?;
        self.live_bytes += usable;
        self.check_statistics(call)?;
        let charge = self.expected.used.checked_sub(before);
        ensure!(charge.is_some(), "{call}: used went down from {before} to {}", self.expected.used);
        let charge = charge.unwrap_or(0);
        // An engine that says what each block takes says it of this one.
        if let Some(each) = self.allocator.used_by_each(layout) {
            // SAFETY: the block was handed out just now, for this layout.
            let used_by = unsafe { self.allocator.used_by(ptr, layout) };
            ensure!(
                (each, used_by) == (charge, charge),
                "{call}: used_by_each says {each}, used_by {used_by}, while the block has raised used by {charge}"
            );
        }
        let account = self.accounts.open(1, charge);
        self.insert(ptr, layout, usable, account);
        Ok(Some(ptr.as_ptr().addr()))
    }

    /// Writes the pattern over a new block, and puts it among the live ones.
    fn insert(&mut self, ptr: NonNull<u8>, layout: Layout, usable: usize, account: AccountId) {
        let pattern = self.rng.random_range(0..=usize::MAX);
        // SAFETY: the block is the suite's, `usable` bytes inside the arena, apart from all others.
        unsafe { self.contents.fill(ptr, usable, pattern) };
        self.live.insert(ptr.as_ptr().addr(), Block { ptr, layout, usable, account, pattern });
    }

    /// Whether a new block lies where it may; returns its usable size.
    fn check_place(&self, call: Call<'_>, ptr: NonNull<u8>, layout: Layout) -> Outcome<usize> {
        let address = ptr.as_ptr().addr();
        ensure!(address.is_multiple_of(layout.align()), "{call}: address {address:#x} is not aligned");
        let (asked, usable) = self.allocator.usable_size(layout);
        ensure!(
            asked == layout.size() || asked == layout.size().max(1),
            "usable_size of {layout:?} says that {asked} bytes were asked for"
        );
        ensure!(usable >= layout.size(), "usable_size of {layout:?} is {usable}, less than asked for");
        let usable = usable.max(1);
        let block = extent(address, usable)?;
        let regions = self.arena.regions();
        ensure!(self.arena.covers(&block), "{call}: {block:x?} is not inside the regions {regions:x?}");
        let below = self.live.range(..block.end).next_back();
        if let Some((&start, other)) = below {
            let end = start + other.usable;
            ensure!(end <= address, "{call}: {block:x?} overlaps the live block {:x?}", start..end);
        }
        Ok(usable)
    }

    /// Whether all usable bytes of a live block hold what was written there.
    pub(super) fn check_contents(&self, address: usize) -> Outcome {
        self.check_contents_to(address, usize::MAX)
    }

    fn check_contents_to(&self, address: usize, size: usize) -> Outcome {
        let block = self.live[&address];
        // SAFETY: the block is live and was filled.
        let damaged = unsafe { self.contents.first_difference(block.ptr, block.usable.min(size), block.pattern) };
        let Some(index) = damaged else { return Ok(()) };
        Err(format!(
            "the block of {:?} at {address:#x} ({} usable) was changed at byte {index}",
            block.layout, block.usable
        ))
    }

    pub(super) fn check_all_contents(&self) -> Outcome {
        self.live.keys().try_for_each(|&address| self.check_contents(address))
    }

    /// Gives a block back with the layout it was asked for with.
    pub(super) fn dealloc(&mut self, address: usize) -> Outcome {
        let size = self.block(address).layout.size();
        self.dealloc_as(address, size)
    }

    /// Gives a block back with a size between what was asked for and what is usable.
    pub(super) fn dealloc_as(&mut self, address: usize, size: usize) -> Outcome {
        let ptr = self.block(address).ptr;
        self.dealloc_through(address, size, ptr)
    }

    /// Gives a block back through a pointer to it that may be narrower than the one handed out.
    pub(super) fn dealloc_through(&mut self, address: usize, size: usize, ptr: NonNull<u8>) -> Outcome {
        self.check_contents(address)?;
        let block = self.block(address);
        let layout = resized(block.layout, size);
        self.live.remove(&address);
        self.live_bytes -= block.usable;
        let before = self.expected.used;
        self.next_step();
        // SAFETY: the block is live, and the size is one that fits it.
        unsafe { self.allocator.dealloc(ptr, layout) };
        let call = call!("dealloc with {layout:?} of the block for {:?} at {address:#x}", block.layout);
        self.check_statistics(call)?;
        let closed = self.accounts.close_blocks(block.account, 1, before, self.expected.used);
        closed.map_err(|what| format!("{call}: {what}"))
    }

    /// Gives all blocks back in random order; `used` must then be 0.
    pub(super) fn dealloc_all(&mut self) -> Outcome {
        let mut addresses: std::vec::Vec<usize> = self.live.keys().copied().collect();
        addresses.shuffle(&mut self.rng);
        addresses.into_iter().try_for_each(|address| self.dealloc(address))?;
        let used = self.expected.used;
        ensure!(used == 0, "everything is given back, and used is {used}");
        Ok(())
    }

    /// Ends a check: gives all blocks back, and checks that the allocator wrote to nothing but the regions.
    pub(super) fn finish(mut self) -> Outcome {
        self.dealloc_all()?;
        self.arena.check_guards()
    }
}

fn resized(layout: Layout, size: usize) -> Layout {
    Layout::from_size_align(size, layout.align()).expect("the block exists")
}
