//! The adapters over the traits: `PageBacked` and `Growing`, over the engines of the family.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator::{
    AllocError, AllocResult, BaseAllocator, BuddyByteAllocator, BuddyPageAllocator, ByteAllocator, DenseByteAllocator,
    FineClasses, Growing, Growth, Locked, PageAllocator, PageBacked, PowerOfTwoClasses, QuickByteAllocator, QuickFit,
    RadixPageAllocator, Region, SizeClasses, SlabByteAllocator, TlsfByteAllocator,
};
use allocator_conformance::ByteOptions;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const PAGE: usize = 4096;

/// A byte engine of a page engine that it has for itself.
fn page_backed<P>(pages: P) -> PageBacked<P> {
    // SAFETY: the pages of the tests are memory, or are never touched, and nobody else reaches them.
    unsafe { PageBacked::new(pages) }
}

/// A heap that has its pages for itself.
fn growing_out_of<A, P>(bytes: A, pages: P) -> Growing<A, P> {
    growing_by(Growth::DEFAULT, bytes, pages)
}

fn growing_by<A, P>(growth: Growth, bytes: A, pages: P) -> Growing<A, P> {
    // SAFETY: as above.
    unsafe { Growing::with_growth(bytes, pages, growth) }
}

/// The pages hold metadata, too.
fn with_metadata() -> ByteOptions {
    ByteOptions { min_first_region: 64 << 10, ..ByteOptions::default() }
}

allocator_conformance::byte_conformance!(radix_64, page_backed(RadixPageAllocator::<64>::new()), with_metadata());
allocator_conformance::byte_conformance!(radix_256, page_backed(RadixPageAllocator::<256>::new()), with_metadata());
allocator_conformance::byte_conformance!(buddy_128, page_backed(BuddyPageAllocator::<128>::new()), with_metadata());

/// A slab heap, whose chunks and large blocks are pages.
fn slab<C: SizeClasses, P: PageAllocator>(pages: P) -> SlabByteAllocator<C, PageBacked<P>> {
    SlabByteAllocator::with_backing(page_backed(pages))
}

fn slab_with_metadata() -> ByteOptions {
    ByteOptions { shrink_may_fail: true, chunks_keep_their_size: true, ..with_metadata() }
}

allocator_conformance::byte_conformance!(
    slab_over_radix_64,
    slab::<PowerOfTwoClasses, _>(RadixPageAllocator::<64>::new()),
    slab_with_metadata()
);
allocator_conformance::byte_conformance!(
    slab_over_buddy_128,
    slab::<PowerOfTwoClasses, _>(BuddyPageAllocator::<128>::new()),
    slab_with_metadata()
);
allocator_conformance::byte_conformance!(
    fine_slab_over_radix_256,
    slab::<FineClasses, _>(RadixPageAllocator::<256>::new()),
    slab_with_metadata()
);
allocator_conformance::byte_conformance!(
    fine_slab_over_buddy_64,
    slab::<FineClasses, _>(BuddyPageAllocator::<64>::new()),
    slab_with_metadata()
);

/// A heap that grows. Without pages it is the heap itself.
fn growing<A: ByteAllocator>(bytes: A) -> Growing<A, RadixPageAllocator<'static, PAGE>> {
    growing_out_of(bytes, RadixPageAllocator::new())
}

/// Quick lists over a heap that grows, and over pages.
fn quick<A: ByteAllocator>(engine: A) -> QuickFit<A> {
    QuickFit::with_engine(engine)
}

allocator_conformance::byte_conformance!(
    quick_over_pages,
    quick(page_backed(RadixPageAllocator::<64>::new())),
    with_metadata()
);
allocator_conformance::byte_conformance!(quick_over_growing, quick(growing(DenseByteAllocator::new())));
allocator_conformance::byte_conformance!(
    quick_over_fine_slab,
    quick(slab::<FineClasses, _>(RadixPageAllocator::<256>::new())),
    slab_with_metadata()
);
allocator_conformance::byte_conformance!(growing_quick, growing(QuickByteAllocator::new()));

