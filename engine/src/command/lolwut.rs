//! `LOLWUT`: a stone, cut a little differently each time.

use super::connection::REDIS_VERSION;
use super::{Args, Context, Flags, Group, Reply, Run, Spec};
use crate::error::Result;
use crate::sys;

pub(super) const COMMANDS: &[Spec] = &[Spec::new("lolwut", -1, Group::Server, Run::Context(&lolwut))
    .flags(Flags::READONLY.union(Flags::FAST))
    .docs("5.0.0", "Shows a piece of art and the version.", "O(1)", "[VERSION version]")];

/// Facets, from the light side to the dark one.
const SHADES: &[u8] = b" .:-=+*#%@";

fn lolwut(_: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    // Whatever version is asked for, there is this one.
    if args.is(1, "version") && args.len() > 2 {
        args.int(2)?;
    }
    let seed = u64::from_str_radix(&sys::random_hex(8), 16).unwrap_or(7);
    let mut text = stone(seed);
    text += &format!(
        "\nA carnelian, cut for you alone. Redis ver. {REDIS_VERSION} (Carnelian ver. {})\n",
        env!("CARGO_PKG_VERSION")
    );
    reply.verbatim("txt", &text);
    Ok(())
}

/// A brilliant from the side: a crown of three rows and a pavilion that narrows to a point.
fn stone(seed: u64) -> String {
    const WIDTH: usize = 49;
    let mut picture = String::new();
    for row in 0..18_usize {
        let half = match row {
            0..3 => 14 + row * 5,
            _ => 24_usize.saturating_sub((row - 3) * 24 / 14),
        };
        let mut line = String::new();
        for column in 0..WIDTH {
            let from_middle = column.abs_diff(WIDTH / 2);
            line.push(match from_middle.cmp(&half) {
                std::cmp::Ordering::Greater => ' ',
                std::cmp::Ordering::Equal if column < WIDTH / 2 => {
                    if row < 3 {
                        '/'
                    } else {
                        '\\'
                    }
                }
                std::cmp::Ordering::Equal if column > WIDTH / 2 => {
                    if row < 3 {
                        '\\'
                    } else {
                        '/'
                    }
                }
                std::cmp::Ordering::Equal => 'V',
                std::cmp::Ordering::Less => facet(seed, row, column * 8 / WIDTH, from_middle * 4 / half.max(1)),
            });
        }
        picture += line.trim_end();
        picture.push('\n');
    }
    picture
}

/// The shade of a facet: all its characters have the same one, and neighbours others.
fn facet(seed: u64, row: usize, column: usize, ring: usize) -> char {
    let place = (row / 3 * 64 + column * 8 + ring) as u64;
    let mixed = (seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let shade = (mixed >> 32) as usize % 5 + column / 2;
    char::from(SHADES.get(shade).copied().unwrap_or(b'@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stones_have_one_shape_and_many_cuts() {
        let (a, b) = (stone(1), stone(2));
        assert_ne!(a, b);
        let ends = |s: &str| s.lines().map(|l| l.trim().len()).collect::<Vec<_>>();
        assert_eq!(ends(&a), ends(&b));
        assert_eq!(a.lines().count(), 18);
        assert!(a.is_ascii());
    }
}
