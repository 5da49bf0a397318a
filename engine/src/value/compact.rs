//! Values in one word: a small form in place of a pointer, or a pointer to a large one.
//!
//! Most collections are small, and a collection lies in its entry as one word. A small form is a single pointer itself
//! (to a listpack, to an intset) and *is* that word; a large form is boxed. The lowest two bits of the word tell which:
//!
//! ```text
//!  ..00  or the small form's own tag      a small form, bit for bit
//!  ..01                                   a `Box<L>`, plus one
//! ```
//!
//! Invariant: the word is a live, owned small form or a live, owned box, as its tag says.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

const TAG_MASK: usize = 3;
const LARGE: usize = 1;

/// A small form: one word, a pointer whose lowest two bits are always `TAG`.
///
/// # Safety
/// The type has the size and alignment of a pointer, its word is never zero, the word's lowest two bits are `TAG`, and
/// `TAG` is 0, 2 or 3.
pub unsafe trait Thin: Sized {
    /// The lowest two bits of the word.
    const TAG: usize;
}

/// The word itself; what it holds is known to the types below alone.
struct Word(NonNull<u8>);

impl Word {
    fn thin<S: Thin>(small: S) -> Self {
        const {
            assert!(size_of::<S>() == size_of::<Word>() && align_of::<S>() == align_of::<Word>());
            assert!(S::TAG <= TAG_MASK && S::TAG != LARGE);
        }
        let small = ManuallyDrop::new(small);
        // SAFETY: a `Thin` is a word that is not zero.
        let word: NonNull<u8> = unsafe { std::mem::transmute_copy(&small) };
        debug_assert_eq!(word.addr().get() & TAG_MASK, S::TAG);
        Self(word)
    }

    fn boxed<L>(large: Box<L>) -> Self {
        const { assert!(align_of::<L>() > TAG_MASK) }
        // SAFETY: a box is not null, and its alignment leaves the lowest two bits free.
        Self(unsafe { NonNull::new_unchecked(Box::into_raw(large).cast::<u8>().wrapping_add(LARGE)) })
    }

    fn tag(&self) -> usize {
        self.0.addr().get() & TAG_MASK
    }

    fn large<L>(&self) -> *mut L {
        self.0.as_ptr().wrapping_sub(LARGE).cast()
    }