allocator_conformance::byte_conformance!(growing_without_pages, growing(TlsfByteAllocator::new()));
allocator_conformance::byte_conformance!(
    growing_slab_without_pages,
    growing(slab::<PowerOfTwoClasses, _>(BuddyPageAllocator::<256>::new())),
    slab_with_metadata()
);
allocator_conformance::byte_conformance!(
    growing_fine_slab_without_pages,
    growing(slab::<FineClasses, _>(RadixPageAllocator::<128>::new())),
    slab_with_metadata()
);

/// Memory that is a multiple of pages, and page-aligned; it is never given back.
fn memory(pages: usize) -> usize {
    let layout = Layout::from_size_align(pages * PAGE, 1 << 20).unwrap();
    // SAFETY: the size is not 0.
    let memory = NonNull::new(unsafe { std::alloc::alloc(layout) }).unwrap();
    memory.as_ptr().expose_provenance()
}

/// All of the memory, with its metadata elsewhere.
fn frames(pages: usize) -> RadixPageAllocator<'static, PAGE> {
    let words = vec![0; RadixPageAllocator::<PAGE>::metadata_words(pages)].leak();
    let mut frames = RadixPageAllocator::with_metadata(words);
    // SAFETY: the memory is the allocator's from here on.
    unsafe { frames.init(memory(pages), pages * PAGE).unwrap() };
    frames
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

#[test]
fn blocks_of_pages_grow_and_shrink_in_place_while_they_can() {
    let mut heap = page_backed(frames(64));
    let block = heap.alloc(layout(PAGE + 1, 8)).unwrap();
    assert_eq!((heap.used_bytes(), heap.usable_size(layout(PAGE + 1, 8))), (2 * PAGE, (PAGE + 1, 2 * PAGE)));
    // SAFETY: the layouts are those of the block.
    unsafe {
        block.write_bytes(7, 2 * PAGE);
        assert_eq!(heap.realloc(block, layout(PAGE + 1, 8), 5 * PAGE), Ok(block), "the pages behind it are free");
        assert_eq!(heap.used_bytes(), 5 * PAGE);
        assert_eq!(heap.realloc(block, layout(5 * PAGE, 8), 10), Ok(block));
        assert_eq!(heap.used_bytes(), PAGE);
        let behind = heap.alloc(layout(1, PAGE)).unwrap();
        assert_eq!(behind.addr().get(), block.addr().get() + PAGE);
        let moved = heap.realloc(block, layout(10, 8), 2 * PAGE).unwrap();
        assert!(moved != block && moved.as_ptr().cast::<[u8; 10]>().read() == [7; 10]);
        assert_eq!(heap.used_bytes(), 3 * PAGE);
        heap.dealloc(moved, layout(2 * PAGE, 8));
        heap.dealloc(behind, layout(1, PAGE));
    }
    assert_eq!((heap.used_bytes(), heap.available_bytes(), heap.pages().used_pages()), (0, 64 * PAGE, 0));
}

#[test]
fn alignments_above_a_page_hold_for_blocks_of_pages() {
    let mut heap = page_backed(frames(256));
    let small = heap.alloc(layout(1, 1)).unwrap();
    for align in [8, PAGE, 4 * PAGE, 64 * PAGE] {
        let block = heap.alloc(layout(100, align)).unwrap();
        assert!(block.addr().get().is_multiple_of(align) && block != small);
    }
    assert_eq!(heap.alloc(layout(1, 1 << 30)), Err(AllocError::NoMemory));
    assert_eq!(heap.alloc(layout(isize::MAX as usize, 1)), Err(AllocError::NoMemory));
}

