//! What a static engine costs a program: how many bytes it has, and whether they are in the program's file (`.data`) or only
//! in its memory, zeroed when it starts (`.bss`). Only on Linux.
//!
//! `cargo run --release -p allocator-benches --bin statics`

#[cfg(target_os = "linux")]
mod table {
    use std::hint::black_box;
    use std::io::{Result, Write};

    use allocator::{
        BitmapIdAllocator, BitmapPageAllocator, BuddyByteAllocator, BuddyPageAllocator, FineClasses,
        FineSlabByteAllocator, Heap, Locked, PageBacked, RadixPageAllocator, SlabByteAllocator, TlsfByteAllocator,
    };

    type Frames = Locked<RadixPageAllocator<'static, 4096>>;
    type FineOverPages = SlabByteAllocator<FineClasses, PageBacked<&'static Frames>>;

    static FINE: Locked<FineSlabByteAllocator> = Locked::new(SlabByteAllocator::fine());
    static SLAB: Locked<SlabByteAllocator> = Locked::new(SlabByteAllocator::new());
    static TLSF: Locked<TlsfByteAllocator> = Locked::new(TlsfByteAllocator::new());
    static BUDDY: Locked<BuddyByteAllocator> = Locked::new(BuddyByteAllocator::new());
    static FRAMES: Frames = Locked::new(RadixPageAllocator::new());
    static BUDDY_FRAMES: Locked<BuddyPageAllocator<'static, 4096>> = Locked::new(BuddyPageAllocator::new());
    static BITMAP: Locked<BitmapPageAllocator<4096>> = Locked::new(BitmapPageAllocator::new());
    static IDS: Locked<BitmapIdAllocator> = Locked::new(BitmapIdAllocator::new());
    // SAFETY: nobody gives the frames of this heap back, and it is never used.
    static OVER_PAGES: Locked<FineOverPages> =
        Locked::new(SlabByteAllocator::with_backing(unsafe { PageBacked::new(&FRAMES) }));

    // SAFETY: the linker defines both symbols, and nothing reads them: only their addresses are taken.
    unsafe extern "C" {
        /// Where `.bss` begins.
        safe static __bss_start: u8;
        /// Where it ends.
        safe static _end: u8;
    }

    /// The name of an engine, and the addresses of its static.
    fn row<T>(name: &'static str, engine: &'static T) -> (&'static str, usize, usize) {
        (name, (&raw const *black_box(engine)).addr(), size_of::<T>())
    }

    /// Writes the table.
    pub(crate) fn write(out: &mut dyn Write) -> Result<()> {
        let bss = (&raw const __bss_start).addr()..(&raw const _end).addr();
        writeln!(out, "{:50} {:>10}  in", "engine, in a Locked", "bytes")?;
        let rows = [
            row("FineSlabByteAllocator", &FINE),
            row("SlabByteAllocator", &SLAB),
            row("SlabByteAllocator<FineClasses, PageBacked<&_>>", &OVER_PAGES),
            row("TlsfByteAllocator", &TLSF),
            row("BuddyByteAllocator", &BUDDY),
            row("RadixPageAllocator", &FRAMES),
            row("BuddyPageAllocator", &BUDDY_FRAMES),
            row("BitmapPageAllocator", &BITMAP),
            row("BitmapIdAllocator", &IDS),
        ];
        for (name, start, size) in rows {
            let section = if bss.contains(&start) { ".bss" } else { ".data" };
            writeln!(out, "{name:50} {size:>10}  {section}")?;
        }
        writeln!(out, "{:50} {:>10}  made with an address, so no static", "Heap", size_of::<Heap>())
    }
}

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    table::write(&mut std::io::stdout().lock())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("where a static lies is found out on Linux only");
}
