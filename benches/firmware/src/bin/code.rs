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
    struct Nothing;

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
    }

    /// All calls of a heap, with what comes from elsewhere.
    fn call_all<H: Heap>(heap: &mut H) {
        // SAFETY: this is compiled, but does not run.
        unsafe {
            black_box(heap.init(black_box(NonNull::slice_from_raw_parts(NonNull::dangling(), 0))));
            if let Some(block) = heap.alloc(black_box(Layout::new::<u8>())) {
                // As for all that is allocated zeroed.
                block.write_bytes(0, black_box(1));
                black_box(block);
            }
            black_box(heap.realloc(black_box(NonNull::dangling()), black_box(Layout::new::<u8>()), black_box(1)));
            heap.dealloc(black_box(NonNull::dangling()), black_box(Layout::new::<u8>()));
        }
    }

    #[unsafe(no_mangle)]
    extern "C" fn start() -> ! {
        #[cfg(feature = "engine")]
        macro_rules! call {
            ($heap:ty) => {{
                static mut HEAP: $heap = <$heap as Heap>::EMPTY;
                // SAFETY: nothing else uses the static.
                call_all(unsafe { &mut *(&raw mut HEAP) });
            }};
        }
        call_all(&mut Nothing);
        #[cfg(feature = "engine")]
        {
            for_each_engine!(call);
        }
        loop {}
    }

    #[panic_handler]
    fn panic(_: &PanicInfo<'_>) -> ! {
        loop {}
    }
}