#[test]
fn the_page_at_address_0_is_no_block() {
    // Nothing here is touched: a page allocator that was given address 0, without the adapter to trim it off.
    let words = vec![0; RadixPageAllocator::<PAGE>::metadata_words(4)].leak();
    let mut frames = RadixPageAllocator::<PAGE>::with_metadata(words);
    // SAFETY: none of these pages is read or written.
    unsafe { frames.init(0, 4 * PAGE).unwrap() };
    let mut heap = page_backed(frames);
    let block = heap.alloc(layout(PAGE, 1)).unwrap();
    assert_eq!((block.addr().get(), heap.used_bytes()), (PAGE, PAGE));
    assert_eq!(heap.alloc(layout(3 * PAGE, 1)), Err(AllocError::NoMemory));
    assert_eq!(heap.alloc(layout(2 * PAGE, 1)).map(|block| block.addr().get()), Ok(2 * PAGE));
    assert_eq!(heap.alloc(layout(1, 1)), Err(AllocError::NoMemory));
    assert_eq!((heap.used_bytes(), heap.available_bytes()), (3 * PAGE, PAGE));
}

#[test]
fn chunks_of_a_slab_heap_go_back_to_the_pages() {
    let mut heap = SlabByteAllocator::<PowerOfTwoClasses, _>::with_backing(page_backed(frames(256)));
    let blocks: Vec<_> = std::iter::from_fn(|| heap.alloc(layout(64, 8)).ok()).collect();
    assert!(blocks.len() >= 250 * (PAGE / 64), "{} blocks", blocks.len());
    let (last, others) = blocks.split_last().unwrap();
    for &block in others {
        // SAFETY: the blocks are live.
        unsafe { heap.dealloc(block, layout(64, 8)) };
    }
    // All but the chunk of the last block, 32 KiB at most, and what is needed to remember it.
    let trimmed = heap.trim();
    assert!(trimmed >= 247 * PAGE, "{trimmed} of {}", 256 * PAGE);
    assert!((1..=9).contains(&heap.backing().pages().used_pages()), "{:?}", heap.backing().pages());
    assert_eq!(heap.trim(), 0);
    // SAFETY: as above.
    unsafe { heap.dealloc(*last, layout(64, 8)) };
    let all = heap.alloc(layout(256 * PAGE, 8)).expect("all pages in one piece");
    // SAFETY: as above.
    unsafe { heap.dealloc(all, layout(256 * PAGE, 8)) };
    assert_eq!(heap.used_bytes(), 0);
}

/// Fills a heap with blocks of all sizes, each with a byte of its own, and frees them.
fn fill_and_empty<A: ByteAllocator>(heap: &mut A) -> usize {
    let mut rng = SmallRng::seed_from_u64(allocator_conformance::seed());
    let (mut blocks, mut sum) = (Vec::new(), 0);
    loop {
        // When large blocks are refused, small ones take the rest.
        let bits = rng.random_range(4..16);
        let layout = layout(rng.random_range(1..1 << bits), 1 << rng.random_range(0..8));
        let Ok(block) = heap.alloc(layout) else {
            if bits == 4 {
                break;
            }
            continue;
        };
        let mark = blocks.len() as u8;
        // SAFETY: the block has so many bytes.
        unsafe { block.write_bytes(mark, layout.size()) };
        sum += layout.size();
        blocks.push((block, layout, mark));
        assert_eq!(heap.total_bytes(), heap.used_bytes() + heap.available_bytes());
    }
    for (block, layout, mark) in blocks {
        for at in [0, layout.size() / 2, layout.size() - 1] {
            // SAFETY: the block is live, and has so many bytes.
            assert_eq!(unsafe { block.add(at).read() }, mark);
        }
        // SAFETY: the block is live.
        unsafe { heap.dealloc(block, layout) };
    }
    assert_eq!(heap.used_bytes(), 0);
    sum
}

