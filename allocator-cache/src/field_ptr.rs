//! [`get_field_ptr!`](crate::get_field_ptr), from a struct's pointer to a field's.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::ptr::NonNull;

/// The pointer to a field of the struct that a `NonNull` points to.
///
/// `get_field_ptr!(pointer, field)` needs no `unsafe`: it does not follow the pointer, which may dangle. As with
/// [`NonNull::map_addr`], the pointer that results may be used for what the one to the struct may be used for. It takes as
/// much of the stack as the struct is large, where it is not optimised away.
///
/// A type that implements [`Deref`] is refused, as the field could be one of what it dereferences to:
///
/// ```compile_fail,E0308
/// # use core::ptr::NonNull;
/// let mut boxed = Box::new((1, 2));
/// let field = allocator_cache::get_field_ptr!(NonNull::from(&mut boxed), 1);
/// ```
///
/// # Panics
///
/// If the pointer dangles so near to the end of the address space that the field would be at address 0.
///
/// # Examples
///
/// ```
/// use core::ptr::NonNull;
/// use allocator_cache::get_field_ptr;
///
/// struct Task {
///     id: u64,
///     priority: u8,
/// }
///
/// let mut task = Task { id: 1, priority: 2 };
/// let pointer = NonNull::from(&mut task);
/// let priority = get_field_ptr!(pointer, priority);
/// // SAFETY: the task is alive, and nobody else uses it.
/// unsafe { priority.write(7) };
/// assert_eq!((task.id, task.priority), (1, 7));
/// ```
#[macro_export]
macro_rules! get_field_ptr {
    ($pointer:expr, $field:tt $(,)?) => {{
        use $crate::field_ptr::{IsOwn as _, Pointee};
        let pointer: ::core::ptr::NonNull<_> = $pointer;
        $crate::field_ptr::field_ptr(Pointee::of(pointer).fields(), pointer, |base| {
            // SAFETY: `base` points to memory for the whole struct, of which nothing is read: the struct does not
            // dereference to anything, so the field is its own.
            unsafe { &raw const (*base).$field }
        })
    }};
}

/// The type that a pointer points to, of which a call of `fields` finds out whether it implements `Deref`: its own method
/// is preferred to that of the trait, where there is one.
#[derive(Debug)]
pub struct Pointee<T>(PhantomData<T>);

impl<T> Pointee<T> {
    /// Of what this points to.
    #[must_use]
    pub fn of(_: NonNull<T>) -> Self {
        Self(PhantomData)
    }
}

/// All fields are the type's own.
#[derive(Debug)]
pub struct OwnFields;

/// Some may be those of what the type dereferences to.
#[derive(Debug)]
pub struct FieldsOfTheTarget;

impl<T: Deref> Pointee<T> {
    /// That fields may be the other type's.
    #[must_use]
    pub fn fields(&self) -> FieldsOfTheTarget {
        FieldsOfTheTarget
    }
}

/// Of types that do not implement `Deref`.
pub trait IsOwn {
    /// That fields are the type's own.
    fn fields(&self) -> OwnFields {
        OwnFields
    }
}

impl<T> IsOwn for Pointee<T> {}

/// The pointer at the offset of a field that `field` selects.
#[inline(always)]
#[must_use]
pub fn field_ptr<T, F>(_: OwnFields, pointer: NonNull<T>, field: impl FnOnce(*const T) -> *const F) -> NonNull<F> {
    // Memory of the right size, so that the place of the field lies within it; no pointer of the caller's need do.
    let sample = MaybeUninit::<T>::uninit();
    let offset = field(sample.as_ptr()).addr() - sample.as_ptr().addr();
    NonNull::new(pointer.as_ptr().wrapping_byte_add(offset).cast()).expect("the field would be at address 0")
}
