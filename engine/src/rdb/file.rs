//! Whole files: a header, what is known of the writer, keys database by database, and a checksum over all.
//!
//! Which version a file is of can depend on its last value, so the header is written last, and the checksum is put
//! together from those of the two parts.

use std::borrow::Cow;
use std::io::{self, Seek, SeekFrom, Write};

use super::read::{Damaged, Reader};
use super::save::{begin_whole, kind_of_whole, save_piece};
use super::write::Writer;
use super::{Dialect, Format, Limits, Loaded, is_readable, kind, kind_of, load, save};
use crate::clock::Millis;
use crate::codec::crc64::{combine, crc64};
use crate::keyspace::ValueRef;
use crate::value::{Elements, Whole};

/// Marks between keys.
pub(super) mod mark {
    pub(super) const SLOT_IMPORT: u8 = 243;
    pub(super) const SLOT_INFO: u8 = 244;
    pub(in crate::rdb) const FUNCTION: u8 = 245;
    pub(super) const MODULE_AUX: u8 = 247;
    pub(super) const IDLE: u8 = 248;
    pub(super) const FREQUENCY: u8 = 249;
    pub(super) const AUX: u8 = 250;
    pub(super) const RESIZE: u8 = 251;
    pub(super) const DEADLINE_MILLIS: u8 = 252;
    pub(super) const DEADLINE_SECONDS: u8 = 253;
    pub(super) const DATABASE: u8 = 254;
    pub(super) const END: u8 = 255;
}

/// `REDIS0011`: the longest and the only length of a header.
const HEADER: usize = 9;
/// Bytes that are written at once.
const CHUNK: usize = 128 * 1024;

/// Bytes of the least key: its type, and the lengths of an empty name and an empty value.
const SMALLEST_KEY: usize = 3;

/// What a file says of a key beside its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct About {
    /// When it expires.
    pub deadline: Option<Millis>,
    /// Seconds since it was last used.
    pub idle: Option<u64>,
    /// Its access frequency.
    pub frequency: Option<u8>,
}

/// Writes a file.
pub struct FileWriter<W> {
    out: W,
    writer: Writer,
    format: Format,
    /// Of all that is behind the header.
    sum: u64,
    len: u64,
    has_field_deadlines: bool,
}

