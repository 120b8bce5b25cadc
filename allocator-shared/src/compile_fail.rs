//! Programs that must not compile, each after one that differs in the offending line only, and does.
//!
//! # An engine replaced while blocks of it are in use
//!
//! Swapped for another, the engine would get back blocks that are not its own. There is a `&mut` to the engine only where
//! nobody shares it:
//!
//! ```
//! # use allocator_api2::boxed::Box;
//! # use allocator_shared::Locked;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let (mut one, mut other) = (Locked::new(TlsfByteAllocator::new()), Locked::new(TlsfByteAllocator::new()));
//! let boxed = Box::try_new_in(1, &one);
//! drop(boxed);
//! std::mem::swap(one.get_mut(), other.get_mut());
//! ```
//!
//! ```compile_fail,E0502
//! # use allocator_api2::boxed::Box;
//! # use allocator_shared::Locked;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let (mut one, mut other) = (Locked::new(TlsfByteAllocator::new()), Locked::new(TlsfByteAllocator::new()));
//! let boxed = Box::try_new_in(1, &one);
//! std::mem::swap(one.get_mut(), other.get_mut());
//! drop(boxed);
//! ```
//!
//! Not even where the box is leaked, as long as what was in it can be used:
//!
//! ```compile_fail,E0502
//! # use allocator_api2::boxed::Box;
//! # use allocator_shared::Locked;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let (mut one, mut other) = (Locked::new(TlsfByteAllocator::new()), Locked::new(TlsfByteAllocator::new()));
//! let leaked = Box::leak(Box::try_new_in(1, &one).unwrap());
//! std::mem::swap(one.get_mut(), other.get_mut());
//! *leaked += 1;
//! ```
//!
//! The whole value can be moved or swapped only where nobody shares it, either:
//!
//! ```compile_fail,E0505
//! # use allocator_api2::boxed::Box;
//! # use allocator_shared::Locked;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let one = Locked::new(TlsfByteAllocator::new());
//! let boxed = Box::try_new_in(1, &one);
//! let engine = one.into_inner();
//! drop(boxed);
//! ```
//!
//! A look at the engine does not change it:
//!
//! ```
//! # use allocator_core::ByteAllocator;
//! # use allocator_shared::Locked;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let heap = Locked::new(TlsfByteAllocator::new());
//! heap.with(|engine| engine.used_bytes());
//! ```
//!
//! ```compile_fail,E0596
//! # use allocator_core::ByteAllocator;
//! # use allocator_shared::Locked;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let heap = Locked::new(TlsfByteAllocator::new());
//! heap.with(|engine| engine.trim());
//! ```
//!
//! And whoever changes it while it is shared has to promise not to replace it:
//!
//! ```compile_fail,E0133
//! # use allocator_core::ByteAllocator;
//! # use allocator_shared::Locked;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let heap = Locked::new(TlsfByteAllocator::new());
//! heap.with_mut(|engine| *engine = TlsfByteAllocator::new());
//! ```
//!
//! ```compile_fail,E0133
//! # use allocator_core::ByteAllocator;
//! # use allocator_shared::{Access, Local};
//! # use allocator_tlsf::TlsfByteAllocator;
//! let heap = Local::new(TlsfByteAllocator::new());
//! heap.with_mut(|engine| *engine = TlsfByteAllocator::new());
//! ```
//!
//! # A value for one thread on another
//!
//! ```
//! # use allocator_shared::Locked;
//! fn shared_by_threads<T: Sync>(_: T) {}
//! shared_by_threads(Locked::new(1));
//! ```
//!
//! ```compile_fail,E0277
//! # use allocator_shared::Local;
//! fn shared_by_threads<T: Sync>(_: T) {}
//! shared_by_threads(Local::new(1));
//! ```
//!
//! ```compile_fail,E0277
//! # use allocator_shared::Locked;
//! fn shared_by_threads<T: Sync>(_: T) {}
//! shared_by_threads(Locked::new(std::rc::Rc::new(1)));
//! ```
//!
//! # One engine with two locks
//!
//! A lock whose type can stand for another may not do the same for both:
//!
//! ```
//! # use std::marker::PhantomData;
//! # use allocator_shared::Locked;
//! struct Lock<T>(PhantomData<T>);
//!
//! fn same(heap: Locked<u8, Lock<for<'a> fn(&'a ())>>) -> Locked<u8, Lock<for<'a> fn(&'a ())>> {
//!     heap
//! }
//! ```
//!
//! ```compile_fail,E0308
//! # use std::marker::PhantomData;
//! # use allocator_shared::Locked;
//! struct Lock<T>(PhantomData<T>);
//!
//! fn other(heap: Locked<u8, Lock<for<'a> fn(&'a ())>>) -> Locked<u8, Lock<fn(&'static ())>> {
//!     heap
//! }
//! ```
