//! Bitmaps.

use super::{Db, Scope};
use crate::error::Result;
use crate::keyspace::{Access, Key};
use crate::operation::bitmap::{self, BitOp, BitRange, FieldOp};

/// Strings as rows of bits; bit 0 is the highest of the first byte.
///
/// ```
/// # use carnelian::{BitOp, Engine, Options};
/// let db = Engine::open(Options::new())?.db(0)?;
/// db.set_bit("monday", 7, true)?;
/// db.set_bit("tuesday", 7, true)?;
/// db.set_bit("tuesday", 9, true)?;
/// db.bit_op(BitOp::And, "both", &["monday", "tuesday"])?;
/// assert_eq!(db.bit_count("both")?, 1);
/// # Ok::<(), carnelian::Error>(())
/// ```
impl<S: Scope> Db<S> {
    /// One bit; false beyond the end of the string. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE), so for all of these methods; an error if the bit lies beyond the
    /// longest string that may be.
    pub fn get_bit(&self, key: impl AsRef<[u8]>, bit: u64) -> Result<bool> {
        self.read(key.as_ref(), |view, key| bitmap::get_bit(view, key, bit))
    }

    /// Sets or clears a bit and returns what it was. The string grows as needed. O(1).
    ///
    /// # Errors
    /// As for [`get_bit`](Self::get_bit); [`OUT_OF_MEMORY`](crate::Error::OUT_OF_MEMORY), so for all methods that may
    /// need more memory.
    pub fn set_bit(&self, key: impl AsRef<[u8]>, bit: u64, on: bool) -> Result<bool> {
        self.write(key.as_ref(), |view, key| bitmap::set_bit(view, key, bit, on))
    }

    /// How many bits are set. O(length).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn bit_count(&self, key: impl AsRef<[u8]>) -> Result<u64> {
        self.bit_count_in(key, BitRange::default())
    }

    /// How many bits of a part are set. O(length of the part).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn bit_count_in(&self, key: impl AsRef<[u8]>, range: BitRange) -> Result<u64> {
        self.read(key.as_ref(), |view, key| bitmap::count(view, key, range))
    }

    /// The first bit that is set, or clear; a clear one is found behind the last byte if nowhere else. O(length).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn bit_pos(&self, key: impl AsRef<[u8]>, on: bool) -> Result<Option<u64>> {
        self.bit_pos_in(key, on, BitRange::default())
    }

    /// The first bit of a part that is set, or clear. If the part has no end, a clear one is found behind the last byte
    /// of the string. O(length of the part).
    ///
    /// ```
    /// # use carnelian::{BitRange, Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.set("bits", [0xff, 0xff])?;
    /// assert_eq!(db.bit_pos_in("bits", false, BitRange::from_byte(1))?, Some(16));
    /// assert_eq!(db.bit_pos_in("bits", false, BitRange::bytes(1, -1))?, None);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn bit_pos_in(&self, key: impl AsRef<[u8]>, on: bool, range: BitRange) -> Result<Option<u64>> {
        self.read(key.as_ref(), |view, key| bitmap::position(view, key, on, range))
    }

    /// Combines strings bit by bit, stores the result and returns its length. O(length of all).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE) if a source is no string; an error if the operation takes another
    /// number of sources.
    pub fn bit_op(&self, op: BitOp, dest: impl AsRef<[u8]>, sources: &[impl AsRef<[u8]>]) -> Result<usize> {
        let space = self.space();
        let mut keys: Vec<Key<'_>> = sources.iter().map(|key| space.key(key.as_ref())).collect();
        let dest = space.key(dest.as_ref());
        keys.push(dest);
        self.on_keys(Access::Write, &keys, |view| bitmap::bitop(view, op, &dest, &keys[..sources.len()]))
    }

    /// Reads, sets and adds to integers of any width within a string, and gives what each step yields: the value, the
    /// old value, the sum, or nothing if the step failed by overflow. O(steps).
    ///
    /// ```
    /// # use carnelian::{Engine, Field, FieldOp, Options, Overflow};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// let u2 = Field::unsigned(2).expect("a width that there is");
    /// let step = FieldOp::incr_by(u2, 0, 2).overflow(Overflow::Sat);
    /// assert_eq!(db.bit_field("fields", &[step, step, FieldOp::get(u2, 2)])?, [Some(2), Some(3), Some(0)]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`set_bit`](Self::set_bit).
    pub fn bit_field(&self, key: impl AsRef<[u8]>, steps: &[FieldOp]) -> Result<Vec<Option<i64>>> {
        self.write(key.as_ref(), |view, key| bitmap::bitfield(view, key, steps))
    }

    /// Reads integers of any width, each at its first bit: BITFIELD_RO. O(fields).
    ///
    /// # Errors
    /// As for [`get_bit`](Self::get_bit).
    pub fn bit_field_ro(&self, key: impl AsRef<[u8]>, fields: &[(crate::Field, u64)]) -> Result<Vec<i64>> {
        self.read(key.as_ref(), |view, key| bitmap::get_fields(view, key, fields.iter().copied()))
    }
}
