//! Patterns that name keys and fields of hashes.

use crate::keyspace::{ValueRef, View};
use crate::operation::string::StringRef;

use super::from_item;

/// A key, with an element in the place of its star, or a field of the hash at such a key.
pub(super) enum Pattern<'a> {
    /// The element itself.
    Element,
    /// Nothing: there is no star.
    Constant,
    /// What is before the star, what is behind it, and the field.
    Key(&'a [u8], &'a [u8], Option<&'a [u8]>),
}

impl<'a> Pattern<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        if text == b"#" {
            return Self::Element;
        }
        let Some((before, rest)) = split_at(text, b"*") else { return Self::Constant };
        // An arrow with nothing behind it is part of the key.
        match split_at(rest, b"->").filter(|(_, field)| !field.is_empty()) {
            Some((behind, field)) => Self::Key(before, behind, Some(field)),
            None => Self::Key(before, rest, None),
        }
    }

    /// What the pattern names for an element. The view holds all stripes.
    pub(super) fn look_up<'v>(&self, view: &'v View<'_>, element: StringRef<'v>) -> Option<StringRef<'v>> {
        let (before, behind, field) = match self {
            Self::Element => return Some(element),
            Self::Constant => return None,
            Self::Key(before, behind, field) => (*before, *behind, *field),
        };
        let mut buffer = itoa::Buffer::new();
        let name = [before, element.bytes(&mut buffer), behind].concat();
        let entry = view.get(&view.key(&name))?;
        match (entry.value(), field) {
            (ValueRef::Hash(hash), Some(field)) => hash.get(field, view.now()).map(from_item),
            (_, Some(_)) => None,
            (_, None) => entry.string().ok(),
        }
    }
}

/// What is in front of the first `mark`, and what is behind it.
fn split_at<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_taken_apart() {
        let key = |text: &'static str| match Pattern::new(text.as_bytes()) {
            Pattern::Key(a, b, field) => Some((a, b, field)),
            _ => None,
        };
        assert_eq!(key("weight_*"), Some((&b"weight_"[..], &b""[..], None)));
        assert_eq!(key("*"), Some((&b""[..], &b""[..], None)));
        assert_eq!(key("a*b*c->d->e"), Some((&b"a"[..], &b"b*c"[..], Some(&b"d->e"[..]))));
        assert_eq!(key("a*->"), Some((&b"a"[..], &b"->"[..], None)));
        assert_eq!(key("a->b*"), Some((&b"a->b"[..], &b""[..], None)));
        assert!(matches!(Pattern::new(b"nosort"), Pattern::Constant));
        assert!(matches!(Pattern::new(b"#"), Pattern::Element));
    }
}
