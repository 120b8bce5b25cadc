//! Heaps as the global allocator of real programs, of one thread, each heap behind one lock.
//!
//! Each measurement is a process of its own (`child`): the global allocator (`chosen`) takes the heap that the environment
//! names, and the process runs one program (`work`) once. It prints a checksum, its CPU time and its peak of resident memory.
//! The parent (`program`) runs heap after heap in each round, so that a machine whose speed changes hurts all alike, and prints
//! medians and ratios (`table`).
//!
//! | file | has |
//! | --- | --- |
//! | `frames` | the memory that the heaps grow into |
//! | `heaps` | the heaps by name |
//! | `chosen` | the global allocator |
//! | `work` | the programs |
//! | `child` | one measurement, both sides of it |
//! | `table` | medians and ratios |
//! | `program` | the command |
//!
//! Only on Linux, on x86-64.

mod child;
mod chosen;
mod frames;
mod heaps;
mod program;
mod table;
mod work;

pub use child::{Figures, Trial};
pub use chosen::ChosenHeap;
pub use heaps::names as heap_names;
pub use program::main;
pub use work::{Size, names as program_names};
