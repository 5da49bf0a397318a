//! How much of a long test a run does. One split for the whole project, so that `make test` stays short, `make soak`
//! does everything, and a test only has to know its own whole.

/// The percentage that a run does when nobody says otherwise, chosen so that no test takes much longer than half a
/// minute on two cores.
const DEFAULT_PERCENT: f64 = 10.0;

/// The share of `whole` that this run does: all of it with `CARNELIAN_SOAK=1`, else `CARNELIAN_SHARE` percent, else a
/// tenth. Never nothing, unless `whole` is nothing.
///
/// # Panics
/// When `CARNELIAN_SHARE` is not a percentage: a run that silently did something else would prove nothing.
#[must_use]
pub fn share(whole: u64) -> u64 {
    let soak = std::env::var("CARNELIAN_SOAK").is_ok_and(|v| v == "1");
    let percent = std::env::var("CARNELIAN_SHARE").ok();
    part(whole, soak, percent.as_deref())
}

fn part(whole: u64, soak: bool, percent: Option<&str>) -> u64 {
    if soak {
        return whole;
    }
    let percent = match percent {
        None => DEFAULT_PERCENT,
        Some(text) => match text.parse::<f64>() {
            Ok(p) if (0.0..=100.0).contains(&p) => p,
            _ => panic!("CARNELIAN_SHARE must be a percentage from 0 to 100, not {text:?}"),
        },
    };
    ((whole as f64 * percent / 100.0).ceil() as u64).clamp(whole.min(1), whole)
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn soak_does_everything_whatever_the_share_says() {
        assert_eq!(part(200_000, true, Some("1")), 200_000);
    }

    #[test]
    fn a_share_is_a_percentage_and_never_nothing() {
        assert_eq!(part(200_000, false, None), 20_000);
        assert_eq!(part(200_000, false, Some("2.5")), 5_000);
        assert_eq!(part(7, false, Some("0")), 1);
        assert_eq!(part(0, false, Some("50")), 0);
        assert_eq!(part(7, false, Some("100")), 7);
    }

    #[test]
    #[should_panic(expected = "percentage")]
    fn a_share_that_is_no_percentage_fails() {
        part(7, false, Some("all"));
    }
}
