//! Blocks that shrink where memory is short, and engines that give memory back.

use std::alloc::Layout;

use allocator_api2::alloc::Allocator;
use allocator_api2::vec::Vec;
use allocator_buddy::BuddyByteAllocator;
use allocator_core::ByteAllocator;
use allocator_rc::{AllocatorArc, AllocatorRc};
use allocator_slab::{FineSlabByteAllocator, SlabByteAllocator};
use allocator_tlsf::TlsfByteAllocator;

use crate::support::{Arc, Checked, Handle, Kind, Memory, POOL, Rc, Stubborn};

/// Takes all that the heap has, in blocks that are never given back.
fn fill<'pool>(heap: &impl Handle<'pool>) {
    for size in (0..=12).rev().map(|shift| 1 << shift) {
        while heap.allocate(Layout::from_size_align(size, 1).unwrap()).is_ok() {}
    }
}

fn shrink_to_fit_of_a_vector_never_aborts_where_memory_is_short<K: Kind>(capacity: usize) {
    let lens: &[usize] = if cfg!(miri) { &[10] } else { &[0, 1, 10, capacity / 2 + 1] };
    for &len in lens {
        let mut memory = Memory::new(POOL);
        let heap = K::create(memory.pool());
        let mut bytes = Vec::with_capacity_in(capacity, heap.clone());
        bytes.extend((0..len).map(|n| n as u8));
        fill(&heap);
        assert!(heap.allocate(Layout::new::<u8>()).is_err());
        bytes.shrink_to_fit();
        assert_eq!(bytes.capacity(), len);
        assert!(bytes.iter().enumerate().all(|(n, &byte)| byte == n as u8));
        let boxed = bytes.into_boxed_slice();
        assert_eq!(boxed.len(), len);
    }
}

macro_rules! shrinking {
    ($($name:ident: $engine:ty, $capacity:expr;)+) => {
        mod shrink_to_fit_of_a_vector_never_aborts_where_memory_is_short {
            use super::*;

            $(
                #[test]
                fn $name() {
                    super::shrink_to_fit_of_a_vector_never_aborts_where_memory_is_short::<Rc<$engine>>($capacity);
                    super::shrink_to_fit_of_a_vector_never_aborts_where_memory_is_short::<Arc<$engine>>($capacity);
                }
            )+
        }
    };
}

shrinking! {
    tlsf: Checked<TlsfByteAllocator>, 3000;
    buddy: Checked<BuddyByteAllocator>, 3000;
    large_blocks_of_buddy: Checked<BuddyByteAllocator>, 9000;
    slots: Checked<SlabByteAllocator>, 3000;
    slots_of_fine_classes: Checked<FineSlabByteAllocator>, 3000;
    an_engine_that_moves_nothing: Stubborn<TlsfByteAllocator>, Stubborn::<TlsfByteAllocator>::SIZE;
}

#[test]
fn a_shrink_gives_back_what_it_can_while_there_is_memory() {
    let mut memory = Memory::new(POOL);
    let heap = AllocatorRc::new(SlabByteAllocator::new(), memory.pool()).unwrap();
    let mut bytes = Vec::with_capacity_in(3000, heap.clone());
    bytes.push(1_u8);
    let before = heap.used_bytes();
    bytes.shrink_to_fit();
    assert!(heap.used_bytes() < before, "a slot of another class, though in place would have done");
}

#[test]
fn handles_trim_an_engine_over_a_backing() {
    fn drained<'pool>(heap: &impl Handle<'pool>) -> usize {
        let layout = Layout::new::<[u8; 64]>();
        let blocks: std::vec::Vec<_> = (0..200).map(|_| heap.allocate(layout).unwrap()).collect();
        for block in blocks {
            // SAFETY: every block comes back once.
            unsafe { heap.deallocate(block.cast(), layout) };
        }
        heap.trim()
    }
    let (mut first, mut second) = (Memory::new(POOL), Memory::new(POOL));
    let rc = AllocatorRc::new(SlabByteAllocator::new(), first.pool()).unwrap();
    let arc = AllocatorArc::new(SlabByteAllocator::new(), second.pool()).unwrap();
    assert!(drained(&rc) >= 200 * 64 && drained(&arc) >= 200 * 64);
    assert_eq!((rc.trim(), arc.trim()), (0, 0));
    // TLSF has nothing below it.
    let mut third = Memory::new(POOL);
    assert_eq!(drained(&AllocatorRc::new(TlsfByteAllocator::new(), third.pool()).unwrap()), 0);
}

#[test]
fn with_sees_the_engine_itself() {
    let (mut first, mut second) = (Memory::new(POOL), Memory::new(POOL));
    let rc = AllocatorRc::new(TlsfByteAllocator::new(), first.pool()).unwrap();
    let arc = AllocatorArc::new(TlsfByteAllocator::new(), second.pool()).unwrap();
    let held = arc.allocate(Layout::new::<u64>()).unwrap();
    // SAFETY: the closure uses no handle.
    assert_eq!(unsafe { rc.with(|engine| (engine.total_bytes(), engine.used_bytes())) }, (rc.total_bytes(), 0));
    assert_eq!(arc.with(|engine| engine.used_bytes()), arc.used_bytes());
    // SAFETY: the block comes back once.
    unsafe { arc.deallocate(held.cast(), Layout::new::<u64>()) };
    assert_eq!(arc.with(|engine| engine.used_bytes()), 0);
}