    /// # Safety
    /// The word is a live `S`.
    unsafe fn as_thin<S: Thin>(&self) -> &S {
        // SAFETY: by the caller's word, and both are one word of the same alignment.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }

    /// # Safety
    /// The word is a live `S`.
    unsafe fn as_thin_mut<S: Thin>(&mut self) -> &mut S {
        // SAFETY: as above.
        unsafe { &mut *std::ptr::from_mut(self).cast() }
    }

    /// # Safety
    /// The word is a live `S`, and is not used afterwards.
    unsafe fn into_thin<S: Thin>(self) -> S {
        // SAFETY: as above.
        unsafe { std::mem::transmute_copy(&self.0) }
    }
}

/// A small form `S` or a boxed large form `L`, in one word.
pub struct Compact<S: Thin, L> {
    word: Word,
    owns: PhantomData<(S, Box<L>)>,
}

/// What a [`Compact`] holds.
#[allow(missing_docs, reason = "they say what they are")]
pub enum Form<'a, S, L> {
    Small(&'a S),
    Large(&'a L),
}

/// What a [`Compact`] holds, to be changed.
#[allow(missing_docs, reason = "they say what they are")]
pub enum FormMut<'a, S, L> {
    Small(&'a mut S),
    Large(&'a mut L),
}

impl<S: Thin, L> Compact<S, L> {
    /// A value in its small form.
    pub fn small(small: S) -> Self {
        Self { word: Word::thin(small), owns: PhantomData }
    }

    /// A value in its large form.
    pub fn large(large: Box<L>) -> Self {
        Self { word: Word::boxed(large), owns: PhantomData }
    }

    /// The large form, which `convert` makes if the value is still small.
    pub fn make_large(&mut self, convert: impl FnOnce(&S) -> L) -> &mut L {
        if let Form::Small(small) = self.form() {
            *self = Self::large(Box::new(convert(small)));
        }
        // SAFETY: it is large, at the latest now.
        unsafe { &mut *self.word.large() }
    }

    /// Its form.
    #[inline]
    pub fn form(&self) -> Form<'_, S, L> {
        // SAFETY: the tag says what the word is.
        unsafe {
            match self.word.tag() {
                LARGE => Form::Large(&*self.word.large()),
                _ => Form::Small(self.word.as_thin()),
            }
        }
    }

    /// Its form, to be changed.
    #[inline]
    pub fn form_mut(&mut self) -> FormMut<'_, S, L> {
        // SAFETY: the tag says what the word is.
        unsafe {
            match self.word.tag() {
                LARGE => FormMut::Large(&mut *self.word.large()),
                _ => FormMut::Small(self.word.as_thin_mut()),
            }
        }
    }
}

impl<S: Thin, L> Drop for Compact<S, L> {
    fn drop(&mut self) {
        // SAFETY: the word is owned, what its tag says, and given up here.
        unsafe {
            match self.word.tag() {
                LARGE => drop(Box::<L>::from_raw(self.word.large())),
                _ => drop(Word(self.word.0).into_thin::<S>()),
            }
        }
    }
}

impl<S: Thin + Clone, L: Clone> Clone for Compact<S, L> {
    fn clone(&self) -> Self {
        match self.form() {
            Form::Small(small) => Self::small(small.clone()),
            Form::Large(large) => Self::large(Box::new(large.clone())),
        }
    }
}

// SAFETY: it owns an `S` or an `L` and nothing else.
unsafe impl<S: Thin + Send, L: Send> Send for Compact<S, L> {}
// SAFETY: as above.
unsafe impl<S: Thin + Sync, L: Sync> Sync for Compact<S, L> {}

/// One of two small forms or a boxed large form, in one word. The small forms differ in their tags.
pub struct Compact3<A: Thin, B: Thin, L> {
    word: Word,
    owns: PhantomData<(A, B, Box<L>)>,
}

/// What a [`Compact3`] holds.
#[allow(missing_docs, reason = "they say what they are")]
pub enum Form3<'a, A, B, L> {
    First(&'a A),
    Second(&'a B),
    Large(&'a L),
}

/// What a [`Compact3`] holds, to be changed.
#[allow(missing_docs, reason = "they say what they are")]
pub enum Form3Mut<'a, A, B, L> {
    First(&'a mut A),
    Second(&'a mut B),
    Large(&'a mut L),
}

impl<A: Thin, B: Thin, L> Compact3<A, B, L> {
    const DIFFERENT: () = assert!(A::TAG != B::TAG);

    /// A value in the first of its small forms.
    pub fn first(small: A) -> Self {
        const { Self::DIFFERENT }
        Self { word: Word::thin(small), owns: PhantomData }
    }

    /// A value in the second of its small forms.
    pub fn second(small: B) -> Self {
        const { Self::DIFFERENT }
        Self { word: Word::thin(small), owns: PhantomData }
    }

    /// A value in its large form.
    pub fn large(large: Box<L>) -> Self {
        Self { word: Word::boxed(large), owns: PhantomData }
    }

    /// Its form.
    #[inline]
    pub fn form(&self) -> Form3<'_, A, B, L> {
        // SAFETY: the tag says what the word is.
        unsafe {
            match self.word.tag() {
                LARGE => Form3::Large(&*self.word.large()),
                tag if tag == A::TAG => Form3::First(self.word.as_thin()),
                _ => Form3::Second(self.word.as_thin()),
            }
        }
    }

    /// Its form, to be changed.
    #[inline]
    pub fn form_mut(&mut self) -> Form3Mut<'_, A, B, L> {
        // SAFETY: the tag says what the word is.
        unsafe {
            match self.word.tag() {
                LARGE => Form3Mut::Large(&mut *self.word.large()),
                tag if tag == A::TAG => Form3Mut::First(self.word.as_thin_mut()),
                _ => Form3Mut::Second(self.word.as_thin_mut()),
            }
        }
    }
}

impl<A: Thin, B: Thin, L> Drop for Compact3<A, B, L> {
    fn drop(&mut self) {
        // SAFETY: the word is owned, what its tag says, and given up here.
        unsafe {
            match self.word.tag() {
                LARGE => drop(Box::<L>::from_raw(self.word.large())),
                tag if tag == A::TAG => drop(Word(self.word.0).into_thin::<A>()),
                _ => drop(Word(self.word.0).into_thin::<B>()),
            }
        }
    }
}

impl<A: Thin + Clone, B: Thin + Clone, L: Clone> Clone for Compact3<A, B, L> {
    fn clone(&self) -> Self {
        match self.form() {
            Form3::First(small) => Self::first(small.clone()),
            Form3::Second(small) => Self::second(small.clone()),
            Form3::Large(large) => Self::large(Box::new(large.clone())),
        }
    }
}

// SAFETY: it owns an `A`, a `B` or an `L` and nothing else.
unsafe impl<A: Thin + Send, B: Thin + Send, L: Send> Send for Compact3<A, B, L> {}
// SAFETY: as above.
unsafe impl<A: Thin + Sync, B: Thin + Sync, L: Sync> Sync for Compact3<A, B, L> {}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    /// A small form that counts how many there are.
    #[repr(transparent)]
    struct Counted<const TAG: usize>(NonNull<u8>);

    impl<const TAG: usize> Counted<TAG> {
        fn new(rc: &Rc<u64>) -> Self {
            let at = Rc::into_raw(rc.clone()).cast_mut().cast::<u8>().wrapping_add(TAG);
            Self(NonNull::new(at).expect("not null"))
        }

        fn get(&self) -> u64 {
            // SAFETY: made by `Rc::into_raw`.
            unsafe { *self.0.as_ptr().wrapping_sub(TAG).cast::<u64>() }
        }
    }

    impl<const TAG: usize> Clone for Counted<TAG> {
        fn clone(&self) -> Self {
            // SAFETY: made by `Rc::into_raw`, and still owned by `self`.
            unsafe { Rc::increment_strong_count(self.0.as_ptr().wrapping_sub(TAG).cast::<u64>()) };
            Self(self.0)
        }
    }

    // SAFETY: a pointer with the tag added.
    unsafe impl<const TAG: usize> Thin for Counted<TAG> {
        const TAG: usize = TAG;
    }

    impl<const TAG: usize> Drop for Counted<TAG> {
        fn drop(&mut self) {
            // SAFETY: made by `Rc::into_raw`, given up here.
            drop(unsafe { Rc::from_raw(self.0.as_ptr().wrapping_sub(TAG).cast::<u64>()) });
        }
    }

    #[test]
    fn compact_holds_either_form_and_drops_it() {
        let rc = Rc::new(7);
        let mut value = Compact::<Counted<0>, Vec<Rc<u64>>>::small(Counted::new(&rc));
        assert!(matches!(value.form(), Form::Small(s) if s.get() == 7));
        value = Compact::large(Box::new(vec![rc.clone()]));
        assert_eq!(Rc::strong_count(&rc), 2, "the small form is gone");
        if let FormMut::Large(large) = value.form_mut() {
            large.push(rc.clone());
        }
        let copy = value.clone();
        assert_eq!(Rc::strong_count(&rc), 5, "a clone has its own");
        drop((value, copy));
        assert_eq!(Rc::strong_count(&rc), 1);
    }

    #[test]
    fn compact_of_three_forms_tells_them_apart() {
        type Three = Compact3<Counted<2>, Counted<0>, Vec<Rc<u64>>>;
        let rc = Rc::new(9);
        let all = [
            Three::first(Counted::new(&rc)),
            Three::second(Counted::new(&rc)),
            Three::large(Box::new(vec![rc.clone()])),
        ];
        assert!(matches!(all[0].form(), Form3::First(s) if s.get() == 9));
        assert!(matches!(all[1].form(), Form3::Second(s) if s.get() == 9));
        assert!(matches!(all[2].form(), Form3::Large(l) if *l[0] == 9));
        assert_eq!(size_of::<Option<Three>>(), 8);
        assert_eq!(Rc::strong_count(&rc), 4);
        drop(all);
        assert_eq!(Rc::strong_count(&rc), 1);
    }
}