#[test]
fn a_heap_without_memory_grows_until_the_pages_are_gone() {
    const PAGES: usize = 1024;
    let mut tlsf = growing_out_of(TlsfByteAllocator::new(), frames(PAGES));
    assert_eq!((tlsf.total_bytes(), tlsf.pages_taken()), (0, 0));
    assert!(fill_and_empty(&mut tlsf) > PAGES * PAGE * 8 / 10);
    assert_eq!((tlsf.pages_taken(), tlsf.pages().used_pages()), (PAGES, PAGES));
    let total = tlsf.total_bytes();
    assert!(total <= PAGES * PAGE && total > PAGES * PAGE * 9 / 10);
    fill_and_empty(&mut tlsf);
    assert_eq!((tlsf.total_bytes(), tlsf.pages_taken()), (total, PAGES), "there is no more to be had");
    fn slab_takes_all<C: SizeClasses, B: ByteAllocator>(backing: B) {
        let mut heap = growing_out_of(SlabByteAllocator::<C, B>::with_backing(backing), frames(PAGES));
        assert!(fill_and_empty(&mut heap) > PAGES * PAGE / 2);
        assert_eq!(heap.bytes().validate(), Ok(()));
        // A heap that wants more than one page for its smallest request leaves fewer than that.
        assert!(heap.pages_taken() > PAGES * 96 / 100, "{}", heap.pages_taken());
    }
    slab_takes_all::<PowerOfTwoClasses, _>(BuddyByteAllocator::new());
    slab_takes_all::<PowerOfTwoClasses, _>(page_backed(RadixPageAllocator::<64>::new()));
    slab_takes_all::<PowerOfTwoClasses, _>(page_backed(BuddyPageAllocator::<256>::new()));
    slab_takes_all::<FineClasses, _>(TlsfByteAllocator::new());
    slab_takes_all::<FineClasses, _>(page_backed(RadixPageAllocator::<256>::new()));
    slab_takes_all::<FineClasses, _>(page_backed(BuddyPageAllocator::<64>::new()));
}

#[test]
fn a_heap_doubles_within_its_bounds() {
    let growth = Growth { least: 4, most: 16, limit: 60 };
    let mut heap = growing_by(growth, TlsfByteAllocator::new(), frames(1024));
    let mut steps = Vec::new();
    while heap.alloc(layout(1000, 8)).is_ok() {
        if steps.last() != Some(&heap.pages_taken()) {
            steps.push(heap.pages_taken());
        }
    }
    // Bookkeeping makes a heap a little smaller than its pages.
    assert_eq!(steps[..2], [4, 8]);
    assert!(steps.windows(2).all(|step| step[1] - step[0] <= 16), "{steps:?}");
    assert!(steps.windows(2).any(|step| step[1] - step[0] >= 15), "{steps:?}");
    assert_eq!(steps.last(), Some(&60));
    // What one request needs comes in one piece, whatever the most at a time; but not beyond the limit.
    let mut heap = growing_by(growth, TlsfByteAllocator::new(), frames(1024));
    heap.alloc(layout(40 * PAGE, 8)).unwrap();
    let taken = heap.pages_taken();
    assert!((40..=60).contains(&taken), "{taken}");
    assert_eq!(heap.alloc(layout(40 * PAGE, 8)), Err(AllocError::NoMemory));
    assert_eq!(heap.pages_taken(), taken);
}

#[test]
fn large_blocks_are_had_from_any_heap_that_grows() {
    for size in [8, 10_000, 65_536, 100_000, 500_000] {
        for align in [8, PAGE, 8 * PAGE, 256 * PAGE] {
            let mut buddy = growing_out_of(BuddyByteAllocator::new(), frames(1024));
            let mut tlsf = growing_out_of(TlsfByteAllocator::new(), frames(1024));
            let mut slab = growing_out_of(SlabByteAllocator::new(), frames(1024));
            for heap in [&mut buddy as &mut dyn AllocOnly, &mut tlsf, &mut slab] {
                let block = heap.block(layout(size, align)).unwrap();
                assert!(block.addr().get().is_multiple_of(align));
            }
        }
    }
}

