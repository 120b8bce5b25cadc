//! What a program needs on a Cortex-M3 without an operating system.
//!
//! Its vectors are here. The program has a function `start`, which runs first, on a stack at the end of the memory.
#![cfg(all(target_os = "none", target_arch = "arm"))]

use core::arch::asm;
use core::fmt;

unsafe extern "C" {
    /// What runs first.
    fn start() -> !;
    /// Where the stack begins.
    static stack_top: u8;
}

/// What the processor reads after a reset, and at a fault.
#[repr(C)]
struct Vectors {
    stack: *const u8,
    reset: unsafe extern "C" fn() -> !,
    exceptions: [extern "C" fn() -> !; 14],
}

// SAFETY: nothing but the processor reads them.
unsafe impl Sync for Vectors {}

#[used]
#[unsafe(link_section = ".vectors")]
static VECTORS: Vectors = Vectors { stack: &raw const stack_top, reset: start, exceptions: [fault; 14] };

extern "C" fn fault() -> ! {
    exit(Outcome::Failure)
}

/// How a program has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has done its work.
    Success,
    /// It has not.
    Failure,
}

/// Asks the machine that emulates the processor for something ("Semihosting for AArch32 and AArch64", Arm).
fn ask_host(operation: usize, argument: usize) {
    // SAFETY: a host that knows the operation reads what the argument points to, and writes a result to r0.
    unsafe { asm!("bkpt 0xab", inout("r0") operation => _, in("r1") argument, options(nostack)) };
}

/// Ends the program.
pub fn exit(outcome: Outcome) -> ! {
    const SYS_EXIT: usize = 0x18;
    const APPLICATION_EXIT: usize = 0x2_0026;
    const RUN_TIME_ERROR: usize = 0x2_0023;
    ask_host(SYS_EXIT, if outcome == Outcome::Success { APPLICATION_EXIT } else { RUN_TIME_ERROR });
    loop {}
}

/// The console of the machine that emulates the processor.
#[derive(Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const SYS_WRITEC: usize = 0x03;
        for byte in text.bytes() {
            ask_host(SYS_WRITEC, (&raw const byte).addr());
        }
        Ok(())
    }
}
