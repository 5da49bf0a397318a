//! Quicklists: long lists as a row of listpacks.
//!
//! The row is one vector with both ends open, sixteen bytes a node, so that the way to an index goes through memory in
//! one piece and not from node to node. Nodes split, and merge with their neighbours, as those of Redis do.
//!
//! Invariant: no node is empty; `len` is the sum of the nodes' counts and `heap` of their allocations.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Elements, Limits, Needle, Side, insert_at, remove_from};
use crate::value::listpack::{Listpack, Pos};
use crate::value::{shared_bytes, size_class};

/// A part of a quicklist.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Some elements, and how many.
    Pack(Listpack, u32),
    /// One element that is too long for a listpack.
    Plain(Arc<Vec<u8>>),
}

impl Node {
    fn pack(pack: Listpack) -> Self {
        let count = pack.len() as u32;
        Self::Pack(pack, count)
    }

    fn one(text: &[u8], limits: Limits) -> Self {
        if limits.is_large(text.len()) {
            return Self::Plain(Arc::new(text.to_vec()));
        }
        let mut pack = Listpack::new();
        pack.push_back(text);
        Self::Pack(pack, 1)
    }

    fn len(&self) -> usize {
        match self {
            Self::Pack(_, count) => *count as usize,
            Self::Plain(_) => 1,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Pack(pack, _) => pack.bytes(),
            Self::Plain(text) => shared_bytes(text),
        }
    }