trait AllocOnly {
    fn block(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError>;
}

impl<A: ByteAllocator> AllocOnly for A {
    fn block(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.alloc(layout)
    }
}

#[test]
fn where_pages_are_scattered_a_heap_grows_by_what_there_is() {
    let mut frames = frames(64);
    let all: Vec<_> = (0..64).map(|_| frames.alloc_pages(1, PAGE).unwrap()).collect();
    // Runs of 3 pages.
    all.chunks(4).flat_map(|run| &run[..3]).for_each(|&page| frames.dealloc_pages(page, 1).unwrap());
    let mut heap = growing_out_of(TlsfByteAllocator::new(), frames);
    let blocks: Vec<_> = std::iter::from_fn(|| heap.alloc(layout(2000, 8)).ok()).collect();
    assert!(blocks.len() >= 16 * 3 * PAGE / 2000 * 8 / 10, "{} blocks", blocks.len());
    assert_eq!(heap.alloc(layout(4 * PAGE, 8)), Err(AllocError::NoMemory));
}

#[test]
fn a_run_that_a_heap_refuses_goes_back() {
    let start = memory(64);
    let words = vec![0; RadixPageAllocator::<PAGE>::metadata_words(64)].leak();
    let mut frames = RadixPageAllocator::<PAGE>::with_metadata(words);
    // SAFETY: the memory is the heap's below; what is given twice is refused before it is touched.
    unsafe { frames.init(start, 64 * PAGE).unwrap() };
    let mut heap = growing_out_of(TlsfByteAllocator::new(), frames);
    // SAFETY: as above.
    unsafe { heap.init(start, 64 * PAGE).unwrap() };
    let total = heap.total_bytes();
    assert_eq!(heap.alloc(layout(64 * PAGE, 8)), Err(AllocError::NoMemory));
    while heap.alloc(layout(100, 8)).is_ok() {}
    assert_eq!((heap.total_bytes(), heap.pages_taken(), heap.pages().used_pages()), (total, 0, 0));
}

#[test]
fn blocks_that_are_resized_make_a_heap_grow() {
    let mut heap = growing_out_of(TlsfByteAllocator::new(), frames(1024));
    let mut size = 1;
    let mut block = heap.alloc(layout(size, 8)).unwrap();
    // SAFETY: the block has one byte, and the layouts are those of the block.
    unsafe {
        block.write(42);
        while size < 300_000 {
            block = heap.realloc(block, layout(size, 8), 3 * size).unwrap();
            size *= 3;
            assert_eq!(block.read(), 42);
        }
        assert_eq!(heap.realloc(block, layout(size, 8), 1024 * PAGE), Err(AllocError::NoMemory));
        assert_eq!(block.read(), 42);
        heap.dealloc(block, layout(size, 8));
        let zeroed = heap.alloc_zeroed(layout(200_000, 8)).unwrap();
        assert!((0..200_000).all(|at| zeroed.add(at).read() == 0));
    }
}

#[test]
fn pages_can_be_added_later() {
    let mut heap = growing_out_of(SlabByteAllocator::new(), RadixPageAllocator::<PAGE>::new());
    assert_eq!(heap.alloc(layout(64, 8)), Err(AllocError::NoMemory));
    // SAFETY: the memory is the heap's from here on.
    unsafe { heap.add_pages(memory(128), 128 * PAGE).unwrap() };
    assert_eq!(heap.total_bytes(), 0, "they wait until they are needed");
    assert!(heap.alloc(layout(64, 8)).is_ok() && heap.total_bytes() > 0);
}

#[test]
fn what_a_heap_can_do_beyond_the_traits_it_can_do_when_it_grows() {
    let mut heap =
        growing_out_of(SlabByteAllocator::<FineClasses, _>::with_backing(TlsfByteAllocator::new()), frames(64));
    let blocks: Vec<_> = (0..1000).map(|_| heap.alloc(layout(64, 8)).unwrap()).collect();
    // SAFETY: the engine stays.
    assert_eq!(unsafe { heap.bytes_mut() }.statistics().requested_bytes, 64_000);
    for block in blocks {
        // SAFETY: the block is the heap's, with this layout.
        unsafe { heap.dealloc(block, layout(64, 8)) };
    }
    assert!(heap.bytes().backing().used_bytes() >= 64_000);
    // SAFETY: the engine stays.
    while unsafe { heap.bytes_mut() }.reclaim(16) > 0 {}
    assert_eq!(heap.bytes().backing().used_bytes(), 0);
    assert!(heap.pages_taken() >= 16, "the pages stay with the heap");
}

#[test]
fn two_kinds_of_hopeless_requests_in_turn_drained_all_pages() {
    // No block of this heap has more than 64 KiB; and no run has more than 1024 pages.
    let mut heap = growing_out_of(BuddyByteAllocator::<17>::with_order(), frames(1024));
    for _ in 0..100 {
        for (size, align) in [(100_000, 8), (70_000, 1 << 16), (100, 1 << 30), (isize::MAX as usize - PAGE, 8)] {
            assert_eq!(heap.alloc(layout(size, align)), Err(AllocError::NoMemory));
        }
    }
    let mut tlsf = growing_out_of(TlsfByteAllocator::new(), frames(1024));
    for _ in 0..100 {
        for (size, align) in [(1024 * PAGE, 8), (8, 1 << 40), (isize::MAX as usize - PAGE, 8)] {
            assert_eq!(tlsf.alloc(layout(size, align)), Err(AllocError::NoMemory));
        }
    }
    assert_eq!((heap.pages_taken(), tlsf.pages_taken()), (0, 0));
    // Smaller ones make it grow.
    while heap.alloc(layout(50_000, 8)).is_ok() {}
    assert!(heap.pages_taken() > 900, "{}", heap.pages_taken());
}

#[test]
fn a_refusal_was_remembered_after_pages_had_come_back() {
    let frames = Locked::new(frames(64));
    let mut all: Vec<_> = std::iter::from_fn(|| (&frames).alloc_pages(1, PAGE).ok()).collect();
    // SAFETY: the pages are memory, and those given back below are the test's own.
    let mut heap = unsafe { Growing::new(TlsfByteAllocator::new(), &frames) };
    assert_eq!(heap.alloc(layout(10 * PAGE, 8)), Err(AllocError::NoMemory));
    all.drain(..).for_each(|page| (&frames).dealloc_pages(page, 1).unwrap());
    assert!(heap.alloc(layout(10 * PAGE, 8)).is_ok());
}

#[test]
fn two_heaps_over_the_same_frames_counted_each_others_pages() {
    let frames = Locked::new(frames(64));
    // SAFETY: the pages are memory, and each heap gives back its own.
    let (mut one, mut other) = unsafe { (PageBacked::new(&frames), PageBacked::new(&frames)) };
    let block = one.alloc(layout(3 * PAGE, 8)).unwrap();
    let page = (&frames).alloc_pages(1, PAGE).unwrap();
    let blocks: Vec<_> = (0..2).map(|_| other.alloc(layout(PAGE, 8)).unwrap()).collect();
    assert_eq!((one.used_bytes(), other.used_bytes()), (3 * PAGE, 2 * PAGE));
    assert_eq!((one.total_bytes(), one.available_bytes()), (64 * PAGE, 61 * PAGE));
    // SAFETY: the layouts are those of the blocks.
    unsafe {
        let block = one.realloc(block, layout(3 * PAGE, 8), PAGE).unwrap();
        one.dealloc(block, layout(PAGE, 8));
        blocks.into_iter().for_each(|block| other.dealloc(block, layout(PAGE, 8)));
    }
    assert_eq!((one.used_bytes(), other.used_bytes(), frames.with(|frames| frames.used_pages())), (0, 0, 1));
    (&frames).dealloc_pages(page, 1).unwrap();
    // A reference takes no memory.
    // SAFETY: it is refused.
    assert_eq!(unsafe { one.add_memory(memory(4), 4 * PAGE) }, Err(AllocError::InvalidParam));
}

/// An engine that has each region as one block, and gives free ones back.
#[derive(Default)]
struct WholeRegions(Vec<(usize, usize, bool)>);

impl BaseAllocator for WholeRegions {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        if self.0.is_empty() {
            // SAFETY: passed on from the caller.
            unsafe { self.add_memory(start, size) }
        } else {
            Err(AllocError::InvalidParam)
        }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        self.0.push((start, size, false));
        Ok(())
    }
}