impl<W: Write + Seek> FileWriter<W> {
    /// Begins a file at the start of `out`, with pairs of names and values about its writer.
    ///
    /// # Errors
    /// Those of `out`; so for all that write.
    pub fn begin(mut out: W, format: Format, about: &[(&str, String)]) -> io::Result<Self> {
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&[0; HEADER])?;
        let writer = Writer::new(format.compress);
        let mut file = Self { out, writer, format, sum: 0, len: 0, has_field_deadlines: false };
        for (name, value) in about {
            file.writer.byte(mark::AUX);
            file.writer.string(name.as_bytes());
            file.writer.string(value.as_bytes());
        }
        Ok(file)
    }

    /// Writes a library of functions, which stands before all keys.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn function(&mut self, source: &[u8]) -> io::Result<()> {
        self.writer.byte(mark::FUNCTION);
        self.writer.string(source);
        self.send(CHUNK)
    }

    /// The keys that follow are those of a database, so many, of which so many expire.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn database(&mut self, db: u32, keys: usize, deadlines: usize) -> io::Result<()> {
        self.writer.byte(mark::DATABASE);
        self.writer.length(u64::from(db));
        self.writer.byte(mark::RESIZE);
        self.writer.length(keys as u64);
        self.writer.length(deadlines as u64);
        self.send(CHUNK)
    }

    /// Writes a key.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn key(&mut self, key: &[u8], value: ValueRef<'_>, about: About) -> io::Result<()> {
        self.begin_key(key, kind_of(value, self.format), about);
        save(value, self.format, &mut self.writer);
        self.send(CHUNK)
    }

    /// Begins to write a key whose elements come in pieces: so many as `whole` says.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn begin_pieces(&mut self, key: &[u8], whole: Whole, about: About) -> io::Result<()> {
        self.begin_key(key, kind_of_whole(whole, self.format), about);
        begin_whole(whole, self.format, &mut self.writer);
        self.send(CHUNK)
    }

    /// Goes on with such a key.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn piece(&mut self, whole: Whole, elements: &Elements) -> io::Result<()> {
        save_piece(whole, elements, self.format, &mut self.writer);
        self.send(CHUNK)
    }

    fn begin_key(&mut self, key: &[u8], kind: u8, about: About) {
        let writer = &mut self.writer;
        if let Some(at) = about.deadline {
            writer.byte(mark::DEADLINE_MILLIS);
            writer.millis(at as i64);
        }
        if let Some(idle) = about.idle {
            writer.byte(mark::IDLE);
            writer.length(idle);
        }
        if let Some(frequency) = about.frequency {
            writer.byte(mark::FREQUENCY);
            writer.byte(frequency);
        }
        self.has_field_deadlines |= matches!(kind, kind::HASH_METADATA | kind::HASH_2);
        writer.byte(kind);
        writer.string(key);
    }

    /// Writes the end and the header, and gives `out` back.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn finish(mut self) -> io::Result<W> {
        self.writer.byte(mark::END);
        self.send(0)?;
        let header = self.header();
        let sum = combine(crc64(0, &header), self.sum, self.len);
        self.out.write_all(&sum.to_le_bytes())?;
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        Ok(self.out)
    }

    fn header(&self) -> Vec<u8> {
        let version = self.format.version;
        match (self.has_field_deadlines, self.format.dialect) {
            (false, _) => format!("REDIS{version:04}"),
            (true, Dialect::Redis) => format!("REDIS{:04}", self.format.version_with_deadlines()),
            (true, Dialect::Valkey) => format!("VALKEY{:03}", self.format.version_with_deadlines()),
        }
        .into_bytes()
    }

    /// Hands on what has come together, if it is more than `from` bytes.
    fn send(&mut self, from: usize) -> io::Result<()> {
        let bytes = self.writer.bytes_mut();
        if bytes.len() > from {
            self.sum = crc64(self.sum, bytes);
            self.len += bytes.len() as u64;
            self.out.write_all(bytes)?;
            bytes.clear();
        }
        Ok(())
    }
}

/// Something that a file holds.
#[derive(Debug)]
pub enum Part<'a> {
    /// What is known of the writer.
    About(Cow<'a, [u8]>, Cow<'a, [u8]>),
    /// How many keys follow in a database, as the writer counted them; never more than the rest of the file could hold.
    Size(u64, usize),
    /// A key of a database. `None` for a collection without elements, which some old servers have written.
    Key(u64, Cow<'a, [u8]>, Option<Loaded<'a>>, About),
    /// The source of a library of functions.
    Function(Cow<'a, [u8]>),
    /// A module has something of its own in the file.
    Module,
}

/// Reads a file from its start, and returns how long it is: the base of a log may have commands behind it.
///
/// # Errors
/// At the first byte that is not as it should be; what came before it has been visited.
pub fn read<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    mut visit: impl FnMut(Part<'a>) -> Result<(), &'static str>,
) -> Result<usize, Damaged> {
    walk(bytes, limits, |_, part| visit(part))
}

