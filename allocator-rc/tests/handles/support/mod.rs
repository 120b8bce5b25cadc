//! What the tests share: pools, engines that watch what they are asked, and both handles behind one trait.

mod engines;

use std::fmt::Debug;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use allocator_api2::alloc::Allocator;
use allocator_core::{AllocResult, ByteAllocator};
use allocator_rc::{AllocatorArc, AllocatorRc};

pub(crate) use engines::{Checked, Engine, Exclusive, Stubborn, Watched};

/// Memory on loan to an engine.
pub(crate) type Pool = [MaybeUninit<u8>];

/// Large enough for every engine and what the tests allocate, wherever it lies: a buddy engine has whole blocks only of
/// what is aligned to them.
pub(crate) const POOL: usize = if cfg!(miri) { 40 } else { 256 } * 1024;

/// A pool of `size` bytes from an address that is `misalignment` off a multiple of 64. It is dirty.
pub(crate) struct Memory {
    bytes: Vec<MaybeUninit<u8>>,
    offset: usize,
    size: usize,
}

impl Memory {
    pub(crate) fn new(size: usize) -> Self {
        Self::misaligned(size, 0)
    }

    pub(crate) fn misaligned(size: usize, misalignment: usize) -> Self {
        let mut bytes = Vec::<MaybeUninit<u8>>::with_capacity(size + 128);
        // SAFETY: the capacity is reserved, and now initialised; in one go, for Miri is slow on vectors of many.
        unsafe {
            bytes.as_mut_ptr().write_bytes(0xa5, size + 128);
            bytes.set_len(size + 128);
        }
        let offset = bytes.as_ptr().align_offset(64) + misalignment;
        Self { bytes, offset, size }
    }

    pub(crate) fn pool(&mut self) -> &mut Pool {
        &mut self.bytes[self.offset..][..self.size]
    }
}

/// Whether all the bytes are `value`. Compared in one go, for Miri is slow on loops.
pub(crate) fn all_are(bytes: &[u8], value: u8) -> bool {
    bytes == vec![value; bytes.len()]
}

/// Either handle.
pub(crate) trait Handle<'pool>: Allocator + Clone + Debug {
    fn add_memory(&self, pool: &'pool mut Pool) -> AllocResult;
    fn total_bytes(&self) -> usize;
    fn used_bytes(&self) -> usize;
    fn available_bytes(&self) -> usize;
    fn trim(&self) -> usize;
}

/// How to make a handle for some engine.
pub(crate) trait Kind {
    type Handle<'pool>: Handle<'pool>;
    type Engine: Engine;

    fn with_engine(engine: Self::Engine, pool: &mut Pool) -> AllocResult<Self::Handle<'_>>;

    fn create(pool: &mut Pool) -> Self::Handle<'_> {
        Self::with_engine(Self::Engine::fresh(), pool).expect("the pool is large enough")
    }
}

macro_rules! kind {
    ($kind:ident, $handle:ident) => {
        pub(crate) struct $kind<A>(PhantomData<A>);

        impl<A: Engine> Kind for $kind<A> {
            type Handle<'pool> = $handle<'pool, A>;
            type Engine = A;

            fn with_engine(engine: A, pool: &mut Pool) -> AllocResult<Self::Handle<'_>> {
                $handle::new(engine, pool)
            }
        }

        impl<'pool, A: ByteAllocator> Handle<'pool> for $handle<'pool, A> {
            fn add_memory(&self, pool: &'pool mut Pool) -> AllocResult {
                $handle::add_memory(self, pool)
            }

            fn total_bytes(&self) -> usize {
                $handle::total_bytes(self)
            }

            fn used_bytes(&self) -> usize {
                $handle::used_bytes(self)
            }

            fn available_bytes(&self) -> usize {
                $handle::available_bytes(self)
            }

            fn trim(&self) -> usize {
                $handle::trim(self)
            }
        }
    };
}

kind!(Rc, AllocatorRc);
kind!(Arc, AllocatorArc);

/// Runs tests that are generic over a [`Kind`] for both handles and all engines.
macro_rules! for_all_handles {
    ($($test:ident),+ $(,)?) => {
        for_all_handles! { @engine tlsf allocator_tlsf::TlsfByteAllocator: $($test)+ }
        for_all_handles! { @engine buddy allocator_buddy::BuddyByteAllocator: $($test)+ }
        for_all_handles! { @engine slab allocator_slab::SlabByteAllocator: $($test)+ }
    };
    (@engine $engine:ident $type:ty: $($test:ident)+) => {
        mod $engine {
            mod rc {
                $(
                    #[test]
                    fn $test() {
                        super::super::$test::<crate::support::Rc<crate::support::Checked<$type>>>();
                    }
                )+
            }

            mod arc {
                $(
                    #[test]
                    fn $test() {
                        super::super::$test::<crate::support::Arc<crate::support::Checked<$type>>>();
                    }
                )+
            }
        }
    };
}
pub(crate) use for_all_handles;
