//! The collections of the standard library, by the `Allocator` of `core`.

use std::alloc::{Allocator, Layout};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, LinkedList, VecDeque};
use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use allocator_rc::AllocatorArc;
use allocator_tlsf::TlsfByteAllocator;

use crate::support::{Handle, Kind, Memory, POOL, all_are, for_all_handles};

/// How many elements the tests put into a collection.
const COUNT: u32 = if cfg!(miri) { 40 } else { 1000 };

for_all_handles! {
    std_vectors_and_boxes,
    std_trees_queues_and_lists,
    std_counted_pointers,
    both_traits_are_one_allocator,
}

fn std_vectors_and_boxes<K: Kind>()
where
    for<'pool> K::Handle<'pool>: Allocator,
{
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let mut numbers = Vec::new_in(heap.clone());
    numbers.extend(0..COUNT);
    numbers.shrink_to_fit();
    let slice = numbers.into_boxed_slice();
    assert_eq!(slice.len(), COUNT as usize);

    let byte = Box::new_in(1_u8, heap.clone());
    let three = Box::new_in([2_u8; 3], heap.clone());
    let unit = Box::new_in((), heap.clone());
    let object: Box<dyn Display, _> = Box::new_in(4_u64, heap.clone());
    let many: Box<[u64], _> = Box::new_zeroed_slice_in(9, heap.clone()).write_filled();
    assert_eq!((*byte, *three, *unit), (1, [2; 3], ()));
    assert_eq!((object.to_string().as_str(), &*many), ("4", &[0; 9][..]));
    drop((slice, byte, three, unit, object, many));
    assert_eq!(heap.used_bytes(), 0);
}

trait WriteFilled<T: ?Sized, A: Allocator> {
    fn write_filled(self) -> Box<T, A>;
}

impl<A: Allocator> WriteFilled<[u64], A> for Box<[std::mem::MaybeUninit<u64>], A> {
    fn write_filled(self) -> Box<[u64], A> {
        // SAFETY: zero is a number.
        unsafe { self.assume_init() }
    }
}

fn std_trees_queues_and_lists<K: Kind>()
where
    for<'pool> K::Handle<'pool>: Allocator,
{
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let mut tree = BTreeMap::new_in(heap.clone());
    tree.extend((0..COUNT).map(|n| (n.wrapping_mul(0x9e37_79b9), n)));
    let mut set = BTreeSet::new_in(heap.clone());
    set.extend(tree.values().copied());
    assert!(set.iter().copied().eq(0..COUNT));
    let mut queue = VecDeque::new_in(heap.clone());
    queue.extend(0..COUNT / 4);
    queue.rotate_left(7);
    let mut list = LinkedList::new_in(heap.clone());
    list.extend(queue.iter().copied());
    let mut sorted = BinaryHeap::new_in(heap.clone());
    sorted.extend(list.iter().copied());
    assert_eq!(sorted.pop(), Some(COUNT / 4 - 1));
    tree.retain(|_, n| *n % 3 == 0);
    assert_eq!(tree.len(), COUNT.div_ceil(3) as usize);
    drop((tree, set, queue, list, sorted));
    assert_eq!(heap.used_bytes(), 0);
}

fn std_counted_pointers<K: Kind>()
where
    for<'pool> K::Handle<'pool>: Allocator,
{
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let shared = Rc::new_in([1_u32; 10], heap.clone());
    let weak = Rc::downgrade(&shared);
    let clone = shared.clone();
    drop(shared);
    assert_eq!(weak.upgrade().map(|shared| shared[9]), Some(1));
    drop(clone);
    assert!(weak.upgrade().is_none());
    assert!(heap.used_bytes() > 0);
    drop(weak);
    let shared: Rc<[u8], _> = Rc::from(Box::new_in(*b"bytes", heap.clone()) as Box<[u8], _>);
    assert_eq!(*shared, *b"bytes");
    drop(shared);
    let shared = Arc::new_in(7, heap.clone());
    assert_eq!(*shared.clone(), 7);
    drop(shared);
    assert_eq!(heap.used_bytes(), 0);
}

fn both_traits_are_one_allocator<K: Kind>()
where
    for<'pool> K::Handle<'pool>: Allocator,
{
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let (small, large) = (Layout::new::<[u8; 100]>(), Layout::new::<[u8; 500]>());
    // SAFETY: the blocks are live, and known to the engine by these layouts.
    unsafe {
        let block = allocator_api2::alloc::Allocator::allocate_zeroed(&heap, small).unwrap();
        let block = Allocator::grow_zeroed(&heap, block.cast(), small, large).unwrap();
        assert!(all_are(block.as_ref(), 0));
        let block = Allocator::shrink(&heap, block.cast(), large, small).unwrap();
        allocator_api2::alloc::Allocator::deallocate(&heap, block.cast(), small);
    }
    assert!(Allocator::allocate(&heap, Layout::new::<[u8; POOL]>()).is_err());
    assert_eq!(heap.used_bytes(), 0);
}

#[test]
fn std_arcs_are_dropped_on_other_threads() {
    let mut memory = Memory::new(POOL);
    let heap = AllocatorArc::new(TlsfByteAllocator::new(), memory.pool()).unwrap();
    let shared = Arc::new_in(vec![1, 2, 3], heap.clone());
    thread::scope(|scope| {
        for _ in 0..3 {
            let shared = shared.clone();
            scope.spawn(move || assert_eq!(*shared, [1, 2, 3]));
        }
        drop(shared);
    });
    assert_eq!(heap.used_bytes(), 0);
}
