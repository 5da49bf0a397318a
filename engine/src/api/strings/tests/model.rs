//! Strings and bitmaps as plainly as can be: bytes and a deadline for each key.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::value::bits::by_definition;
use crate::{BitOp, BitRange, Db, Expiry, Field, FieldOp, GetExpiry, Overflow, Result, SetOptions};

type Key = Vec<u8>;
type Bytes = Vec<u8>;

#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    Always,
    Missing,
    Exists,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ttl {
    Clear,
    Keep,
    In(i64),
    At(i64),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Wait(u64),
    Set(Key, Bytes, When, Ttl),
    SetIfEq(Key, Bytes, Bytes),
    SetAndGet(Key, Bytes, When, Ttl),
    GetDel(Key),
    GetEx(Key, Ttl),
    DelIfEq(Key, Bytes),
    Append(Key, Bytes),
    SetRange(Key, u64, Bytes),
    GetRange(Key, i64, i64),
    IncrBy(Key, i64),
    IncrByFloat(Key, i32),
    MSet(Vec<(Key, Bytes)>, When, Ttl),
    SetBit(Key, u64, bool),
    GetBit(Key, u64),
    BitCount(Key, Option<(i64, i64, bool)>),
    BitPos(Key, bool, Option<(i64, Option<i64>)>),
    BitOp(BitOp, Key, Vec<Key>),
    BitField(Key, Vec<(bool, u8, u64, i64, Overflow)>),
}

/// What a step gives; errors are all alike.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Got {
    Nothing,
    Error,
    Bool(bool),
    Int(i128),
    Bytes(Option<Bytes>),
    Ints(Vec<Option<i64>>),
}

pub(super) fn keys() -> Vec<Key> {
    ["a", "b", "a longer key that is not inline"].iter().map(|k| k.as_bytes().to_vec()).collect()
}

fn key() -> impl Strategy<Value = Key> {
    prop::sample::select(keys())
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        4 => prop::sample::select(vec!["", "1", "10", "-7", "9223372036854775807", "hello", "01", "2.5", "\0\u{7f}"])
            .prop_map(|s| s.as_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..60),
        1 => (any::<u8>(), 16_380..16_390usize).prop_map(|(b, n)| vec![b; n]),
    ]
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![2 => Just(When::Always), 1 => Just(When::Missing), 1 => Just(When::Exists)]
}

fn ttl() -> impl Strategy<Value = Ttl> {
    prop_oneof![
        3 => Just(Ttl::Clear),
        1 => Just(Ttl::Keep),
        3 => (-1..50i64).prop_map(Ttl::In),
        1 => (-1..200i64).prop_map(|n| Ttl::At(n + 999_950)),
        1 => prop::sample::select(vec![Ttl::In(i64::MAX), Ttl::At(i64::MAX)]),
    ]
}

fn place() -> impl Strategy<Value = i64> {
    prop_oneof![-20..20i64, prop::sample::select(vec![i64::MIN, i64::MAX, -16_385, 16_384])]
}

fn bit() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0..40u64, 1 => 0..500u64, 1 => 131_060..131_090u64]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let pairs = || prop::collection::vec((key(), bytes()), 1..4);
    let op = prop::sample::select(vec![
        BitOp::And,
        BitOp::Or,
        BitOp::Xor,
        BitOp::Not,
        BitOp::Diff,
        BitOp::Diff1,
        BitOp::AndOr,
        BitOp::One,
    ]);
    let overflow = prop::sample::select(vec![Overflow::Wrap, Overflow::Sat, Overflow::Fail]);
    let field = (any::<bool>(), 1..=16u8, bit(), -300..70_000i64, overflow);
    prop_oneof![
        2 => (1..40u64).prop_map(Step::Wait),
        3 => (key(), bytes(), when(), ttl()).prop_map(|(k, v, w, t)| Step::Set(k, v, w, t)),
        1 => (key(), bytes(), bytes()).prop_map(|(k, v, old)| Step::SetIfEq(k, v, old)),
        1 => (key(), bytes(), when(), ttl()).prop_map(|(k, v, w, t)| Step::SetAndGet(k, v, w, t)),
        1 => key().prop_map(Step::GetDel),
        2 => (key(), ttl()).prop_map(|(k, t)| Step::GetEx(k, t)),
        1 => (key(), bytes()).prop_map(|(k, v)| Step::DelIfEq(k, v)),
        2 => (key(), bytes()).prop_map(|(k, v)| Step::Append(k, v)),
        2 => (key(), prop_oneof![0..20u64, 16_370..16_400u64], bytes()).prop_map(|(k, o, v)| Step::SetRange(k, o, v)),
        1 => (key(), place(), place()).prop_map(|(k, a, b)| Step::GetRange(k, a, b)),
        2 => (key(), prop_oneof![-5..5i64, any::<i64>()]).prop_map(|(k, n)| Step::IncrBy(k, n)),
        1 => (key(), -10..10i32).prop_map(|(k, n)| Step::IncrByFloat(k, n)),
        1 => (pairs(), when(), ttl()).prop_map(|(p, w, t)| Step::MSet(p, w, t)),
        2 => (key(), bit(), any::<bool>()).prop_map(|(k, b, on)| Step::SetBit(k, b, on)),
        1 => (key(), bit()).prop_map(|(k, b)| Step::GetBit(k, b)),
        1 => (key(), prop::option::of((place(), place(), any::<bool>()))).prop_map(|(k, r)| Step::BitCount(k, r)),
        1 => (key(), any::<bool>(), prop::option::of((place(), prop::option::of(place()))))
            .prop_map(|(k, on, r)| Step::BitPos(k, on, r)),
        1 => (op, key(), prop::collection::vec(key(), 1..4)).prop_map(|(o, d, s)| Step::BitOp(o, d, s)),
        2 => (key(), prop::collection::vec(field, 1..4)).prop_map(|(k, f)| Step::BitField(k, f)),
    ]
}

