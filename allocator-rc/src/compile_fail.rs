//! Programs that must not compile, each after one that differs in the offending line only, and does.
//!
//! # The pool dies before the handle
//!
//! ```
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = vec![MaybeUninit::uninit(); 32 * 1024];
//! let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! drop(heap);
//! drop(pool);
//! ```
//!
//! ```compile_fail,E0505
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = vec![MaybeUninit::uninit(); 32 * 1024];
//! let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! drop(pool);
//! drop(heap);
//! ```
//!
//! Not even where nothing but the handle's `Drop` comes after the pool: locals are dropped in reverse order.
//!
//! ```
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorArc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let heap;
//! heap = AllocatorArc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! ```
//!
//! ```compile_fail,E0597
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorArc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let heap;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! heap = AllocatorArc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! ```
//!
//! # The pool dies before a collection
//!
//! ```
//! # use core::mem::MaybeUninit;
//! # use allocator_api2::vec::Vec;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let mut numbers = Vec::new_in(AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap());
//! numbers.push(1);
//! ```
//!
//! ```compile_fail,E0597
//! # use core::mem::MaybeUninit;
//! # use allocator_api2::vec::Vec;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut numbers = {
//!     let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//!     Vec::new_in(AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap())
//! };
//! numbers.push(1);
//! ```
//!
//! # A further pool that dies before the handle
//!
//! ```
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let mut further = [MaybeUninit::uninit(); 1024];
//! let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! heap.clone().add_memory(&mut further).unwrap();
//! heap.used_bytes();
//! ```
//!
//! ```compile_fail,E0597
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! {
//!     let mut further = [MaybeUninit::uninit(); 1024];
//!     heap.clone().add_memory(&mut further).unwrap();
//! }
//! heap.used_bytes();
//! ```
//!
//! # A handle whose pool seems to live less long
//!
//! This is what the further pool would need.
//!
//! ```
//! # use allocator_rc::{AllocatorArc, AllocatorRc};
//! fn same<'long: 'short, 'short, A>(rc: AllocatorRc<'long, A>) -> AllocatorRc<'long, A> {
//!     rc
//! }
//! fn same_arc<'long: 'short, 'short, A>(arc: AllocatorArc<'long, A>) -> AllocatorArc<'long, A> {
//!     arc
//! }
//! ```
//!
//! ```compile_fail
//! # use allocator_rc::AllocatorRc;
//! fn shorten<'long: 'short, 'short, A>(rc: AllocatorRc<'long, A>) -> AllocatorRc<'short, A> {
//!     rc
//! }
//! ```
//!
//! ```compile_fail
//! # use allocator_rc::AllocatorArc;
//! fn shorten<'long: 'short, 'short, A>(arc: AllocatorArc<'long, A>) -> AllocatorArc<'short, A> {
//!     arc
//! }
//! ```
//!
//! # A handle whose lock or engine seems to live less long
//!
//! Clones of two types would have the same lock and engine. A lock that hands on what it was given (to the next holder, say)
//! would hand something with a short life to a clone that counts on a long one.
//!
//! ```
//! # use allocator_rc::AllocatorArc;
//! # struct Engine;
//! # struct Lock<'a>(&'a str);
//! fn same<'long>(arc: AllocatorArc<'long, Engine, Lock<'static>>) -> AllocatorArc<'long, Engine, Lock<'static>> {
//!     arc
//! }
//! ```
//!
//! ```compile_fail
//! # use allocator_rc::AllocatorArc;
//! # struct Engine;
//! struct Lock<'a>(&'a str);
//! fn shorten<'long, 'short>(arc: AllocatorArc<'long, Engine, Lock<'static>>) -> AllocatorArc<'long, Engine, Lock<'short>> {
//!     arc
//! }
//! ```
//!
//! ```compile_fail
//! # use allocator_rc::AllocatorArc;
//! struct Engine<'a>(&'a str);
//! fn shorten<'long, 'short>(arc: AllocatorArc<'long, Engine<'static>>) -> AllocatorArc<'long, Engine<'short>> {
//!     arc
//! }
//! ```
//!
//! ```compile_fail
//! # use allocator_rc::AllocatorRc;
//! struct Engine<'a>(&'a str);
//! fn shorten<'long, 'short>(rc: AllocatorRc<'long, Engine<'static>>) -> AllocatorRc<'long, Engine<'short>> {
//!     rc
//! }
//! ```
//!
//! # A look at the engine that changes it
//!
//! With one thread there is no lock to keep `look` from coming back, so the caller has to promise that it does not.
//!
//! ```
//! # use core::mem::MaybeUninit;
//! # use allocator_core::ByteAllocator;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! // SAFETY: the closure does not use the handle.
//! unsafe { heap.with(|engine| engine.total_bytes()) };
//! ```
//!
//! ```compile_fail,E0133
//! # use core::mem::MaybeUninit;
//! # use allocator_core::ByteAllocator;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! heap.with(|engine| engine.total_bytes());
//! ```
//!
//! # The pool used while there is a handle
//!
//! ```
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! drop(heap);
//! pool.fill(MaybeUninit::new(0));
//! ```
//!
//! ```compile_fail,E0499
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! pool.fill(MaybeUninit::new(0));
//! drop(heap);
//! ```
//!
//! One pool for two handles:
//!
//! ```compile_fail,E0499
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! let again = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! drop(heap);
//! ```
//!
//! # A handle that leaves the function that has the pool
//!
//! ```
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! fn heap(pool: &mut [MaybeUninit<u8>]) -> AllocatorRc<'_, TlsfByteAllocator> {
//!     AllocatorRc::new(TlsfByteAllocator::new(), pool).unwrap()
//! }
//! ```
//!
//! ```compile_fail,E0515
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! fn heap<'pool>() -> AllocatorRc<'pool, TlsfByteAllocator> {
//!     let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//!     AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap()
//! }
//! ```
//!
//! # An engine that is only lent
//!
//! It would go on using the pool when the handle is gone.
//!
//! ```
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let mut engine = TlsfByteAllocator::new();
//! AllocatorRc::new(engine, &mut pool).unwrap();
//! ```
//!
//! ```compile_fail,E0597
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let mut engine = TlsfByteAllocator::new();
//! AllocatorRc::new(&mut engine, &mut pool).unwrap();
//! ```
//!
//! ```compile_fail,E0597
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorArc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let mut engine = TlsfByteAllocator::new();
//! AllocatorArc::new(&mut engine, &mut pool).unwrap();
//! ```
//!
//! # A handle for one thread on another
//!
//! ```
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorArc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let heap = AllocatorArc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! std::thread::scope(|scope| {
//!     scope.spawn(move || heap.used_bytes());
//! });
//! ```
//!
//! ```compile_fail,E0277
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! std::thread::scope(|scope| {
//!     scope.spawn(move || heap.used_bytes());
//! });
//! ```
//!
//! Nor a reference to one:
//!
//! ```compile_fail,E0277
//! # use core::mem::MaybeUninit;
//! # use allocator_rc::AllocatorRc;
//! # use allocator_tlsf::TlsfByteAllocator;
//! let mut pool = [MaybeUninit::uninit(); 32 * 1024];
//! let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool).unwrap();
//! std::thread::scope(|scope| {
//!     scope.spawn(|| heap.used_bytes());
//! });
//! ```
//!
//! # An engine that must stay on its thread
//!
//! ```
//! # use allocator_rc::AllocatorArc;
//! # struct Engine;
//! fn crosses_threads<T: Send + Sync>() {}
//! crosses_threads::<AllocatorArc<'static, Engine>>();
//! ```
//!
//! ```compile_fail,E0277
//! # use allocator_rc::AllocatorArc;
//! # struct Engine(*mut u8);
//! fn crosses_threads<T: Send>() {}
//! crosses_threads::<AllocatorArc<'static, Engine>>();
//! ```
//!
//! ```compile_fail,E0277
//! # use allocator_rc::AllocatorArc;
//! # struct Engine(*mut u8);
//! fn crosses_threads<T: Sync>() {}
//! crosses_threads::<AllocatorArc<'static, Engine>>();
//! ```
//!
//! # A lock that must stay on its thread
//!
//! ```compile_fail,E0277
//! # use allocator_rc::AllocatorArc;
//! # struct Engine;
//! struct ThreadLock(core::cell::Cell<bool>);
//! # // SAFETY: exclusive on one thread.
//! unsafe impl lock_api::RawMutex for ThreadLock {
//!     const INIT: Self = Self(core::cell::Cell::new(false));
//!     type GuardMarker = lock_api::GuardNoSend;
//!     # fn lock(&self) {
//!     #     assert!(self.try_lock());
//!     # }
//!     # fn try_lock(&self) -> bool {
//!     #     !self.0.replace(true)
//!     # }
//!     # unsafe fn unlock(&self) {
//!     #     self.0.set(false);
//!     # }
//! }
//! fn crosses_threads<T: Send>() {}
//! crosses_threads::<AllocatorArc<'static, Engine, ThreadLock>>();
//! ```
