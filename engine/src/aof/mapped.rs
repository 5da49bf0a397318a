//! A segment in a memory map: appending is a copy, without any system call.
//!
//! Invariant: what is mapped has its space on the disk, so that a full disk is an error of [`Window::reserve`] and never a
//! signal while copying. Nobody else cuts the file while it is open: the directory is locked.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};

use super::store::{Disk, Reserve, Room, Store};
use crate::sys;

/// The first window of a segment: small, since many logs are.
const FIRST: u64 = 1 << 20;
/// The largest: reserving this much takes the system some milliseconds.
const LARGEST: u64 = 64 << 20;

/// Bytes whose pages are brought at once, ahead of time and by another thread: whoever appends is not to wait for them.
/// Pages that are there and not filled yet are written twice, so they are not many.
const AHEAD: usize = 256 << 10;

/// A part of a file that is mapped and has its space on the disk.
pub(super) struct Window {
    map: Arc<MmapRaw>,
    /// Where it begins in the file.
    at: u64,
    /// Bytes of it that are used.
    used: usize,
    /// Up to here its pages are there.
    there: usize,
}

impl Window {
    /// Reserves space for a part of a file and maps it.
    pub(super) fn reserve(file: &File, at: u64, len: u64) -> io::Result<Self> {
        sys::reserve(file, at, len)?;
        let bytes = usize::try_from(len).map_err(io::Error::other)?;
        let map = MmapOptions::new().offset(at).len(bytes).map_raw(file)?;
        #[cfg(unix)]
        // What is there is zeros: nothing is to be read ahead. Only advice.
        let _ = map.advise(memmap2::Advice::Random);
        Ok(Self { map: Arc::new(map), at, used: 0, there: 0 })
    }

    fn wants_pages(&self) -> bool {
        self.there < self.map.len() && self.there - self.used < AHEAD / 2
    }

    fn left(&self) -> usize {
        self.map.len() - self.used
    }

    /// Takes as many of `bytes` as there is room for, and returns how many.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.left());
        if self.used + n > self.there {
            // Nobody was quick enough.
            self.there = bring_pages(&self.map, self.there, self.used + n);
        }
        // SAFETY: `used + n` is within the map, which is writable and ours alone: nobody makes a reference to its memory,
        // and `&mut self` is the only writer. Others may read the file; they see bytes.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.map.as_mut_ptr().add(self.used), n) };
        self.used += n;
        n
    }
}

/// Has the system bring pages, ready to be written to, from `there` on up to `least` or further. Returns up to where.
#[cold]
fn bring_pages(map: &MmapRaw, there: usize, least: usize) -> usize {
    let end = least.max(there + AHEAD).min(map.len());
    #[cfg(target_os = "linux")]
    // Systems that do not know this bring each page when it is touched.
    let _ = map.advise_range(memmap2::Advice::PopulateWrite, there, end - there);
    end
}

/// What was made ready ahead of time.
pub(super) enum Prepared {
    /// Space behind all that there is.
    Window(Window),
    /// The pages of the window that begins there, up to a place in it.
    Pages(u64, usize),
}

pub(super) struct Mapped {
    file: Arc<File>,
    /// The window that is being filled, and those that are ready behind it.
    windows: VecDeque<Window>,
    len: u64,
    /// Up to here there is space on the disk.
    reserved: u64,
}

impl Mapped {
    pub(super) fn new(file: File, len: u64) -> io::Result<Self> {
        let mut this = Self { file: Arc::new(file), windows: VecDeque::new(), len, reserved: len };
        this.reserve(0)?;
        Ok(this)
    }

    /// How large the next window is to be: as large as all before it.
    fn next_len(&self, least: u64) -> u64 {
        self.reserved.clamp(FIRST, LARGEST).max(least).next_multiple_of(1 << 16)
    }

    /// Reserves space for `least` bytes behind what there is.
    fn reserve(&mut self, least: u64) -> io::Result<()> {
        let len = self.next_len(least);
        match Window::reserve(&self.file, self.reserved, len) {
            // Less may still be there.
            Err(_) if len > least.max(FIRST) => {
                let len = least.max(1 << 16);
                self.give(Window::reserve(&self.file, self.reserved, len)?);
            }
            window => self.give(window?),
        }
        Ok(())
    }

    fn lacks_space(&self) -> bool {
        self.room() < self.next_len(0) / 2
    }

    /// Bytes that can be appended without asking the system for anything.
    fn room(&self) -> u64 {
        self.reserved - self.len
    }

    fn give(&mut self, window: Window) {
        self.reserved += window.map.len() as u64;
        self.windows.push_back(window);
    }
}

impl Store for Mapped {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let missing = (bytes.len() as u64).saturating_sub(self.room());
        if missing > 0 {
            self.reserve(missing)?;
        }
        let mut rest = bytes;
        while let Some(window) = self.windows.front_mut() {
            rest = &rest[window.take(rest)..];
            if rest.is_empty() {
                break;
            }
            self.windows.pop_front();
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn disk(&self) -> Arc<dyn Disk> {
        self.file.clone()
    }

    #[inline]
    fn is_low(&self) -> bool {
        self.windows.front().is_none_or(Window::wants_pages) || self.lacks_space()
    }

    fn wants_room(&self) -> Option<Reserve> {
        if let Some(Window { map, at, there, .. }) = self.windows.front().filter(|window| window.wants_pages()) {
            let (map, at, there) = (map.clone(), *at, *there);
            return Some(Box::new(move || Ok(Room(Prepared::Pages(at, bring_pages(&map, there, 0))))));
        }
        let (at, len) = (self.reserved, self.next_len(0));
        let file = self.file.clone();
        let reserve = move || Ok(Room(Prepared::Window(Window::reserve(&file, at, len)?)));
        self.lacks_space().then(|| Box::new(reserve) as Reserve)
    }

    fn give_room(&mut self, Room(prepared): Room) {
        match prepared {
            // Somebody who could not wait may have done the same meanwhile.
            Prepared::Window(window) if window.at == self.reserved => self.give(window),
            Prepared::Window(_) => {}
            Prepared::Pages(at, there) => {
                if let Some(window) = self.windows.iter_mut().find(|window| window.at == at) {
                    window.there = window.there.max(there);
                }
            }
        }
    }

    fn close(&mut self) -> io::Result<()> {
        self.windows.clear();
        self.reserved = self.len;
        self.file.set_len(self.len)
    }
}
