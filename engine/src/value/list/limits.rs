//! How large a node of a list may become.

/// Elements and bytes that one node may hold: `list-max-listpack-size` in its own notation.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    fill: i64,
    packed_threshold: usize,
}

/// Bytes for -1 to -5.
const SIZES: [usize; 5] = [4096, 8192, 16_384, 32_768, 65_536];
/// The most bytes of a node whose elements are counted.
const SAFE_SIZE: usize = 8192;
/// What Redis adds to the length of an element when it guesses what it will take.
const OVERHEAD: usize = 8;

impl Limits {
    /// `fill` is `list-max-listpack-size`: elements of a node, or one of five sizes if negative. Elements of
    /// `packed_threshold` bytes get nodes of their own; 0 leaves that to `fill`.
    pub const fn new(fill: i64, packed_threshold: usize) -> Self {
        Self { fill, packed_threshold }
    }

    /// The most bytes, and the most elements. One of them is not limited.
    fn most(self) -> (usize, usize) {
        match self.fill {
            // At least one element, and at most what Redis's field for it takes.
            0.. => (usize::MAX, self.fill.clamp(1, 32_767) as usize),
            _ => (SIZES[self.fill.unsigned_abs().min(5) as usize - 1], usize::MAX),
        }
    }

    /// Whether a node of this size would be too large.
    #[inline]
    pub(super) fn exceeded(self, bytes: usize, elements: usize) -> bool {
        let (most_bytes, most_elements) = self.most();
        let most_bytes = if most_bytes == usize::MAX { SAFE_SIZE } else { most_bytes };
        bytes > most_bytes || elements > most_elements
    }

    /// Whether a node of this size has room for one more element.
    #[inline]
    pub(super) fn has_room(self, bytes: usize, elements: usize, len: usize) -> bool {
        !self.exceeded(bytes + len + OVERHEAD, elements + 1)
    }

    /// Whether a quicklist of this size is better off as one listpack.
    pub(super) fn is_small(self, bytes: usize, elements: usize) -> bool {
        let (most_bytes, most_elements) = self.most();
        bytes <= most_bytes / 2 && elements <= most_elements / 2
    }

    /// Whether an element of this length is a node of its own.
    #[inline]
    pub(super) fn is_large(self, len: usize) -> bool {
        match (self.packed_threshold, self.fill) {
            (1.., _) => len >= self.packed_threshold,
            (0, 0..) => len > SAFE_SIZE,
            (0, _) => len > self.most().0,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(-2, 0)
    }
}
