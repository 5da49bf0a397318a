//! Integers of any width at any bit of a string, as `BITFIELD` has them.
//!
//! A field holds no value outside its range, whatever is stored into it. All sums are done in 128 bits, where nothing can
//! overflow, and brought into range afterwards.

use crate::codec::num::parse_i64;

/// What happens to a value that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The high bits are lost.
    Wrap,
    /// The nearest value that fits is taken.
    Sat,
    /// Nothing is changed.
    Fail,
}

/// The type of a field: `i1` to `i64`, `u1` to `u63`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    signed: bool,
    width: u8,
}

impl Field {
    /// A signed field of 1 to 64 bits.
    pub fn signed(width: u8) -> Option<Field> {
        (1..=64).contains(&width).then_some(Field { signed: true, width })
    }

    /// An unsigned field of 1 to 63 bits.
    pub fn unsigned(width: u8) -> Option<Field> {
        (1..=63).contains(&width).then_some(Field { signed: false, width })
    }

    /// Reads a type as `BITFIELD` spells it: `i8`, `u63`.
    pub fn parse(text: &[u8]) -> Option<Field> {
        let (kind, width) = text.split_first()?;
        let width = u8::try_from(parse_i64(width)?).ok()?;
        match kind {
            b'i' => Field::signed(width),
            b'u' => Field::unsigned(width),
            _ => None,
        }
    }

    /// How many bits wide it is.
    pub fn width(self) -> u8 {
        self.width
    }

    /// How long a string must be to hold the field at that bit.
    pub fn bytes_needed(self, bit: u64) -> Option<u64> {
        Some(bit.checked_add(u64::from(self.width) - 1)? / 8 + 1)
    }

    /// The field's value; what lies beyond the end of the string reads as zero.
    pub fn get(self, bytes: &[u8], bit: u64) -> i64 {
        let window = Window::at(bit);
        let raw = window.read(bytes) >> self.shift(bit) & self.mask();
        self.wrap(raw as i128) as i64
    }

    /// Stores a value and returns the old one, or changes nothing and returns nothing if it does not fit and must.
    ///
    /// An unsigned field takes a negative value for the huge number with the same bits. The string must be long enough;
    /// bits beyond its end are dropped.
    pub fn set(self, bytes: &mut [u8], bit: u64, value: i64, overflow: Overflow) -> Option<i64> {
        let value = if self.signed { i128::from(value) } else { i128::from(value as u64) };
        let value = match self.fit(value, overflow)? {
            // Redis works out how far the value is below the greatest one in 64 bits. Where that overflows it takes the
            // value for too great instead of too small.
            _ if overflow == Overflow::Sat
                && self.signed
                && self.width < 64
                && self.max() - value > i128::from(i64::MAX) =>
            {
                self.max() as i64
            }
            fitted => fitted,
        };
        let old = self.get(bytes, bit);
        self.put(bytes, bit, value);
        Some(old)
    }

    /// Adds to the value and returns the new one, or changes nothing and returns nothing if it does not fit and must.
    pub fn incr_by(self, bytes: &mut [u8], bit: u64, by: i64, overflow: Overflow) -> Option<i64> {
        let value = self.fit(i128::from(self.get(bytes, bit)) + i128::from(by), overflow)?;
        self.put(bytes, bit, value);
        Some(value)
    }

    fn put(self, bytes: &mut [u8], bit: u64, value: i64) {
        let (window, shift) = (Window::at(bit), self.shift(bit));
        let others = window.read(bytes) & !(self.mask() << shift);
        window.write(bytes, others | (value as u128 & self.mask()) << shift);
    }

    fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = (self.min(), self.max());
        let fitted = match overflow {
            _ if (min..=max).contains(&value) => value,
            Overflow::Wrap => self.wrap(value),
            Overflow::Sat => value.clamp(min, max),
            Overflow::Fail => return None,
        };
        // Every field's range lies within that of i64.
        Some(fitted as i64)
    }

    fn min(self) -> i128 {
        if self.signed { -1 << (self.width - 1) } else { 0 }
    }

    fn max(self) -> i128 {
        self.min() + self.mask() as i128
    }

    /// Keeps the low bits, the highest of them as the sign if there is one.
    fn wrap(self, value: i128) -> i128 {
        let unused = 128 - u32::from(self.width);
        if self.signed { value << unused >> unused } else { value & self.mask() as i128 }
    }

    fn mask(self) -> u128 {
        (1 << self.width) - 1
    }

    /// How far the field is from the low end of its window.
    fn shift(self, bit: u64) -> u32 {
        128 - (bit % 8) as u32 - u32::from(self.width)
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.signed { 'i' } else { 'u' }, self.width)
    }
}

/// Sixteen bytes as one number, starting with the byte that a field starts in: no field reaches beyond the ninth.
struct Window {
    start: Option<usize>,
}

impl Window {
    fn at(bit: u64) -> Window {
        Window { start: usize::try_from(bit / 8).ok() }
    }

    fn read(&self, bytes: &[u8]) -> u128 {
        let mut buffer = [0; 16];
        let there = self.start.and_then(|start| bytes.get(start..)).unwrap_or_default();
        buffer.iter_mut().zip(there).for_each(|(to, from)| *to = *from);
        u128::from_be_bytes(buffer)
    }

