//! The brackets around what is counted: an `int3` where it begins, and one where it ends.
//!
//! What a call gets passes through the first, in registers, so that the compiler knows nothing of it before; what it
//! answers goes into the second. Neither takes an instruction beside itself, which is not counted. To be sure, a bracket
//! around nothing is counted, too.

use std::alloc::Layout;
use std::arch::asm;
use std::ptr::{NonNull, null_mut};

use crate::lab::bytes::ByteHeap;
use crate::lab::operations::Action;
use crate::lab::pages::PageHeap;

/// What a bracket is around, in one number: it is in `rax` where the bracket begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    /// Nothing: with the addresses of the functions that copy and fill in `rsi`, `rdx` and `rcx`.
    Empty,
    /// A call.
    Call(Action, Why),
}

/// Why a call is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Why {
    /// It is one of those that stand for all.
    Sample,
    /// It is one of those that took longest.
    Slow,
}

impl Mark {
    const EMPTY: u64 = 0x6d61_726b_0000;

    #[inline(always)]
    const fn number(self) -> u64 {
        match self {
            Self::Empty => Self::EMPTY,
            Self::Call(action, why) => Self::EMPTY + 1 + 2 * action as u64 + why as u64,
        }
    }

    /// The mark with this number.
    pub(super) fn numbered(number: u64) -> Option<Self> {
        let calls = [Action::Alloc, Action::Realloc, Action::Free]
            .into_iter()
            .flat_map(|action| [Why::Sample, Why::Slow].map(|why| Self::Call(action, why)));
        calls.chain([Self::Empty]).find(|mark| mark.number() == number)
    }
}

/// The first bracket, around nothing.
pub(super) fn empty(copying: [usize; 3]) {
    // SAFETY: who traces this program lets it go on behind the instruction, as it was.
    unsafe {
        asm!(
            "int3",
            in("rax") Mark::EMPTY,
            in("rsi") copying[0],
            in("rdx") copying[1],
            in("rcx") copying[2],
            options(nostack, preserves_flags),
        );
    }
    end();
}

/// What a call gets besides the heap; of what it has no use for, the compiler makes nothing.
struct Given {
    block: *mut u8,
    numbers: [usize; 3],
}

/// Where the bracket around a call begins: answers with what it gets, of which the compiler knows nothing any more.
#[inline(always)]
fn begin<H>(mark: Mark, heap: &mut H, given: Given) -> (&mut H, Given) {
    let mut heap: *mut H = heap;
    let Given { mut block, numbers: [mut first, mut second, mut third] } = given;
    // SAFETY: who traces this program lets it go on behind the instruction, as it was.
    unsafe {
        asm!(
            "int3 # {} {} {} {} {}",
            inout(reg) heap,
            inout(reg) block,
            inout(reg) first,
            inout(reg) second,
            inout(reg) third,
            in("rax") mark.number(),
            options(nostack, preserves_flags),
        );
    }
    // SAFETY: the pointer is still that of the borrow.
    (unsafe { &mut *heap }, Given { block, numbers: [first, second, third] })
}

/// Where a bracket ends.
#[inline(always)]
fn end() {
    // SAFETY: as where a bracket begins.
    unsafe { asm!("int3", options(nostack, preserves_flags)) };
}

/// Where a bracket ends, with what the call answers in a register.
#[inline(always)]
fn end_with(answer: *mut u8) {
    // SAFETY: as where a bracket begins.
    unsafe { asm!("int3 # {}", in(reg) answer, options(nostack, preserves_flags)) };
}

/// A heap, of bytes or of pages, with brackets around its calls.
pub(super) struct Bracketed<H> {
    /// The heap, to call it without.
    pub(super) heap: H,
    /// Why the next call is counted.
    pub(super) why: Why,
}

impl<H> From<H> for Bracketed<H> {
    fn from(heap: H) -> Self {
        Self { heap, why: Why::Sample }
    }
}

// SAFETY: the blocks are those of the heap.
unsafe impl<H: ByteHeap> ByteHeap for Bracketed<H> {
    const NAME: &'static str = H::NAME;
    const IN_POOL: bool = H::IN_POOL;
    const MERGES: bool = H::MERGES;

    unsafe fn new(pool: NonNull<[u8]>) -> Option<Self> {
        // SAFETY: passed on from the caller.
        unsafe { H::new(pool) }.map(Self::from)
    }

    #[inline(always)]
    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let given = Given { block: null_mut(), numbers: [layout.size(), layout.align(), 0] };
        let (heap, given) = begin(Mark::Call(Action::Alloc, self.why), &mut self.heap, given);
        let [size, align, _] = given.numbers;
        // SAFETY: the numbers are those of the layout.
        let block = heap.alloc(unsafe { Layout::from_size_align_unchecked(size, align) });
        end_with(block.map_or(null_mut(), NonNull::as_ptr));
        block
    }

    #[inline(always)]
    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        let given = Given { block: block.as_ptr(), numbers: [layout.size(), layout.align(), 0] };
        let (heap, given) = begin(Mark::Call(Action::Free, self.why), &mut self.heap, given);
        let [size, align, _] = given.numbers;
        // SAFETY: block and layout are those of the caller, whose promise is passed on.
        unsafe { heap.dealloc(NonNull::new_unchecked(given.block), Layout::from_size_align_unchecked(size, align)) };
        end();
    }

    #[inline(always)]
    unsafe fn realloc(&mut self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
        let given = Given { block: block.as_ptr(), numbers: [layout.size(), layout.align(), new_size] };
        let (heap, given) = begin(Mark::Call(Action::Realloc, self.why), &mut self.heap, given);
        let [size, align, new_size] = given.numbers;
        // SAFETY: as in `dealloc`.
        let block = unsafe {
            let layout = Layout::from_size_align_unchecked(size, align);
            heap.realloc(NonNull::new_unchecked(given.block), layout, new_size)
        };
        end_with(block.map_or(null_mut(), NonNull::as_ptr));
        block
    }

    fn reclaim(&mut self) {
        self.heap.reclaim();
    }
}

impl<P: PageHeap> PageHeap for Bracketed<P> {
    const NAME: &'static str = P::NAME;
    const SINGLE_PAGES_ONLY: Option<&'static str> = P::SINGLE_PAGES_ONLY;

    fn new(pages: usize) -> Result<Self, String> {
        P::new(pages).map(Self::from)
    }

    #[inline(always)]
    fn alloc(&mut self, pages: usize, align_log2: u8) -> Option<usize> {
        let given = Given { block: null_mut(), numbers: [pages, align_log2.into(), 0] };
        let (heap, given) = begin(Mark::Call(Action::Alloc, self.why), &mut self.heap, given);
        let [pages, align_log2, _] = given.numbers;
        // Each caller looks which of the two it is, and so does the bracket.
        if let Some(first) = heap.alloc(pages, align_log2 as u8) {
            end_with(std::ptr::without_provenance_mut(first));
            Some(first)
        } else {
            end();
            None
        }
    }

    #[inline(always)]
    fn dealloc(&mut self, first: usize, pages: usize, align_log2: u8) {
        let given = Given { block: null_mut(), numbers: [first, pages, align_log2.into()] };
        let (heap, given) = begin(Mark::Call(Action::Free, self.why), &mut self.heap, given);
        let [first, pages, align_log2] = given.numbers;
        heap.dealloc(first, pages, align_log2 as u8);
        end();
    }
}
