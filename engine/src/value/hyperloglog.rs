//! HyperLogLogs: estimating how many different elements there are, in Redis's own format inside of a string.
//!
//! ```text
//! | "HYLL" | encoding: 1 | unused: 3 | cardinality: 8, little endian | registers |
//! ```
//!
//! An element's hash chooses one of 16384 registers and a rank, from 1 to 51; a register holds the greatest rank that it
//! has seen. *Dense* registers are 6 bits each. *Sparse* ones are runs of equal registers, with ranks up to 32. The highest
//! bit of the cardinality says that it is out of date.
//!
//! The bytes may come from anywhere (`SET` writes them as well), so nothing in them is trusted: a length or a run that
//! does not add up is [`Corrupted`].

mod dense;
mod estimate;
mod hash;
mod sparse;
#[cfg(test)]
mod tests;

pub use hash::observe;

/// How many registers there are.
pub const REGISTERS: usize = 1 << 14;
const MAGIC: &[u8; 4] = b"HYLL";
const HEADER: usize = 16;
const DENSE_LEN: usize = HEADER + dense::LEN;
const OUT_OF_DATE: u8 = 0x80;

/// How the registers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// 6 bits each.
    Dense,
    /// Runs of equal ones.
    Sparse,
}

/// The registers cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Corrupted;

/// What an element does to a HyperLogLog: the greatest of the ranks that a register sees counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sight {
    /// The register.
    pub register: usize,
    /// 1 to 51.
    pub rank: u8,
}

/// The encoding, if the bytes are a HyperLogLog by their header and length.
pub fn encoding(bytes: &[u8]) -> Option<Encoding> {
    let header: &[u8; HEADER] = bytes.first_chunk()?;
    match (header.starts_with(MAGIC), header[4]) {
        (true, 0) if bytes.len() == DENSE_LEN => Some(Encoding::Dense),
        (true, 1) => Some(Encoding::Sparse),
        _ => None,
    }
}

/// A HyperLogLog that has seen nothing.
pub fn empty() -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4] = 1;
    sparse::zeros(REGISTERS, &mut bytes);
    bytes
}

/// The estimate that was kept, if no register has changed since.
pub fn kept_count(bytes: &[u8]) -> Option<u64> {
    let kept: [u8; 8] = *bytes.get(8..HEADER)?.first_chunk()?;
    (kept[7] & OUT_OF_DATE == 0).then(|| u64::from_le_bytes(kept))
}

/// Keeps an estimate in the header.
pub fn keep_count(bytes: &mut [u8], count: u64) {
    if let Some(kept) = bytes.get_mut(8..HEADER) {
        kept.copy_from_slice(&count.to_le_bytes());
    }
}

/// Says that the estimate in the header is out of date.
pub fn forget_count(bytes: &mut [u8]) {
    if let Some(last) = bytes.get_mut(HEADER - 1) {
        *last |= OUT_OF_DATE;
    }
}

fn registers(bytes: &[u8]) -> &[u8] {
    bytes.get(HEADER..).unwrap_or_default()
}

/// What a register holds.
///
/// # Errors
/// [`Corrupted`], if the runs before it cannot be read.
pub fn rank(bytes: &[u8], register: usize) -> Result<u8, Corrupted> {
    match encoding(bytes) {
        Some(Encoding::Dense) => Ok(dense::get(registers(bytes), register)),
        Some(Encoding::Sparse) => sparse::get(registers(bytes), register),
        None => Err(Corrupted),
    }
}

/// Sees an element in a dense HyperLogLog; true if the register has changed.
pub fn see_dense(bytes: &mut [u8], sight: Sight) -> bool {
    bytes.get_mut(HEADER..).is_some_and(|registers| dense::raise(registers, sight))
}

/// Sees an element; true if the register has changed. A sparse one that would grow beyond `sparse_max` bytes, or that
/// cannot hold the rank, becomes dense.
///
/// # Errors
/// [`Corrupted`].
pub fn see(bytes: &mut Vec<u8>, sight: Sight, sparse_max: usize) -> Result<bool, Corrupted> {
    match encoding(bytes) {
        Some(Encoding::Dense) => return Ok(see_dense(bytes, sight)),
        Some(Encoding::Sparse) => {}
        None => return Err(Corrupted),
    }
    match sparse::raise(bytes, HEADER, sight, sparse_max)? {
        sparse::Raised::Already => Ok(false),
        sparse::Raised::Done => {
            forget_count(bytes);
            Ok(true)
        }
        sparse::Raised::NoRoom => {
            make_dense(bytes)?;
            Ok(see_dense(bytes, sight))
        }
    }
}

