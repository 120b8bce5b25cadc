//! The program of which the code is measured: it allocates, reallocates and frees, and the compiler knows nothing of sizes and
//! addresses. With no feature on, it does so without a heap.
//!
//! It is built for bare metal, and never runs.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this program is for bare metal; `machines code` builds and measures it");
}

#[cfg(target_os = "none")]
mod bare {
    use core::alloc::Layout;
    use core::hint::black_box;
    use core::panic::PanicInfo;
    use core::ptr::NonNull;

    use allocator_firmware::Heap;
    #[cfg(feature = "engine")]
    use allocator_firmware::for_each_engine;

    /// No heap: what it hands out comes from nowhere.
    #[cfg(not(feature = "engine"))]
    struct Nothing;

    #[cfg(not(feature = "engine"))]
    // SAFETY: nobody runs this.
    unsafe impl Heap for Nothing {
        const NAME: &'static str = "nothing";
        const EMPTY: Self = Self;

        unsafe fn init(&mut self, pool: NonNull<[u8]>) -> bool {
            black_box(pool);
            true
        }

        fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
            black_box(layout);
            black_box(None)
        }

        unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
            black_box((block, layout));
        }

        unsafe fn realloc(&mut self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
            black_box((block, layout, new_size));
            black_box(None)
        }
    }

    /// What other parts of a program do, too, and many a heap: copies and clears memory.
    fn copy_and_clear() {
        let (from, to) = black_box((NonNull::<u8>::dangling(), NonNull::<u8>::dangling()));
        // SAFETY: this is compiled, but does not run.
        unsafe {
            from.copy_to_nonoverlapping(to, black_box(1));
            from.copy_to(to, black_box(1));
            to.write_bytes(0, black_box(1));
        }
    }

    /// All calls of a heap, with what comes from elsewhere.
    fn call_all<H: Heap>(heap: &mut H) {
        // SAFETY: this is compiled, but does not run.
        unsafe {
            black_box(heap.init(black_box(NonNull::slice_from_raw_parts(NonNull::dangling(), 0))));
            black_box(heap.alloc(black_box(Layout::new::<u8>())));
            black_box(heap.realloc(black_box(NonNull::dangling()), black_box(Layout::new::<u8>()), black_box(1)));
            heap.dealloc(black_box(NonNull::dangling()), black_box(Layout::new::<u8>()));
        }
    }

    #[unsafe(no_mangle)]
    extern "C" fn start() -> ! {
        copy_and_clear();
        #[cfg(feature = "engine")]
        {
            macro_rules! call {
                ($heap:ty) => {{
                    static mut HEAP: $heap = <$heap as Heap>::EMPTY;
                    // SAFETY: nothing else uses the static.
                    call_all(unsafe { &mut *black_box(&raw mut HEAP) });
                }};
            }
            for_each_engine!(call);
        }
        #[cfg(not(feature = "engine"))]
        call_all(black_box(&mut Nothing));
        loop {}
    }

    #[panic_handler]
    fn panic(_: &PanicInfo<'_>) -> ! {
        loop {}
    }
}