fn got<T>(result: Result<T>, wrap: impl FnOnce(T) -> Got) -> Got {
    result.map_or(Got::Error, wrap)
}

fn options(when: When, ttl: Ttl) -> SetOptions<'static> {
    let options = match when {
        When::Always => SetOptions::new(),
        When::Missing => SetOptions::new().nx(),
        When::Exists => SetOptions::new().xx(),
    };
    match ttl {
        Ttl::Clear => options,
        Ttl::Keep => options.keep_ttl(),
        Ttl::In(ms) => options.px(ms),
        Ttl::At(ms) => options.px_at(ms),
    }
}

fn field_op(&(adds, width, bit, value, overflow): &(bool, u8, u64, i64, Overflow)) -> FieldOp {
    let field = Field::unsigned(width).unwrap();
    let op = if adds { FieldOp::incr_by } else { FieldOp::set };
    op(field, bit, value).overflow(overflow)
}

impl Step {
    pub(super) fn run(&self, db: &Db) -> Got {
        let int = |n: usize| Got::Int(n as i128);
        match self {
            Self::Wait(_) => Got::Nothing,
            Self::Set(k, v, w, t) => got(db.set_with(k, v, &options(*w, *t)), Got::Bool),
            Self::SetIfEq(k, v, old) => got(db.set_with(k, v, &SetOptions::new().if_eq(old)), Got::Bool),
            Self::SetAndGet(k, v, w, t) => got(db.set_and_get(k, v, &options(*w, *t)), Got::Bytes),
            Self::GetDel(k) => got(db.get_del(k), Got::Bytes),
            Self::GetEx(k, ttl) => {
                let expiry = match ttl {
                    Ttl::Clear => GetExpiry::Persist,
                    Ttl::Keep => GetExpiry::Keep,
                    Ttl::In(ms) => GetExpiry::At(Expiry::Px(*ms)),
                    Ttl::At(ms) => GetExpiry::At(Expiry::PxAt(*ms)),
                };
                got(db.get_ex(k, expiry), Got::Bytes)
            }
            Self::DelIfEq(k, v) => got(db.del_if_eq(k, v), Got::Bool),
            Self::Append(k, v) => got(db.append(k, v), int),
            Self::SetRange(k, o, v) => got(db.set_range(k, *o, v), int),
            Self::GetRange(k, a, b) => got(db.get_range(k, *a, *b), |v| Got::Bytes(Some(v))),
            Self::IncrBy(k, n) => got(db.incr_by(k, *n), |n| Got::Int(n.into())),
            Self::IncrByFloat(k, halves) => {
                got(db.incr_by_float(k, f64::from(*halves) / 2.0), |n| Got::Int((n * 2.0) as i128))
            }
            Self::MSet(pairs, w, t) => got(db.mset_ex(pairs, &options(*w, *t)), Got::Bool),
            Self::SetBit(k, b, on) => got(db.set_bit(k, *b, *on), Got::Bool),
            Self::GetBit(k, b) => got(db.get_bit(k, *b), Got::Bool),
            Self::BitCount(k, range) => {
                let range = match *range {
                    None => BitRange::default(),
                    Some((a, b, true)) => BitRange::bits(a, b),
                    Some((a, b, false)) => BitRange::bytes(a, b),
                };
                got(db.bit_count_in(k, range), |n| Got::Int(n.into()))
            }
            Self::BitPos(k, on, range) => {
                let range = match *range {
                    None => BitRange::default(),
                    Some((a, None)) => BitRange::from_byte(a),
                    Some((a, Some(b))) => BitRange::bytes(a, b),
                };
                got(db.bit_pos_in(k, *on, range), |n| Got::Int(n.map_or(-1, i128::from)))
            }
            Self::BitOp(op, dest, sources) => got(db.bit_op(*op, dest, sources), int),
            Self::BitField(k, fields) => {
                let ops: Vec<FieldOp> = fields.iter().map(field_op).collect();
                got(db.bit_field(k, &ops), Got::Ints)
            }
        }
    }
}

