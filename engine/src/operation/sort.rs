//! SORT: the elements of a list, a set or a sorted set in order, of themselves or of other keys that they name.

mod pattern;

use std::cmp::Ordering;

use self::pattern::Pattern;
use super::list::limits;
use super::string::StringRef;
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Event, EventClass, Key, NewValue, ValueRef, View};
use crate::value::List;
use crate::value::list::{Element, Side};
use crate::value::listpack::Item;

/// How SORT sorts, and what it gives.
///
/// ```
/// use carnelian::SortOptions;
/// let dearest_three = SortOptions::new().by("price_*").descending().limit(0, 3).get("#").get("name_*");
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct SortOptions<'a> {
    by: Option<&'a [u8]>,
    keeps_order: bool,
    get: Vec<&'a [u8]>,
    limit: Option<(i64, i64)>,
    descending: bool,
    alpha: bool,
}

impl<'a> SortOptions<'a> {
    /// By the elements themselves, as numbers, the least first.
    pub fn new() -> Self {
        Self::default()
    }

    /// By the keys (`weight_*`) or hash fields (`item_*->weight`) that a pattern names, the element in the place of its
    /// first star. A pattern without a star leaves the order as it is, whatever other patterns say.
    pub fn by(mut self, pattern: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.by = Some(pattern.as_ref());
        self.keeps_order |= !pattern.as_ref().contains(&b'*');
        self
    }

    /// Gives what a pattern names instead of the element; `#` is the element. Several add up.
    pub fn get(mut self, pattern: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.get.push(pattern.as_ref());
        self
    }

    /// Gives `count` elements at most, all if it is negative, without the first `offset`.
    pub fn limit(mut self, offset: i64, count: i64) -> Self {
        self.limit = Some((offset, count));
        self
    }

    /// The least first.
    pub fn ascending(mut self) -> Self {
        self.descending = false;
        self
    }

    /// The greatest first.
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }

    /// As strings, byte by byte.
    pub fn alpha(mut self) -> Self {
        self.alpha = true;
        self
    }

    /// The first and the number of elements that are wanted of `len`.
    fn window(&self, len: usize) -> (usize, usize) {
        let Some((offset, count)) = self.limit else { return (0, len) };
        let start = usize::try_from(offset.max(0)).unwrap_or(usize::MAX).min(len);
        let count = if count < 0 { usize::MAX } else { usize::try_from(count).unwrap_or(usize::MAX) };
        (start, count.min(len - start))
    }
}

/// What an element is sorted by.
enum Weight<'v> {
    Number(f64),
    Text(Option<StringRef<'v>>),
}

/// What SORT gives, for each element in order one value, or one for each `get` pattern.
pub struct Sorted<'v, 'o> {
    view: &'v View<'v>,
    elements: Vec<StringRef<'v>>,
    get: Vec<Pattern<'o>>,
}

impl<'v> Sorted<'v, '_> {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.elements.len() * self.get.len().max(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Gives `visit` all values; nothing where a pattern names no key or field.
    pub fn for_each(&self, mut visit: impl FnMut(Option<StringRef<'v>>)) {
        for &element in &self.elements {
            if self.get.is_empty() {
                visit(Some(element));
            }
            for pattern in &self.get {
                visit(pattern.look_up(self.view, element));
            }
        }
    }
}

/// SORT without STORE. The view holds everything if there are patterns with stars. O(N log N).
///
/// # Errors
/// [`Error::WRONG_TYPE`]; an error of its own if something that is to be sorted as a number is none.
pub fn sort<'v, 'o>(view: &'v View<'_>, key: &Key<'_>, options: &SortOptions<'o>) -> Result<Sorted<'v, 'o>> {
    sort_for(view, key, options, false)
}

fn sort_for<'v, 'o>(
    view: &'v View<'_>,
    key: &Key<'_>,
    options: &SortOptions<'o>,
    stored: bool,
) -> Result<Sorted<'v, 'o>> {
    let get = options.get.iter().map(|pattern| Pattern::new(pattern)).collect();
    let (mut by, mut keeps_order, mut alpha) = (options.by.map(Pattern::new), options.keeps_order, options.alpha);
    let Some(entry) = view.get(key) else { return Ok(Sorted { view, elements: Vec::new(), get }) };
    let mut elements: Vec<StringRef<'v>> = Vec::new();
    match entry.value() {
        ValueRef::List(list) => elements.extend(list.iter().map(from_element)),
        ValueRef::Set(set) => {
            set.for_each(|item| elements.push(from_item(item)));
            if keeps_order && stored {
                // What is stored has to be the same wherever it is sorted again.
                (keeps_order, by, alpha) = (false, None, true);
            }
        }
        ValueRef::SortedSet(set) => elements.extend(set.iter().map(|(item, _)| from_item(item))),
        _ => return Err(Error::WRONG_TYPE),
    }
    let (start, count) = options.window(elements.len());
    if keeps_order {
        if options.descending && !matches!(entry.value(), ValueRef::Set(_)) {
            elements.reverse();
        }
    } else {
        elements = in_order(view, elements, by.as_ref(), alpha, options.descending)?;
    }
    elements.truncate(start + count);
    elements.drain(..start);
    Ok(Sorted { view, elements, get })
}

