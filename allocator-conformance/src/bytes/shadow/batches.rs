//! The shadow's `alloc_batch` and `dealloc_batch`.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use std::format;
use std::vec::Vec;

use super::super::accounts::AccountId;
use super::{Block, Shadow, resized};
use crate::config::{Call, Outcome, call, ensure};
use allocator_core::ByteAllocator;
use rand::Rng;
use rand::seq::SliceRandom;

/// What an entry of a batch holds before the allocator writes it: an address that no block has.
const UNWRITTEN: NonNull<u8> = NonNull::dangling();

impl<A: ByteAllocator> Shadow<'_, A> {
    /// Asks for up to `count` blocks; returns their addresses. The allocator may give fewer only if there is no memory for one
    /// more.
    pub(crate) fn alloc_batch(&mut self, layout: Layout, count: usize) -> Outcome<Vec<usize>> {
        let call = call!("alloc_batch of {count} blocks for {layout:?}");
        let mut out: Vec<MaybeUninit<NonNull<u8>>> = std::vec![MaybeUninit::new(UNWRITTEN); count];
        let entries = out.as_ptr();
        self.next_step();
        let blocks = self.allocator.alloc_batch(layout, &mut out);
        let len = blocks.len();
        ensure!(len <= count && blocks.as_ptr().addr() == entries.addr(), "{call}: no prefix of the entries given");
        let blocks = blocks.to_vec();
        // SAFETY: every entry was initialised above.
        let written = out[len..].iter().position(|entry| unsafe { entry.assume_init() } != UNWRITTEN);
        ensure!(
            written.is_none(),
            "{call}: {len} served, and entry {} behind them was written",
            len + written.unwrap_or(0)
        );
        self.take_batch(call, layout, &blocks)?;
        if len < count {
            let more = self.alloc(layout)?;
            ensure!(more.is_none(), "{call}: {len} served, though alloc has one more");
        }
        Ok(blocks.iter().map(|block| block.as_ptr().addr()).collect())
    }

    /// Checks and stores the blocks of a batch.
    fn take_batch(&mut self, call: Call<'_>, layout: Layout, blocks: &[NonNull<u8>]) -> Outcome {
        if blocks.is_empty() {
            return self.check_unchanged(call);
        }
        let before = self.expected.used;
        let account = self.accounts.open(blocks.len(), 0);
        for &block in blocks {
            let usable = self.check_place(call, block, layout)?;
            self.live_bytes += usable;
            self.insert(block, layout, usable, account);
        }
        self.check_statistics(call)?;
        let charge = self.expected.used.checked_sub(before);
        ensure!(charge.is_some(), "{call}: used went down from {before} to {}", self.expected.used);
        self.accounts.set_charge(account, charge.unwrap_or(0));
        Ok(())
    }

    /// Gives back up to `most` of the live blocks that were asked for with the same layout as this one, together and in a
    /// random order, with that layout or another one that fits them.
    pub(crate) fn dealloc_alike(&mut self, address: usize, most: usize) -> Outcome {
        let Block { layout, usable, .. } = self.block(address);
        let alike = self.live.iter().filter(|(_, block)| block.layout == layout);
        let mut addresses: Vec<usize> = alike.map(|(&address, _)| address).collect();
        addresses.shuffle(&mut self.rng);
        addresses.truncate(most);
        let size = layout.size();
        let given = if self.rng.random() { size } else { self.rng.random_range(size..=usable.max(size)) };
        self.dealloc_batch(&addresses, resized(layout, given))
    }

    /// Gives blocks back together, with a layout that fits all of them.
    pub(crate) fn dealloc_batch(&mut self, addresses: &[usize], layout: Layout) -> Outcome {
        let call = call!("dealloc_batch with {layout:?} of the {} blocks at {addresses:x?}", addresses.len());
        let mut blocks = Vec::with_capacity(addresses.len());
        for &address in addresses {
            self.check_contents(address)?;
            blocks.push(self.block(address));
        }
        let account = self.common_account(&blocks.iter().map(|block| block.account).collect::<Vec<_>>());
        for (address, block) in addresses.iter().zip(&blocks) {
            self.live.remove(address);
            self.live_bytes -= block.usable;
        }
        let pointers: Vec<NonNull<u8>> = blocks.iter().map(|block| block.ptr).collect();
        let before = self.expected.used;
        self.next_step();
        // SAFETY: the blocks are live, each is there once, and the layout fits them.
        unsafe { self.allocator.dealloc_batch(&pointers, layout) };
        let Some(account) = account else { return self.check_unchanged(call) };
        self.check_statistics(call)?;
        let closed = self.accounts.close_blocks(account, blocks.len(), before, self.expected.used);
        closed.map_err(|what| format!("{call}: {what}"))
    }

    /// One account for all blocks of these accounts.
    fn common_account(&mut self, accounts: &[AccountId]) -> Option<AccountId> {
        let mut accounts = accounts.to_vec();
        accounts.sort_unstable();
        accounts.dedup();
        let (&common, others) = accounts.split_first()?;
        for &other in others {
            self.accounts.merge(common, other);
        }
        if !others.is_empty() {
            for block in self.live.values_mut().filter(|block| others.binary_search(&block.account).is_ok()) {
                block.account = common;
            }
        }
        Some(common)
    }
}
