//! Prints the table of the heaps whose features are on: on a machine with an operating system for pools of 16 and 64 KiB, on a
//! Cortex-M3 for one of 16 KiB, by semihosting.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ptr::NonNull;

    use allocator_firmware::live::Block;
    use allocator_firmware::measure::Machine;
    use allocator_firmware::table;

    for size in [16 << 10, 64 << 10] {
        // How full a buddy heap gets depends on where its pool lies.
        let layout = Layout::from_size_align(size, size).expect("a power of two");
        // SAFETY: the size is not 0.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }).expect("there is memory");
        start.as_ptr().expose_provenance();
        let mut blocks = vec![Block::NONE; size / 8];
        // SAFETY: the memory is the machine's alone, until it is given back below.
        let mut machine = unsafe { Machine::new(NonNull::slice_from_raw_parts(start, size), &mut blocks) };
        let mut text = String::new();
        table::write(&mut text, &mut machine).expect("a string takes all");
        println!("{text}");
        // SAFETY: the memory came from there, and the machine is not used any more.
        unsafe { dealloc(start.as_ptr(), layout) };
    }
}

#[cfg(all(target_os = "none", target_arch = "arm"))]
mod bare {
    use core::fmt::Write;
    use core::panic::PanicInfo;
    use core::ptr::NonNull;

    use allocator_firmware::bare::{Console, Outcome, exit};
    use allocator_firmware::live::Block;
    use allocator_firmware::measure::Machine;
    use allocator_firmware::table;

    const POOL: usize = 16 << 10;

    /// How full a buddy heap gets depends on where its pool lies.
    #[repr(align(16384))]
    struct Memory {
        _pool: [u8; POOL],
    }

    static mut MEMORY: Memory = Memory { _pool: [0; POOL] };
    static mut BLOCKS: [Block; 2048] = [Block::NONE; 2048];

    #[unsafe(no_mangle)]
    extern "C" fn start() -> ! {
        let pool = (&raw mut MEMORY).cast::<u8>();
        pool.expose_provenance();
        let pool = NonNull::slice_from_raw_parts(NonNull::new(pool).expect("no static is at 0"), POOL);
        // SAFETY: this runs once, and nothing else uses the statics.
        let mut machine = unsafe { Machine::new(pool, &mut *(&raw mut BLOCKS)) };
        let written = table::write(&mut Console, &mut machine);
        exit(if written.is_ok() { Outcome::Success } else { Outcome::Failure })
    }

    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        let _ = writeln!(Console, "{info}");
        exit(Outcome::Failure)
    }
}