pub(super) struct Model {
    pub(super) now: u64,
    keys: BTreeMap<Key, (Bytes, Option<u64>)>,
}

fn bit_of(bytes: &[u8], bit: u64) -> bool {
    bytes.get(bit as usize / 8).is_some_and(|byte| byte >> (7 - bit % 8) & 1 == 1)
}

fn put_bit(bytes: &mut [u8], bit: u64, on: bool) {
    let mask = 1 << (7 - bit % 8);
    let byte = &mut bytes[bit as usize / 8];
    *byte = if on { *byte | mask } else { *byte & !mask };
}

/// A number in Redis's one spelling.
fn integer(bytes: &[u8]) -> Option<i64> {
    let n: i64 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    (n.to_string().as_bytes() == bytes).then_some(n)
}

/// A place as GETRANGE takes it.
fn at(n: i64, len: usize) -> i128 {
    let n = i128::from(n);
    if n < 0 { (n + len as i128).max(0) } else { n }
}

impl Model {
    pub(super) fn new(now: u64) -> Self {
        Self { now, keys: BTreeMap::new() }
    }

    /// All that is not past.
    pub(super) fn contents(&self) -> Vec<(Key, Bytes, Option<u64>)> {
        self.keys.iter().filter(|(_, v)| self.lives(v)).map(|(k, (v, d))| (k.clone(), v.clone(), *d)).collect()
    }

