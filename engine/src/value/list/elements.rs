//! Walking through a list from one of its sides.

use std::collections::vec_deque;
use std::sync::Arc;

use super::quicklist::Node;
use super::{Element, Side};
use crate::value::listpack::{Iter, Listpack};

/// The elements of a list from one side on. See [`List::walk`](super::List::walk).
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    /// What is left of the node at hand.
    here: Iter<'a>,
    /// The node at hand is one element.
    plain: Option<&'a Arc<Vec<u8>>>,
    /// The nodes that are left.
    rest: vec_deque::Iter<'a, Node>,
    from: Side,
}

/// The entries of a listpack from one side on, without the first `skip`.
fn cut(pack: &Listpack, skip: usize, from: Side) -> Iter<'_> {
    match (skip, isize::try_from(skip), from) {
        (0, _, _) => pack.iter(),
        (_, Ok(skip), Side::Left) => pack.seek(skip).map_or_else(Iter::default, |pos| pack.iter_at(pos)),
        (_, Ok(skip), Side::Right) => pack.seek(!skip).map_or_else(Iter::default, |pos| pack.iter_to(pos)),
        (_, Err(_), _) => Iter::default(),
    }
}

impl<'a> Elements<'a> {
    pub(super) fn of_pack(pack: &'a Listpack, skip: usize, from: Side) -> Self {
        Self { here: cut(pack, skip, from), plain: None, rest: vec_deque::Iter::default(), from }
    }

    /// The nodes `rest`, of which the first, seen from the side, lacks its first `skip` elements.
    pub(super) fn of_nodes(rest: vec_deque::Iter<'a, Node>, skip: usize, from: Side) -> Self {
        let mut this = Self { here: Iter::default(), plain: None, rest, from };
        match this.next_node() {
            Some(Node::Pack(pack, _)) => this.here = cut(pack, skip, from),
            Some(Node::Plain(plain)) => this.plain = (skip == 0).then_some(plain),
            None => {}
        }
        this
    }

    fn next_node(&mut self) -> Option<&'a Node> {
        if self.from == Side::Left { self.rest.next() } else { self.rest.next_back() }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            let item = if self.from == Side::Left { self.here.next() } else { self.here.next_back() };
            if let Some(item) = item {
                return Some(item.into());
            }
            if let Some(plain) = self.plain.take() {
                return Some(Element::Shared(plain));
            }
            match self.next_node()? {
                Node::Pack(pack, _) => self.here = pack.iter(),
                Node::Plain(plain) => self.plain = Some(plain),
            }
        }
    }
}