// SAFETY: each block is a region of its own.
unsafe impl ByteAllocator for WholeRegions {
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let fits = |&&mut (start, size, live): &&mut (usize, usize, bool)| {
            !live && size >= layout.size() && start % layout.align() == 0
        };
        let region = self.0.iter_mut().find(fits).ok_or(AllocError::NoMemory)?;
        region.2 = true;
        NonNull::new(std::ptr::with_exposed_provenance_mut(region.0)).ok_or(AllocError::NoMemory)
    }

    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, _: Layout) {
        self.0.iter_mut().filter(|region| region.0 == ptr.addr().get()).for_each(|region| region.2 = false);
    }

    fn total_bytes(&self) -> usize {
        self.0.iter().map(|region| region.1).sum()
    }

    fn used_bytes(&self) -> usize {
        self.0.iter().filter(|region| region.2).map(|region| region.1).sum()
    }

    fn available_bytes(&self) -> usize {
        self.total_bytes() - self.used_bytes()
    }

    fn release_region(&mut self) -> Option<Region> {
        let (start, size, _) = self.0.remove(self.0.iter().position(|region| !region.2)?);
        Region::new(start, size).ok()
    }

    fn region_for(&self, layout: Layout) -> Option<Layout> {
        // More than this engine needs where the size is even, less where it is odd.
        Layout::from_size_align(if layout.size().is_multiple_of(2) { layout.size() * 2 } else { 1 }, layout.align())
            .ok()
    }
}