/// Makes a HyperLogLog dense; false if it was.
///
/// # Errors
/// [`Corrupted`].
pub fn make_dense(bytes: &mut Vec<u8>) -> Result<bool, Corrupted> {
    if encoding(bytes) != Some(Encoding::Sparse) {
        return Ok(false);
    }
    let ranks = Ranks::of(bytes)?;
    let mut dense = Vec::with_capacity(DENSE_LEN);
    dense.extend_from_slice(bytes.get(..HEADER).unwrap_or_default());
    dense[4] = 0;
    dense::pack(&ranks.0, &mut dense);
    *bytes = dense;
    Ok(true)
}

/// The estimate. O(registers).
///
/// # Errors
/// [`Corrupted`].
pub fn count(bytes: &[u8]) -> Result<u64, Corrupted> {
    let mut histogram = [0; 64];
    let registers = registers(bytes);
    match encoding(bytes) {
        Some(Encoding::Dense) => dense::each(registers, |_, rank| histogram[usize::from(rank & 63)] += 1),
        Some(Encoding::Sparse) => {
            for run in sparse::Runs::new(registers) {
                let run = run?;
                histogram[usize::from(run.rank)] += run.len as u32;
            }
        }
        None => return Err(Corrupted),
    }
    Ok(estimate::estimate(&histogram))
}

/// The runs of a sparse HyperLogLog as PFDEBUG writes them; `None` if it is not sparse.
///
/// # Errors
/// [`Corrupted`].
pub fn describe(bytes: &[u8]) -> Option<Result<String, Corrupted>> {
    (encoding(bytes) == Some(Encoding::Sparse)).then(|| sparse::describe(registers(bytes)))
}

/// The registers of one HyperLogLog or several, a byte each.
pub struct Ranks(Box<[u8; REGISTERS]>);

impl Default for Ranks {
    fn default() -> Self {
        Self(Box::new([0; REGISTERS]))
    }
}

impl Ranks {
    /// The registers of one.
    ///
    /// # Errors
    /// [`Corrupted`].
    pub fn of(bytes: &[u8]) -> Result<Self, Corrupted> {
        let mut ranks = Self::default();
        ranks.merge(bytes)?;
        Ok(ranks)
    }

    /// Takes the greater rank of each register.
    ///
    /// # Errors
    /// [`Corrupted`].
    pub fn merge(&mut self, bytes: &[u8]) -> Result<(), Corrupted> {
        let registers = registers(bytes);
        match encoding(bytes) {
            Some(Encoding::Dense) => dense::each(registers, |i, rank| {
                if let Some(old) = self.0.get_mut(i) {
                    *old = rank.max(*old);
                }
            }),
            Some(Encoding::Sparse) => {
                let mut at = 0;
                for run in sparse::Runs::new(registers) {
                    let run = run?;
                    if run.rank > 0 {
                        // The runs end with the registers, or are an error.
                        let part = self.0.get_mut(at..at + run.len).ok_or(Corrupted)?;
                        part.iter_mut().for_each(|old| *old = run.rank.max(*old));
                    }
                    at += run.len;
                }
            }
            None => return Err(Corrupted),
        }
        Ok(())
    }

    /// The estimate. O(registers).
    pub fn count(&self) -> u64 {
        let mut histogram = [0; 64];
        self.0.iter().for_each(|&rank| histogram[usize::from(rank & 63)] += 1);
        estimate::estimate(&histogram)
    }

    /// What would have to be seen to get these registers: all but the empty ones, in order.
    pub fn sights(&self) -> impl Iterator<Item = Sight> + '_ {
        let all = self.0.iter().enumerate().map(|(register, &rank)| Sight { register, rank });
        all.filter(|sight| sight.rank > 0)
    }

    /// All registers, in order.
    pub fn all(&self) -> &[u8; REGISTERS] {
        &self.0
    }
}
