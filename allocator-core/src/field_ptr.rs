//! [`get_field_ptr!`](crate::get_field_ptr), the pointer to a field of a struct that a pointer points to.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::ptr::NonNull;

/// Returns the pointer to a field of the struct that a `NonNull` points to.
///
/// `get_field_ptr!(pointer, field)` is safe: it does not follow the pointer, which may dangle. As with
/// [`NonNull::map_addr`], the result may be used for what the pointer to the struct may be used for. `field` is the name of
/// one field, or the number of one field of a tuple. The call takes as much of the stack as the struct is large, where it
/// is not optimised away.
///
/// A type that implements [`Deref`] is refused, because the field could be one of the type that it dereferences to:
///
/// ```compile_fail,E0308
/// # use core::ptr::NonNull;
/// let mut boxed = Box::new((1, 2));
/// let field = allocator_core::get_field_ptr!(NonNull::from(&mut boxed), 1);
/// ```
///
/// Fields of fields are refused for the same reason. To the compiler `0.1` is one token, and in this example `0` is a box:
///
/// ```compile_fail,E0080
/// # use core::ptr::NonNull;
/// let mut pair = (Box::new((1, 2)), 3);
/// let field = allocator_core::get_field_ptr!(NonNull::from(&mut pair), 0.1);
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
/// use allocator_core::get_field_ptr;
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
        use $crate::field_ptr::{IsOwn as _, Pointee, is_one_field};
        const { assert!(is_one_field(stringify!($field)), "not the name or number of one field") };
        let pointer: ::core::ptr::NonNull<_> = $pointer;
        $crate::field_ptr::field_ptr(Pointee::of(pointer).fields(), pointer, |base| {
            // SAFETY: `base` points to memory for the whole struct, of which nothing is read: the struct does not
            // dereference to anything, and `$field` is one name or number, so the field is the struct's own.
            unsafe { &raw const (*base).$field }
        })
    }};
}

/// Whether the text is one name or number, without a dot.
#[doc(hidden)]
#[must_use]
pub const fn is_one_field(text: &str) -> bool {
    let text = text.as_bytes();
    let mut index = 0;
    while index < text.len() {
        if !(text[index].is_ascii_alphanumeric() || matches!(text[index], b'_' | b'#' | 0x80..)) {
            return false;
        }
        index += 1;
    }
    true
}

/// The type that a pointer points to. A call of `fields` finds out at compile time whether the type implements `Deref`:
/// method resolution prefers the inherent method, which types with `Deref` have, to that of the trait [`IsOwn`], which all
/// have.
#[doc(hidden)]
#[derive(Debug)]
pub struct Pointee<T>(PhantomData<T>);

impl<T> Pointee<T> {
    /// Of the type that this points to.
    #[must_use]
    pub fn of(_: NonNull<T>) -> Self {
        Self(PhantomData)
    }
}

/// Says that all fields of a type are its own.
#[doc(hidden)]
#[derive(Debug)]
pub struct OwnFields;

/// Says that a field of a type may be one of the type that it dereferences to.
#[doc(hidden)]
#[derive(Debug)]
pub struct FieldsOfTheTarget;

impl<T: Deref> Pointee<T> {
    /// That a field may be one of the type that this dereferences to.
    #[must_use]
    pub fn fields(&self) -> FieldsOfTheTarget {
        FieldsOfTheTarget
    }
}

/// The method of types that do not implement `Deref`.
#[doc(hidden)]
pub trait IsOwn {
    /// That all fields are the type's own.
    fn fields(&self) -> OwnFields {
        OwnFields
    }
}

impl<T> IsOwn for Pointee<T> {}

/// The pointer at the offset of the field that `field` selects.
#[doc(hidden)]
#[inline(always)]
#[must_use]
pub fn field_ptr<T, F>(_: OwnFields, pointer: NonNull<T>, field: impl FnOnce(*const T) -> *const F) -> NonNull<F> {
    // `field` gets a pointer to memory for the whole struct; the caller's pointer may dangle.
    let sample = MaybeUninit::<T>::uninit();
    let offset = field(sample.as_ptr()).addr() - sample.as_ptr().addr();
    NonNull::new(pointer.as_ptr().wrapping_byte_add(offset).cast()).expect("the field would be at address 0")
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;
    use core::ptr::NonNull;

    #[repr(C)]
    struct Pair {
        first: u32,
        r#second: u64,
    }

    #[test]
    fn a_field_pointer_is_that_of_the_field_wherever_the_struct_is() {
        let mut pair = Pair { first: 1, second: 2 };
        let pointer = NonNull::from(&mut pair);
        let (first, second) = (get_field_ptr!(pointer, first), get_field_ptr!(pointer, r#second));
        // SAFETY: the pair is alive, and nobody else uses it.
        unsafe {
            first.write(10);
            second.write(20);
        }
        assert_eq!((pair.first, pair.second), (10, 20));
        let dangling = NonNull::<Pair>::dangling();
        assert_eq!(get_field_ptr!(dangling, second).addr().get(), dangling.addr().get() + offset_of!(Pair, second));
    }

    #[test]
    fn a_field_of_a_tuple_has_a_number() {
        let mut pair = (1_u8, 2_u64);
        let pointer = NonNull::from(&mut pair);
        let second = get_field_ptr!(pointer, 1);
        // SAFETY: the pair is alive, and nobody else uses it.
        unsafe { second.write(3) };
        assert_eq!(pair, (1, 3));
    }
}