#[test]
fn pages_in_which_nothing_is_live_go_back() {
    let growth = Growth { least: 1, most: 4, limit: usize::MAX };
    let mut heap = growing_by(growth, WholeRegions::default(), frames(64));
    let own = memory(2);
    // SAFETY: the memory is the heap's from here on.
    unsafe { heap.init(own, 2 * PAGE).unwrap() };
    let blocks: Vec<_> = (0..5).map(|_| heap.alloc(layout(2 * PAGE, 8)).unwrap()).collect();
    assert_eq!((blocks[0].addr().get(), heap.pages_taken(), heap.pages().used_pages()), (own, 16, 16));
    assert_eq!(heap.trim(), 0);
    // SAFETY: the layouts are those of the blocks.
    unsafe {
        heap.dealloc(blocks[0], layout(2 * PAGE, 8));
        heap.dealloc(blocks[2], layout(2 * PAGE, 8));
        heap.dealloc(blocks[4], layout(2 * PAGE, 8));
    }
    assert_eq!(heap.trim(), 8 * PAGE);
    assert_eq!((heap.pages_taken(), heap.pages().used_pages(), heap.total_bytes()), (8, 8, 10 * PAGE));
    assert_eq!(heap.alloc(layout(PAGE, 8)).map(|block| block.addr().get()), Ok(own), "the caller's region stays");
    // SAFETY: as above.
    unsafe { heap.dealloc(NonNull::new(std::ptr::with_exposed_provenance_mut(own)).unwrap(), layout(PAGE, 8)) };
    assert_eq!(heap.release_region().map(|region| (region.start(), region.size())), Some((own, 2 * PAGE)));
    assert_eq!(heap.release_region(), None);
    // SAFETY: as above.
    unsafe { blocks[1..].iter().step_by(2).for_each(|&block| heap.dealloc(block, layout(2 * PAGE, 8))) };
    assert_eq!((heap.release_region(), heap.pages_taken(), heap.pages().used_pages()), (None, 0, 0));
    // A region that does not help after all goes back at once.
    assert_eq!(heap.alloc(layout(3 * PAGE + 1, 8)), Err(AllocError::NoMemory));
    assert_eq!((heap.pages_taken(), heap.pages().used_pages()), (0, 0));
    // With more regions of the caller's than the heap remembers, nothing is taken for pages.
    for _ in 0..9 {
        // SAFETY: as above.
        unsafe { heap.add_memory(memory(1), PAGE).unwrap() };
    }
    heap.alloc(layout(2 * PAGE, 8)).unwrap();
    assert_eq!((heap.trim(), heap.release_region(), heap.total_bytes()), (0, None, 13 * PAGE));
}

