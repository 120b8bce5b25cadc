//! The shadow's `realloc` and `realloc_in_place`.

use core::alloc::Layout;
use core::ptr::NonNull;
use std::format;

use super::{Shadow, resized};
use crate::config::{Call, Outcome, call, ensure};
use allocator_core::{AllocError, ByteAllocator};

impl<A: ByteAllocator> Shadow<'_, A> {
    /// Resizes a block; `None` if the allocator refused, and the block is as it was.
    pub(crate) fn realloc(&mut self, address: usize, new_size: usize) -> Outcome<Option<usize>> {
        let block = self.block(address);
        self.realloc_through(address, block.layout.size(), block.ptr, new_size)
    }

    /// Resizes a block given with a size that fits it, through a pointer that may be narrowed to that.
    pub(crate) fn realloc_through(
        &mut self,
        address: usize,
        size: usize,
        ptr: NonNull<u8>,
        new_size: usize,
    ) -> Outcome<Option<usize>> {
        self.check_contents(address)?;
        let block = self.block(address);
        let layout = resized(block.layout, size);
        let call = call!("realloc to {new_size} of {layout:?} at {address:#x}");
        self.next_step();
        // SAFETY: the block is live, and the size is one that fits it.
        let new = match unsafe { self.allocator.realloc(ptr, layout, new_size) } {
            Ok(new) => new,
            Err(AllocError::NoMemory) => return self.refused_realloc(call, address, new_size),
            Err(error) => return Err(format!("{call}: {error:?}, expected a block or NoMemory")),
        };
        let Ok(new_layout) = Layout::from_size_align(new_size, layout.align()) else {
            return Err(format!("{call}: served, though no such block can exist"));
        };
        self.take_resized(call, address, new, new_layout, size)?;
        Ok(Some(new.as_ptr().addr()))
    }

    /// Checks and stores the resized block. It was at `address`, and the call named its size as `given`.
    fn take_resized(
        &mut self,
        call: Call<'_>,
        address: usize,
        new: NonNull<u8>,
        new_layout: Layout,
        given: usize,
    ) -> Outcome {
        let block = self.block(address);
        self.live.remove(&address);
        self.live_bytes -= block.usable;
        let rest = self.expected.used - self.accounts.charge(block.account);
        let usable = self.check_place(call, new, new_layout)?;
        // SAFETY: the block is the suite's, `usable` bytes inside the arena.
        let damaged = unsafe { self.contents.first_difference(new, given.min(new_layout.size()), block.pattern) };
        ensure!(damaged.is_none(), "{call}: byte {} was not kept", damaged.unwrap_or(0));
        self.live_bytes += usable;
        self.check_statistics(call)?;
        let charge = self.expected.used.checked_sub(rest);
        ensure!(charge.is_some(), "{call}: used {} does not even count the other blocks", self.expected.used);
        self.accounts.set_charge(block.account, charge.unwrap_or(0));
        self.insert(new, new_layout, usable, block.account);
        Ok(())
    }

    fn refused_realloc(&self, call: Call<'_>, address: usize, new_size: usize) -> Outcome<Option<usize>> {
        let size = self.live[&address].layout.size();
        let shrinks = new_size <= size && !self.options.shrink_may_fail;
        ensure!(!shrinks, "{call}: refused, though the block is large enough");
        self.check_unchanged(call)?;
        self.check_contents(address)?;
        Ok(None)
    }

    /// Resizes a block where it is. Returns whether the allocator did; if not, the block is as it was.
    pub(crate) fn realloc_in_place(&mut self, address: usize, new_size: usize) -> Outcome<bool> {
        let block = self.block(address);
        self.realloc_in_place_through(address, block.layout.size(), block.ptr, new_size)
    }

    /// Resizes a block, given with a size that fits it, where it is, through a pointer that may be narrowed to that size.
    pub(crate) fn realloc_in_place_through(
        &mut self,
        address: usize,
        size: usize,
        ptr: NonNull<u8>,
        new_size: usize,
    ) -> Outcome<bool> {
        self.check_contents(address)?;
        let block = self.block(address);
        let layout = resized(block.layout, size);
        let call = call!("realloc_in_place to {new_size} of {layout:?} at {address:#x}");
        self.next_step();
        // SAFETY: the block is live, and the size is one that fits it.
        let new = match unsafe { self.allocator.realloc_in_place(ptr, layout, new_size) } {
            Ok(new) => new,
            Err(AllocError::NoMemory) => return self.refused_in_place(call, address, size, new_size),
            Err(error) => return Err(format!("{call}: {error:?}, expected a block or NoMemory")),
        };
        let at = new.as_ptr().addr();
        ensure!(at == address, "{call}: the block moved to {at:#x}");
        let Ok(new_layout) = Layout::from_size_align(new_size, layout.align()) else {
            return Err(format!("{call}: served, though no such block can exist"));
        };
        self.in_place.served = true;
        self.check_in_place_support()?;
        self.take_resized(call, address, new, new_layout, size)?;
        Ok(true)
    }

    /// Checks a refusal, which must have changed nothing. An allocator that serves any request must not refuse a size that
    /// leaves the block its usable bytes.
    fn refused_in_place(&mut self, call: Call<'_>, address: usize, size: usize, new_size: usize) -> Outcome<bool> {
        self.check_unchanged(call)?;
        self.check_contents(address)?;
        let layout = self.block(address).layout;
        let usable =
            |size| Layout::from_size_align(size, layout.align()).map(|layout| self.allocator.usable_size(layout).1);
        if new_size <= size && size == layout.size() && usable(new_size) == usable(size) {
            self.in_place.refused.get_or_insert_with(|| format!("{call}"));
        }
        self.check_in_place_support().map(|()| false)
    }

    fn check_in_place_support(&self) -> Outcome {
        let refused = self.in_place.refused.as_ref().filter(|_| self.in_place.served);
        let Some(call) = refused else { return Ok(()) };
        Err(format!("{call}: refused, though the usable size stays the same, and the allocator can resize in place"))
    }
}
