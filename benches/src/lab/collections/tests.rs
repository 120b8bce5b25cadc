use allocator::FineSlabByteAllocator;

use super::work::Work;
use super::workloads::{HandleUser, OurHandle, PeerHandle, Source};
use crate::lab::Measurement;
use crate::lab::bytes::{ByteHeap, Engine, HeapVisitor, visit_heaps};
use crate::lab::memory::Memory;

struct Small;

impl HandleUser for Small {
    fn with<A: allocator_api2::alloc::Allocator + Clone>(self, handle: &A) -> Measurement {
        for work in [Work::Push(10_000), Work::Vectors(100, 64), Work::Vectors(30, 520), Work::HashMap(500)] {
            work.run(handle, 0x5eed, || ()).expect("4 MiB are enough");
        }
        Measurement::Share(1.0)
    }
}

fn check<S: Source>() {
    let mut memory = Memory::new(4 << 20);
    // SAFETY: the memory outlives the call, and is not used otherwise.
    let done = unsafe { S::with_handle(memory.pool(), Small) };
    assert!(matches!(done, Measurement::Share(_)), "{}: {done:?}", S::NAME);
}

struct Check;

impl HeapVisitor for Check {
    fn visit<H: ByteHeap + 'static>(&mut self) {
        check::<PeerHandle<H>>();
    }
}

#[test]
fn collections_keep_their_contents_in_all_heaps() {
    visit_heaps(&mut Check);
    fn ours<E: Engine>() {
        check::<OurHandle<E>>();
    }
    ours::<allocator::SlabByteAllocator>();
    ours::<FineSlabByteAllocator>();
    ours::<allocator::TlsfByteAllocator>();
    ours::<allocator::BuddyByteAllocator>();
}

struct Refusing;

impl HandleUser for Refusing {
    fn with<A: allocator_api2::alloc::Allocator + Clone>(self, handle: &A) -> Measurement {
        let works = [Work::Push(1 << 20), Work::Vectors(10_000, 64), Work::HashMap(200_000)];
        assert!(works.into_iter().all(|work| work.run(handle, 0x5eed, || ()).is_err()));
        Measurement::Share(1.0)
    }
}

#[test]
fn refused_memory_is_a_result() {
    let mut memory = Memory::new(1 << 20);
    // SAFETY: the memory outlives the call, and is not used otherwise.
    unsafe { OurHandle::<allocator::TlsfByteAllocator>::with_handle(memory.pool(), Refusing) };
}