    fn write(&self, bytes: &mut [u8], value: u128) {
        let there = self.start.and_then(|start| bytes.get_mut(start..)).unwrap_or_default();
        there.iter_mut().zip(value.to_be_bytes()).for_each(|(to, from)| *to = from);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{get_bit, set_bit};
    use super::*;
    use proptest::prelude::*;

    /// Asked of Redis 7.0.15.
    #[test]
    fn overflows_like_redis() {
        for (field, value, overflow, old, stored) in [
            ("u8", -1, Overflow::Wrap, Some(0), &[0xff][..]),
            ("u8", -300, Overflow::Sat, Some(0), &[0xff]),
            ("u8", -1, Overflow::Fail, None, &[0]),
            ("i8", -300, Overflow::Sat, Some(0), &[0x80]),
            ("i8", 300, Overflow::Sat, Some(0), &[0x7f]),
            ("i8", i64::MIN + 128, Overflow::Sat, Some(0), &[0x80]),
            ("i8", i64::MIN + 127, Overflow::Sat, Some(0), &[0x7f]),
            ("u63", -1, Overflow::Sat, Some(0), &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]),
        ] {
            let mut bytes = vec![0; stored.len()];
            let result = Field::parse(field.as_bytes()).and_then(|f| f.set(&mut bytes, 0, value, overflow));
            assert_eq!((result, bytes.as_slice()), (old, stored), "{field} {value} {overflow:?}");
        }
    }

    #[test]
    fn types() {
        for text in ["u1", "u63", "i1", "i64"] {
            assert!(Field::parse(text.as_bytes()).is_some(), "{text}");
        }
        for text in
            ["", "u", "u0", "u64", "i0", "i65", "U8", "I8", "u08", "u+8", "u 8", "8", "u-1", "u8 ", "u264", "u256"]
        {
            assert_eq!(Field::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn far_away() {
        let field = Field { signed: true, width: 64 };
        assert_eq!(field.bytes_needed(0), Some(8));
        assert_eq!(field.bytes_needed(1), Some(9));
        assert_eq!(field.bytes_needed(u64::MAX - 63), Some(1 << 61));
        assert_eq!(field.bytes_needed(u64::MAX - 62), None);
        assert_eq!(field.get(b"abc", u64::MAX), 0);
        assert_eq!(field.set(&mut [], u64::MAX, 1, Overflow::Wrap), Some(0));
    }

    fn field() -> impl Strategy<Value = Field> {
        (any::<bool>(), 1..=64u8).prop_map(|(signed, width)| Field { signed, width: width.min(63 + u8::from(signed)) })
    }

    /// Values at the ends of ranges, where overflow happens.
    fn value() -> impl Strategy<Value = i64> {
        let edge = (0..=63u32, -2..=2i64, any::<bool>()).prop_map(|(shift, near, negative)| {
            let power = 1i64.wrapping_shl(shift).wrapping_add(near);
            if negative { power.wrapping_neg() } else { power }
        });
        prop_oneof![edge, any::<i64>(), -3..=3i64]
    }

    /// The field's bits one at a time, then the two's complement by arithmetic.
    fn model_get(field: Field, bytes: &[u8], bit: u64) -> i128 {
        let raw = (0..u64::from(field.width)).fold(0, |raw, i| raw * 2 + i128::from(get_bit(bytes, bit + i)));
        let sign = 1i128 << (field.width - 1);
        if field.signed && raw >= sign { raw - 2 * sign } else { raw }
    }

    fn model_fit(field: Field, value: i128, overflow: Overflow) -> Option<i128> {
        let size = 1i128 << field.width;
        let min = if field.signed { -size / 2 } else { 0 };
        match overflow {
            _ if value >= min && value < min + size => Some(value),
            Overflow::Wrap => Some((value - min).rem_euclid(size) + min),
            Overflow::Sat => Some(if value < min { min } else { min + size - 1 }),
            Overflow::Fail => None,
        }
    }

    fn model_put(field: Field, bytes: &[u8], bit: u64, value: i128) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for i in 0..u64::from(field.width) {
            if bit + i < bytes.len() as u64 * 8 {
                set_bit(&mut bytes, bit + i, value >> (u64::from(field.width) - 1 - i) & 1 == 1);
            }
        }
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn agrees_with_the_model(
            field in field(),
            bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(0xff), any::<u8>()], 0..20),
            bit in 0..180u64,
            value in value(),
            overflow in prop_oneof![Just(Overflow::Wrap), Just(Overflow::Sat), Just(Overflow::Fail)],
        ) {
            let old = model_get(field, &bytes, bit);
            prop_assert_eq!(i128::from(field.get(&bytes, bit)), old);

            let mut set = bytes.clone();
            let given = if field.signed { i128::from(value) } else { i128::from(value as u64) };
            let mut fitted = model_fit(field, given, overflow);
            if field.signed && field.width < 64 && overflow == Overflow::Sat && value < i64::MIN + (1 << (field.width - 1)) {
                fitted = Some((1 << (field.width - 1)) - 1);
            }
            prop_assert_eq!(field.set(&mut set, bit, value, overflow).map(i128::from), fitted.map(|_| old));
            prop_assert_eq!(set, fitted.map_or_else(|| bytes.clone(), |v| model_put(field, &bytes, bit, v)));

            let mut added = bytes.clone();
            let fitted = model_fit(field, old + i128::from(value), overflow);
            prop_assert_eq!(field.incr_by(&mut added, bit, value, overflow).map(i128::from), fitted);
            prop_assert_eq!(added, fitted.map_or_else(|| bytes.clone(), |v| model_put(field, &bytes, bit, v)));
        }
    }
}