#[test]
fn memory_that_an_engine_had_before_was_taken_for_pages() {
    // Against the contract of `new`, but harmless: nothing was taken from the pages.
    let mut bytes = WholeRegions::default();
    let own = memory(4);
    // SAFETY: the memory is the engine's from here on.
    unsafe { bytes.init(own, 4 * PAGE).unwrap() };
    let mut heap = growing_out_of(bytes, frames(4));
    assert_eq!((heap.trim(), heap.pages_taken(), heap.total_bytes()), (0, 0, 4 * PAGE));
}

/// Blocks of a burst, of which every hundredth stays live, 50 in a row: the pages that the heap had, and has after `trim`.
fn pages_of_a_burst<A: ByteAllocator>(heap: &mut A, pages_used: impl Fn(&A) -> usize) -> (usize, usize) {
    let sizes = [40, 100, 24, 520, 64, 200, 1500, 16];
    let count = if cfg!(miri) { 200 } else { 40_000 };
    let blocks: Vec<_> = sizes.iter().cycle().take(count).map(|&size| layout(size, 8)).collect();
    let blocks: Vec<_> = blocks.into_iter().map(|layout| (heap.alloc(layout).unwrap(), layout)).collect();
    let most = pages_used(heap);
    let (live, freed): (Vec<_>, Vec<_>) = blocks.into_iter().enumerate().partition(|(index, _)| index % 5000 < 50);
    for (_, (block, layout)) in freed {
        // SAFETY: the block is live.
        unsafe { heap.dealloc(block, layout) };
    }
    heap.trim();
    let left = pages_used(heap);
    for (_, (block, layout)) in live {
        // SAFETY: as above.
        unsafe { heap.dealloc(block, layout) };
    }
    assert_eq!(heap.used_bytes(), 0);
    (most, left)
}

#[test]
fn after_a_burst_a_slab_heap_over_pages_gives_them_back_and_one_that_grows_by_pools_does_not() {
    let mut over_pages = slab::<FineClasses, _>(frames(4096));
    let (most, left) = pages_of_a_burst(&mut over_pages, |heap| heap.backing().pages().used_pages());
    println!("SlabByteAllocator over PageBacked: {} of {most} pages went back", most - left);
    let bytes = SlabByteAllocator::<FineClasses, _>::with_backing(TlsfByteAllocator::new());
    let mut growing = growing_out_of(bytes, frames(4096));
    let (grown, kept) = pages_of_a_burst(&mut growing, |heap| heap.pages().used_pages());
    println!("Growing around SlabByteAllocator over TLSF: {} of {grown} pages went back", grown - kept);
    assert!(left < most / 2, "{left} of {most}");
    assert_eq!(kept, grown, "TLSF releases no region");
}
