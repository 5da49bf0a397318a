//! From registers to a number: the estimator of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches",
//! 2017, in the same order of floating-point operations as Redis, so that the result is the same.

use super::REGISTERS;

/// Bits of a hash that the rank is made of.
const RANK_BITS: usize = 50;
/// 1 / (2 ln 2).
#[allow(clippy::excessive_precision, reason = "as it is defined; the nearest double is what counts")]
const ALPHA: f64 = 0.721347520444481703680;

/// The estimate, given how many registers hold each rank.
pub(super) fn estimate(histogram: &[u32; 64]) -> u64 {
    let m = REGISTERS as f64;
    let share = |rank: usize| f64::from(histogram[rank]);
    let mut z = m * tau((m - share(RANK_BITS + 1)) / m);
    for rank in (1..=RANK_BITS).rev() {
        z = (z + share(rank)) * 0.5;
    }
    z += m * sigma(share(0) / m);
    (ALPHA * m * m / z).round() as u64
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z.total_cmp(&before).is_eq() {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z.total_cmp(&before).is_eq() {
            return z / 3.0;
        }
    }
}
