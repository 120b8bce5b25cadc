//! A program with hooks: objects on many threads, all slabs come back; which symbols the hooks have.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use allocator_cache::locks::SpinLock;
use allocator_cache::{HookSource, Result, SlabBox, SlabCache, SlabSource, define_allocation_hooks};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

static OUT: AtomicUsize = AtomicUsize::new(0);

/// # Safety
///
/// The size is not 0.
unsafe fn take(layout: Layout) -> Option<NonNull<u8>> {
    OUT.fetch_add(1, SeqCst);
    assert!(layout.size() > 0, "the hook was called with size 0");
    // SAFETY: the size is not 0.
    NonNull::new(unsafe { alloc_zeroed(layout) })
}

/// # Safety
///
/// [`take`] gave the slab with this layout, and it has not been given back since.
unsafe fn give(slab: NonNull<u8>, layout: Layout) -> Result<()> {
    OUT.fetch_sub(1, SeqCst);
    // SAFETY: `take` allocated it with this layout.
    unsafe { dealloc(slab.as_ptr(), layout) };
    Ok(())
}

// SAFETY: the program's heap gives blocks as the layout says, to any thread.
define_allocation_hooks!(unsafe { take, give });

/// The hooks of another version of the crate, in the same program. Nobody calls them.
mod other_version {
    #[unsafe(export_name = "__allocator_cache_0_0_alloc_hook")]
    extern "Rust" fn alloc_hook() {
        unreachable!("called by another version");
    }

    #[unsafe(export_name = "__allocator_cache_alloc_hook")]
    extern "Rust" fn alloc_hook_without_version() {
        unreachable!("called by another version");
    }
}

#[test]
fn the_symbols_of_the_hooks_have_the_version_of_the_crate() {
    // The environment of this test is that of the crate.
    unsafe extern "Rust" {
        #[link_name = concat!(
            "__allocator_cache_", env!("CARGO_PKG_VERSION_MAJOR"), "_", env!("CARGO_PKG_VERSION_MINOR"), "_alloc_hook"
        )]
        fn alloc_hook(layout: Layout) -> Option<NonNull<u8>>;
        #[link_name = concat!(
            "__allocator_cache_", env!("CARGO_PKG_VERSION_MAJOR"), "_", env!("CARGO_PKG_VERSION_MINOR"), "_free_hook"
        )]
        fn free_hook(slab: NonNull<u8>, layout: Layout) -> Result<()>;
    }
    let layout = Layout::new::<[u64; 4]>();
    // SAFETY: the size is not 0, and the block goes back once.
    unsafe {
        let block = alloc_hook(layout).unwrap();
        free_hook(block, layout).unwrap();
    }
}

#[test]
fn safe_code_that_asks_for_a_slab_of_size_0_gets_none() {
    assert_eq!(HookSource.alloc_slab(Layout::new::<()>()), None);
}

#[test]
fn twenty_threads_return_every_slab() {
    const STEPS: usize = if cfg!(miri) { 50 } else { 100_000 };
    let cache = SlabCache::<u128, SpinLock, 512>::new().unwrap();
    let threads: Vec<_> = (0..if cfg!(miri) { 3 } else { 20 })
        .map(|thread| {
            let cache = cache.clone();
            thread::spawn(move || {
                let mut random = SmallRng::seed_from_u64(thread);
                let mut boxes: Vec<SlabBox<u128, SpinLock, 512>> = Vec::new();
                let value =
                    |object: &SlabBox<u128, SpinLock, 512>| object.as_ptr().addr() as u128 ^ u128::from(thread) << 64;
                for _ in 0..STEPS {
                    let given_back = if random.random_ratio(1, 5) { boxes.pop() } else { None };
                    match given_back {
                        Some(object) => assert_eq!(*object, value(&object)),
                        None => {
                            let mut object = cache.alloc().unwrap();
                            *object = value(&object);
                            boxes.push(object);
                        }
                    }
                }
                boxes.shuffle(&mut random);
                boxes.iter().for_each(|object| assert_eq!(**object, value(object)));
            })
        })
        .collect();
    drop(cache);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(OUT.load(SeqCst), 0);
}