    fn lives(&self, value: &(Bytes, Option<u64>)) -> bool {
        value.1.is_none_or(|d| self.now <= d)
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Bytes> {
        self.keys.get(key).filter(|v| self.lives(v)).map(|(v, _)| v.clone())
    }

    fn deadline(&self, key: &[u8]) -> Option<u64> {
        self.keys.get(key).filter(|v| self.lives(v)).and_then(|v| v.1)
    }

    fn bytes(&self, key: &[u8]) -> Bytes {
        self.get(key).unwrap_or_default()
    }

    /// Changes a value; the deadline stays.
    fn change(&mut self, key: &[u8], bytes: Bytes) {
        let deadline = self.deadline(key);
        self.keys.insert(key.to_vec(), (bytes, deadline));
    }

    /// Absolute, or an error.
    fn absolute(&self, ttl: Ttl) -> Option<u64> {
        let ms = match ttl {
            Ttl::In(ms) if ms > 0 => i128::from(ms) + i128::from(self.now),
            Ttl::At(ms) if ms > 0 => i128::from(ms),
            _ => return None,
        };
        (ms <= i128::from(i64::MAX)).then_some(ms as u64)
    }

    fn set_all(&mut self, pairs: &[(Key, Bytes)], when: When, ttl: Ttl) -> Option<bool> {
        let to = match ttl {
            Ttl::Clear | Ttl::Keep => None,
            other => Some(self.absolute(other)?),
        };
        let fits = pairs.iter().all(|(key, _)| match when {
            When::Always => true,
            When::Missing => self.get(key).is_none(),
            When::Exists => self.get(key).is_some(),
        });
        if fits {
            for (key, value) in pairs {
                let deadline = if matches!(ttl, Ttl::Keep) { self.deadline(key) } else { to };
                self.keys.insert(key.clone(), (value.clone(), deadline));
            }
        }
        Some(fits)
    }

    pub(super) fn run(&mut self, step: &Step) -> Got {
        match step {
            Step::Wait(_) => Got::Nothing,
            Step::Set(k, v, w, t) => self.set_all(&[(k.clone(), v.clone())], *w, *t).map_or(Got::Error, Got::Bool),
            Step::MSet(pairs, w, t) => self.set_all(pairs, *w, *t).map_or(Got::Error, Got::Bool),
            Step::SetIfEq(k, v, old) => {
                let fits = self.get(k).as_ref() == Some(old);
                if fits {
                    self.keys.insert(k.clone(), (v.clone(), None));
                }
                Got::Bool(fits)
            }
            Step::SetAndGet(k, v, w, t) => {
                let old = self.get(k);
                self.set_all(&[(k.clone(), v.clone())], *w, *t).map_or(Got::Error, |_| Got::Bytes(old))
            }
            Step::GetDel(k) => {
                let old = self.get(k);
                self.keys.remove(k);
                Got::Bytes(old)
            }
            Step::GetEx(k, ttl) => self.get_ex(k, *ttl),
            Step::DelIfEq(k, v) => {
                let equal = self.get(k).as_ref() == Some(v);
                if equal {
                    self.keys.remove(k);
                }
                Got::Bool(equal)
            }
            Step::Append(k, v) => {
                let mut bytes = self.bytes(k);
                bytes.extend(v);
                self.change(k, bytes);
                Got::Int(self.bytes(k).len() as i128)
            }
            Step::SetRange(k, offset, v) => {
                let mut bytes = self.bytes(k);
                let (start, end) = (*offset as usize, *offset as usize + v.len());
                if !v.is_empty() {
                    bytes.resize(bytes.len().max(end), 0);
                    bytes[start..end].copy_from_slice(v);
                    self.change(k, bytes);
                }
                Got::Int(self.bytes(k).len() as i128)
            }
            Step::GetRange(k, a, b) => Got::Bytes(Some(self.part(k, *a, *b))),
            Step::IncrBy(k, n) => self.incr_by(k, *n),
            Step::IncrByFloat(k, halves) => self.incr_by_halves(k, *halves),
            Step::SetBit(k, bit, on) => {
                let mut bytes = self.bytes(k);
                bytes.resize(bytes.len().max(*bit as usize / 8 + 1), 0);
                let was = bit_of(&bytes, *bit);
                put_bit(&mut bytes, *bit, *on);
                self.change(k, bytes);
                Got::Bool(was)
            }
            Step::GetBit(k, bit) => Got::Bool(bit_of(&self.bytes(k), *bit)),
            Step::BitCount(k, range) => Got::Int(self.count(k, *range)),
            Step::BitPos(k, on, range) => Got::Int(self.position(k, *on, *range)),
            Step::BitOp(op, dest, sources) => self.bitop(*op, dest, sources),
            Step::BitField(k, fields) => self.fields(k, fields),
        }
    }

    fn get_ex(&mut self, key: &[u8], ttl: Ttl) -> Got {
        let Some(old) = self.get(key) else { return Got::Bytes(None) };
        let deadline = match ttl {
            Ttl::Clear => None,
            Ttl::Keep => self.deadline(key),
            other => match self.absolute(other) {
                Some(at) => Some(at),
                None => return Got::Error,
            },
        };
        if deadline.is_some_and(|d| d <= self.now && !matches!(ttl, Ttl::Keep)) {
            self.keys.remove(key);
        } else {
            self.keys.insert(key.to_vec(), (old.clone(), deadline));
        }
        Got::Bytes(Some(old))
    }

    fn part(&self, key: &[u8], a: i64, b: i64) -> Bytes {
        let bytes = self.bytes(key);
        let (start, end) = (at(a, bytes.len()), at(b, bytes.len()));
        if a < 0 && b < 0 && a > b {
            return Vec::new();
        }
        let inside = |i: usize| (start..=end).contains(&(i as i128));
        bytes.iter().enumerate().filter(|(i, _)| inside(*i)).map(|(_, b)| *b).collect()
    }

    fn incr_by(&mut self, key: &[u8], by: i64) -> Got {
        let old = self.get(key).map_or(Some(0), |v| integer(&v));
        let Some(sum) = old.and_then(|n| n.checked_add(by)) else { return Got::Error };
        self.change(key, sum.to_string().into_bytes());
        Got::Int(sum.into())
    }

    /// Whether a step is one that the model can follow: sums of halves, so small that `f64` has them exactly. Other
    /// numbers are left to the tests of the numbers themselves.
    pub(super) fn knows(&self, step: &Step) -> bool {
        let Step::IncrByFloat(key, _) = step else { return true };
        let text = self.bytes(key);
        let number = String::from_utf8_lossy(&text).parse::<f64>();
        number.is_err() || text.len() < 18 && number.is_ok_and(|n| n.abs() < 1e12 && (n * 2.0).fract() == 0.0)
    }

    fn incr_by_halves(&mut self, key: &[u8], by: i32) -> Got {
        let text = self.get(key).unwrap_or_else(|| b"0".to_vec());
        let text = String::from_utf8_lossy(&text).into_owned();
        let Ok(n) = text.parse::<f64>() else { return Got::Error };
        let sum = n + f64::from(by) / 2.0;
        self.change(key, sum.to_string().into_bytes());
        Got::Int((sum * 2.0) as i128)
    }

    fn count(&self, key: &[u8], range: Option<(i64, i64, bool)>) -> i128 {
        let bytes = self.bytes(key);
        let ones = |bytes: &[u8]| bytes.iter().map(|b| i128::from(b.count_ones())).sum();
        match range {
            None => ones(&bytes),
            Some((a, b, false)) => ones(&self.part(key, a, b)),
            Some((a, b, true)) if a < 0 && b < 0 && a > b => 0,
            Some((a, b, true)) => {
                let (start, end) = (at(a, bytes.len() * 8), at(b, bytes.len() * 8));
                (0..bytes.len() as u64 * 8)
                    .filter(|&i| bit_of(&bytes, i) && (start..=end).contains(&i128::from(i)))
                    .count() as i128
            }
        }
    }

    fn position(&self, key: &[u8], on: bool, range: Option<(i64, Option<i64>)>) -> i128 {
        let Some(bytes) = self.get(key) else { return if on { -1 } else { 0 } };
        let (a, b) = range.unwrap_or((0, None));
        let (start, end) = (at(a, bytes.len()), at(b.unwrap_or(-1), bytes.len()).min(bytes.len() as i128 - 1));
        let found = (0..bytes.len() as u64 * 8)
            .find(|&i| bit_of(&bytes, i) == on && (start..=end).contains(&(i128::from(i) / 8)));
        match found {
            Some(i) => i.into(),
            None if !on && b.is_none() && start <= end => bytes.len() as i128 * 8,
            None => -1,
        }
    }

    fn bitop(&mut self, op: BitOp, dest: &[u8], sources: &[Key]) -> Got {
        match op {
            BitOp::Not if sources.len() != 1 => return Got::Error,
            BitOp::Diff | BitOp::Diff1 | BitOp::AndOr if sources.len() < 2 => return Got::Error,
            _ => {}
        }
        let all: Vec<Bytes> = sources.iter().map(|k| self.bytes(k)).collect();
        let len = all.iter().map(Vec::len).max().unwrap_or(0);
        let mut result = vec![0; len];
        for bit in 0..len as u64 * 8 {
            let first = bit_of(&all[0], bit);
            let set = all.iter().filter(|s| bit_of(s, bit)).count();
            let on = by_definition(op, first, set, all.len());
            put_bit(&mut result, bit, on);
        }
        self.keys.remove(dest);
        if len > 0 {
            self.keys.insert(dest.to_vec(), (result, None));
        }
        Got::Int(len as i128)
    }

    /// Unsigned fields, bit by bit.
    fn fields(&mut self, key: &[u8], fields: &[(bool, u8, u64, i64, Overflow)]) -> Got {
        let mut bytes = self.bytes(key);
        let needed = fields.iter().map(|f| (f.2 + u64::from(f.1) - 1) / 8 + 1).max().unwrap_or(0);
        bytes.resize(bytes.len().max(needed as usize), 0);
        let mut results = Vec::new();
        for &(adds, width, bit, value, overflow) in fields {
            let size = 1i128 << width;
            let old = (0..u64::from(width)).fold(0, |n, i| n * 2 + i128::from(bit_of(&bytes, bit + i)));
            // A negative number is stored as the huge one with the same bits.
            let wanted = if adds { old + i128::from(value) } else { i128::from(value as u64) };
            let new = match overflow {
                _ if (0..size).contains(&wanted) => wanted,
                Overflow::Wrap => wanted.rem_euclid(size),
                Overflow::Sat => wanted.clamp(0, size - 1),
                Overflow::Fail => {
                    results.push(None);
                    continue;
                }
            };
            for i in 0..u64::from(width) {
                put_bit(&mut bytes, bit + i, new >> (u64::from(width) - 1 - i) & 1 == 1);
            }
            results.push(Some(if adds { new as i64 } else { old as i64 }));
        }
        self.change(key, bytes);
        Got::Ints(results)
    }
}