/// Sorts elements by what they or the keys that they name hold.
fn in_order<'v>(
    view: &'v View<'_>,
    elements: Vec<StringRef<'v>>,
    by: Option<&Pattern<'_>>,
    alpha: bool,
    descending: bool,
) -> Result<Vec<StringRef<'v>>> {
    let weigh = |element: StringRef<'v>| {
        let value = by.map_or(Some(element), |by| by.look_up(view, element));
        let weight = match value {
            value if alpha => Weight::Text(value),
            None => Weight::Number(0.0),
            Some(value) => Weight::Number(number(value)?),
        };
        Ok((weight, element))
    };
    let mut weighed = elements.into_iter().map(weigh).collect::<Result<Vec<_>>>()?;
    weighed.sort_by(|a, b| {
        let order = match (&a.0, &b.0) {
            // Equal numbers are told apart by the elements.
            (Weight::Number(x), Weight::Number(y)) => {
                x.partial_cmp(y).unwrap_or(Ordering::Equal).then_with(|| compare(a.1, b.1))
            }
            (Weight::Text(Some(x)), Weight::Text(Some(y))) => compare(*x, *y),
            (Weight::Text(x), Weight::Text(y)) => x.is_some().cmp(&y.is_some()),
            _ => Ordering::Equal,
        };
        if descending { order.reverse() } else { order }
    });
    Ok(weighed.into_iter().map(|(_, element)| element).collect())
}

fn compare(a: StringRef<'_>, b: StringRef<'_>) -> Ordering {
    a.bytes(&mut itoa::Buffer::new()).cmp(b.bytes(&mut itoa::Buffer::new()))
}

/// A string as a number to sort by: as C's `strtod` reads it, which takes nothing for 0.
fn number(value: StringRef<'_>) -> Result<f64> {
    if let StringRef::Int(n) = value {
        return Ok(n as f64);
    }
    let mut buffer = itoa::Buffer::new();
    let text = value.bytes(&mut buffer).split(|&b| b == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Ok(0.0);
    }
    num::parse_f64(num::skip_blanks(text))
        .ok_or_else(|| Error::new("ERR One or more scores can't be converted into double"))
}

fn from_element(element: Element<'_>) -> StringRef<'_> {
    match element {
        Element::Int(n) => StringRef::Int(n),
        Element::Bytes(bytes) => StringRef::Bytes(bytes),
        Element::Shared(bytes) => StringRef::Shared(bytes),
    }
}

fn from_item(item: Item<'_>) -> StringRef<'_> {
    match item {
        Item::Int(n) => StringRef::Int(n),
        Item::Bytes(bytes) => StringRef::Bytes(bytes),
    }
}

/// SORT with STORE: puts a list of what SORT gives, empty strings where it gives nothing, in place of what a key holds,
/// and says how long it is. The key goes if it would be empty. O(N log N).
///
/// # Errors
/// As for [`sort`].
pub fn sort_and_store(
    view: &mut View<'_>,
    key: &Key<'_>,
    destination: &Key<'_>,
    options: &SortOptions<'_>,
) -> Result<usize> {
    view.drop_expired(key);
    let limits = limits(view.space().settings());
    let mut list = List::default();
    // As Redis: elements go into nodes one by one, and the list becomes a listpack at the end if it is short.
    list.become_quicklist();
    let mut buffer = itoa::Buffer::new();
    sort_for(view, key, options, true)?.for_each(|value| {
        let value = value.unwrap_or(StringRef::Bytes(b""));
        list.push(Side::Right, value.bytes(&mut buffer), limits);
    });
    list.shrink(limits);
    let len = list.len();
    if len == 0 {
        super::generic::delete(view, destination);
        return Ok(0);
    }
    let values: Vec<Vec<u8>> = list.iter().map(|element| element.item().to_vec()).collect();
    view.put(destination, NewValue::Owned(list.into()), None);
    view.record_effect(|| Effect::new("DEL").arg(destination.bytes));
    view.record(destination, Event::new(EventClass::List, "sortstore"), || {
        values.iter().fold(Effect::new("RPUSH").arg(destination.bytes), Effect::arg)
    });
    Ok(len)
}