/// As [`read`], and says of each part where it ends.
///
/// # Errors
/// As for [`read`].
pub fn walk<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    mut visit: impl FnMut(usize, Part<'a>) -> Result<(), &'static str>,
) -> Result<usize, Damaged> {
    let mut reader = Reader::new(bytes);
    let version = version(&mut reader)?;
    let (mut db, mut about, mut sum) = (0, About::default(), Sum::default());
    loop {
        let at = reader.position();
        if at - sum.len >= CHUNK {
            sum.add(bytes, at);
        }
        let part = match reader.byte()? {
            mark::END => return end(bytes, &mut reader, version, sum),
            mark::AUX => Some(Part::About(reader.string()?, reader.string()?)),
            mark::DATABASE => {
                db = reader.length()?;
                None
            }
            mark::RESIZE => {
                let (keys, _deadlines) = (reader.length()?, reader.length()?);
                let most = reader.left() / SMALLEST_KEY;
                Some(Part::Size(db, usize::try_from(keys).map_or(most, |keys| keys.min(most))))
            }
            mark::DEADLINE_MILLIS => {
                about.deadline = Some(reader.millis()?.max(0).unsigned_abs());
                None
            }
            mark::DEADLINE_SECONDS => {
                let seconds = reader.take(4)?.first_chunk().map_or(0, |s| i32::from_le_bytes(*s));
                about.deadline = Some(u64::from(seconds.max(0).unsigned_abs()) * 1000);
                None
            }
            mark::IDLE => {
                about.idle = Some(reader.length()?);
                None
            }
            mark::FREQUENCY => {
                about.frequency = Some(reader.byte()?);
                None
            }
            mark::FUNCTION => Some(Part::Function(reader.string()?)),
            mark::MODULE_AUX => {
                skip_module(&mut reader)?;
                Some(Part::Module)
            }
            mark::SLOT_INFO => {
                let _slot = (reader.length()?, reader.length()?, reader.length()?);
                None
            }
            mark::SLOT_IMPORT => return Err(Damaged { at, what: "a file of a node that imports no slots" }),
            kind => Some(Part::Key(db, reader.string()?, load(kind, &mut reader, limits)?, std::mem::take(&mut about))),
        };
        if let Some(part) = part {
            visit(reader.position(), part).map_err(|what| Damaged { at, what })?;
        }
    }
}

fn version(reader: &mut Reader<'_>) -> Result<u16, Damaged> {
    let number = |digits: &[u8]| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u16>().ok());
    let version = match reader.take(HEADER)? {
        [b'R', b'E', b'D', b'I', b'S', digits @ ..] => number(digits).filter(|&version| version < 80),
        [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] => number(digits).filter(|&version| version >= 80),
        _ => return Err(Damaged { at: 0, what: "the mark of an RDB file" }),
    };
    version.filter(|&v| is_readable(v)).ok_or(Damaged { at: 0, what: "a version of RDB up to 12, or 80 of Valkey" })
}

/// The checksum of what has been read: taken on the way, while the bytes are in the caches.
#[derive(Default)]
struct Sum {
    sum: u64,
    len: usize,
}

impl Sum {
    /// Goes on up to a place.
    fn add(&mut self, bytes: &[u8], to: usize) {
        self.sum = crc64(self.sum, bytes.get(self.len..to).unwrap_or_default());
        self.len = to;
    }
}

/// Versions from 5 on have a checksum, or zero if the writer had none.
fn end(bytes: &[u8], reader: &mut Reader<'_>, version: u16, mut sum: Sum) -> Result<usize, Damaged> {
    if version >= 5 {
        let summed = reader.position();
        let expected = reader.take(8)?.first_chunk().map_or(0, |sum| u64::from_le_bytes(*sum));
        sum.add(bytes, summed);
        if expected != 0 && sum.sum != expected {
            return Err(Damaged { at: summed, what: "the checksum of the file" });
        }
    }
    Ok(reader.position())
}

/// What a module wrote says where it ends, whatever it means.
fn skip_module(reader: &mut Reader<'_>) -> Result<(), Damaged> {
    // The module's id, then when it wrote this.
    let _id = reader.length()?;
    loop {
        match reader.length()? {
            0 => return Ok(()),
            1 | 2 => drop(reader.length()?),
            3 => drop(reader.take(4)?),
            4 => drop(reader.take(8)?),
            5 => drop(reader.string()?),
            _ => return reader.damaged("a part of what a module wrote"),
        }
    }
}