    fn has_room(&self, len: usize, limits: Limits) -> bool {
        match self {
            Self::Pack(pack, count) => !limits.is_large(len) && limits.has_room(pack.size(), *count as usize, len),
            Self::Plain(_) => false,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Quicklist {
    nodes: VecDeque<Node>,
    len: usize,
    heap: usize,
}

impl Quicklist {
    /// A quicklist of one node, or of none if there is nothing in it.
    pub(super) fn from_listpack(pack: Listpack) -> Self {
        let mut list = Self::default();
        if !pack.is_empty() {
            list.put_node(0, Node::pack(pack));
        }
        list
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of all allocations but its own.
    pub(super) fn bytes(&self) -> usize {
        self.heap + size_class(self.nodes.capacity() * size_of::<Node>())
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = Result<&Listpack, &[u8]>> {
        self.nodes.iter().map(|node| match node {
            Node::Pack(pack, _) => Ok(pack),
            Node::Plain(text) => Err(&text[..]),
        })
    }

    /// The one listpack that is left, if it is small enough to be all.
    pub(super) fn take_if_small(&mut self, limits: Limits) -> Option<Listpack> {
        match self.nodes.make_contiguous() {
            [] => Some(Listpack::new()),
            [Node::Pack(pack, _)] if limits.is_small(pack.size(), self.len) => Some(std::mem::take(pack)),
            _ => None,
        }
    }

    pub(super) fn push(&mut self, side: Side, text: &[u8], limits: Limits) {
        let at = if side == Side::Left { 0 } else { self.nodes.len().saturating_sub(1) };
        if self.nodes.get(at).is_some_and(|node| node.has_room(text.len(), limits)) {
            self.edit(at, |pack| if side == Side::Left { pack.push_front(text) } else { pack.push_back(text) });
        } else {
            let at = if side == Side::Left { 0 } else { self.nodes.len() };
            self.put_node(at, Node::one(text, limits));
        }
    }

    pub(super) fn walk(&self, skip: usize, from: Side) -> Elements<'_> {
        if skip >= self.len {
            return Elements::of_nodes(Default::default(), 0, from);
        }
        let (node, offset) = match from {
            Side::Left => self.locate(skip),
            Side::Right => {
                let (node, offset) = self.locate(self.len - 1 - skip);
                (node, self.nodes.get(node).map_or(0, |node| node.len() - 1 - offset))
            }
        };
        let nodes = if from == Side::Left { self.nodes.range(node..) } else { self.nodes.range(..=node) };
        Elements::of_nodes(nodes, offset, from)
    }

    pub(super) fn set(&mut self, index: usize, text: &[u8], limits: Limits) {
        let (at, offset) = self.locate(index);
        match self.nodes.get(at) {
            Some(Node::Pack(..)) if !limits.is_large(text.len()) => {
                self.edit(at, |pack| {
                    if let Some(pos) = pack.seek(offset as isize) {
                        pack.replace(pos, text);
                    }
                });
            }
            Some(Node::Plain(_)) if limits.is_large(text.len()) => {
                self.take_node(at);
                self.put_node(at, Node::one(text, limits));
            }
            Some(Node::Plain(_)) => {
                // A neighbour may have room for what is now short.
                self.insert_at(at, 0, true, text, limits);
                self.take_node(at);
            }
            Some(Node::Pack(..)) => {
                let before = self.nodes.len();
                self.insert_at(at, offset, true, text, limits);
                // The old one is still where it was: what is new lies behind it, in a node of its own.
                debug_assert!(self.nodes.len() > before);
                self.remove_in_node(at, offset, 1);
            }
            None => {}
        }
    }

    pub(super) fn insert(&mut self, pivot: &[u8], behind: bool, text: &[u8], limits: Limits) -> bool {
        for at in 0..self.nodes.len() {
            match self.nodes.get(at) {
                Some(Node::Plain(own)) if own[..] == *pivot => {
                    self.insert_at(at, 0, behind, text, limits);
                    return true;
                }
                Some(Node::Pack(pack, _)) => {
                    if let Some(pos) = pack.first().and_then(|first| pack.find(first, pivot, 0)) {
                        if self.nodes.get(at).is_some_and(|node| node.has_room(text.len(), limits)) {
                            self.edit(at, |pack| insert_at(pack, pos, behind, text));
                        } else {
                            let offset = index_of(pack, pos);
                            self.insert_at(at, offset, behind, text, limits);
                        }
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }

    /// Adds an element beside the one at `offset` of a node: into the node, into its neighbour, or between the two
    /// halves that the node is cut into.
    fn insert_at(&mut self, at: usize, offset: usize, behind: bool, text: &[u8], limits: Limits) {
        let Some(node) = self.nodes.get(at) else { return };
        let (len, count) = (text.len(), node.len());
        if node.has_room(len, limits) {
            self.edit(at, |pack| {
                if let Some(pos) = pack.seek(offset as isize) {
                    insert_at(pack, pos, behind, text);
                }
            });
            return;
        }
        let room = |at: Option<usize>| at.and_then(|at| self.nodes.get(at)).is_some_and(|n| n.has_room(len, limits));
        let at_edge = if behind { offset + 1 == count } else { offset == 0 };
        if at_edge && behind && room(at.checked_add(1)) {
            self.edit(at + 1, |pack| pack.push_front(text));
        } else if at_edge && !behind && room(at.checked_sub(1)) {
            self.edit(at - 1, |pack| pack.push_back(text));
        } else if at_edge {
            self.put_node(if behind { at + 1 } else { at }, Node::one(text, limits));
        } else {
            self.insert_between(at, if behind { offset + 1 } else { offset }, behind, text, limits);
        }
    }

    /// Cuts a node in two in front of the element at `offset`, and puts another one between the halves.
    fn insert_between(&mut self, at: usize, offset: usize, behind: bool, text: &[u8], limits: Limits) {
        let tail = self.edit(at, |pack| pack.seek(offset as isize).map(|pos| pack.split_off(pos)));
        let Some(Some(tail)) = tail else { return };
        self.put_node(at + 1, Node::pack(tail));
        if limits.is_large(text.len()) {
            self.put_node(at + 1, Node::one(text, limits));
        } else if behind {
            self.edit(at + 1, |pack| pack.push_front(text));
        } else {
            self.edit(at, |pack| pack.push_back(text));
        }
        if !limits.is_large(text.len()) {
            // The half that Redis keeps is the one that did not get the element.
            self.merge_around(if behind { at } else { at + 1 }, limits);
        }
    }

    pub(super) fn remove_range(&mut self, index: usize, count: usize) {
        let mut left = count.min(self.len.saturating_sub(index));
        if left == 0 {
            return;
        }
        let (mut at, mut offset) = self.locate(index);
        while left > 0 {
            let Some(node) = self.nodes.get(at) else { return };
            let len = node.len();
            let here = left.min(len - offset);
            left -= here;
            self.remove_in_node(at, offset, here);
            if here < len {
                at += 1;
            }
            offset = 0;
        }
    }

    pub(super) fn remove(&mut self, text: &[u8], most: usize, from: Side) -> usize {
        let needle = Needle::new(text);
        let (mut removed, mut steps) = (0, self.nodes.len());
        let mut at = if from == Side::Left { 0 } else { steps };
        while removed < most && steps > 0 {
            steps -= 1;
            if from == Side::Right {
                at -= 1;
            }
            let len = self.nodes.len();
            match self.nodes.get(at) {
                Some(Node::Plain(own)) => {
                    if own[..] == *text {
                        self.take_node(at);
                        removed += 1;
                    }
                }
                _ => removed += self.edit(at, |pack| remove_from(pack, needle, most - removed, from)).unwrap_or(0),
            }
            if from == Side::Left && self.nodes.len() == len {
                at += 1;
            }
        }
        removed
    }

    /// The node of an index that is there, and the place in it. From the nearer end.
    fn locate(&self, index: usize) -> (usize, usize) {
        if index < self.len / 2 {
            let mut left = index;
            for (at, node) in self.nodes.iter().enumerate() {
                if left < node.len() {
                    return (at, left);
                }
                left -= node.len();
            }
        } else {
            let mut end = self.len;
            for (at, node) in self.nodes.iter().enumerate().rev() {
                end -= node.len();
                if index >= end {
                    return (at, index - end);
                }
            }
        }
        (self.nodes.len(), 0)
    }

    fn remove_in_node(&mut self, at: usize, offset: usize, count: usize) {
        match self.nodes.get(at) {
            Some(node) if offset == 0 && count >= node.len() => {
                self.take_node(at);
            }
            _ => {
                self.edit(at, |pack| pack.remove_range(offset, count));
            }
        }
    }

    /// Changes the listpack of a node, which goes if it is empty afterwards.
    #[inline]
    fn edit<R>(&mut self, at: usize, change: impl FnOnce(&mut Listpack) -> R) -> Option<R> {
        let Some(Node::Pack(pack, count)) = self.nodes.get_mut(at) else { return None };
        let bytes = pack.bytes();
        let result = change(pack);
        let new = pack.len() as u32;
        self.heap = self.heap - bytes + pack.bytes();
        self.len = self.len - *count as usize + new as usize;
        *count = new;
        if new == 0 {
            self.take_node(at);
        }
        Some(result)
    }

    fn put_node(&mut self, at: usize, node: Node) {
        self.len += node.len();
        self.heap += node.bytes();
        self.nodes.insert(at, node);
    }

    fn take_node(&mut self, at: usize) -> Option<Node> {
        let node = self.nodes.remove(at)?;
        self.len -= node.len();
        self.heap -= node.bytes();
        if self.nodes.len() < self.nodes.capacity() / 4 {
            self.nodes.shrink_to(self.nodes.len() * 2);
        }
        Some(node)
    }

    /// Merges nodes around one that was cut, where two together are not too large: first those beside it, then itself.
    fn merge_around(&mut self, center: usize, limits: Limits) {
        let mut center = center;
        if center >= 2 && self.merge(center - 2, limits) {
            center -= 1;
        }
        self.merge(center + 1, limits);
        if center >= 1 && self.merge(center - 1, limits) {
            center -= 1;
        }
        self.merge(center, limits);
    }

    /// Merges a node with the next one, if they are there and fit.
    fn merge(&mut self, at: usize, limits: Limits) -> bool {
        match (self.nodes.get(at), self.nodes.get(at + 1)) {
            (Some(Node::Pack(a, m)), Some(Node::Pack(b, n)))
                if !limits.exceeded(a.size() + b.size() - 7, (m + n) as usize) => {}
            _ => return false,
        }
        if let Some(Node::Pack(next, _)) = self.take_node(at + 1) {
            self.edit(at, |pack| pack.append(&next));
        }
        true
    }
}

/// How many entries are in front of one.
fn index_of(pack: &Listpack, pos: Pos) -> usize {
    let mut index = 0;
    let mut next = pack.first();
    while let Some(at) = next
        && at < pos
    {
        index += 1;
        next = pack.next(at);
    }
    index
}
