//! Runs a row on every server, in interleaved rounds, and sums the rounds up.
//!
//! Interleaved (A B C, A B C, and not A A, B B, C C), so that a machine that slows down for a while slows all of them
//! down alike; the median, so that one bad round changes nothing.

use anyhow::{Result, bail};

use crate::lab::Lab;
use crate::peer::Peer;
use crate::row::{Figure, Rounds, Row, Target, Unit};

/// A row's results.
pub struct Measured<'a> {
    /// The row.
    pub row: &'a Row,
    /// What each server made of it, in the order they were asked for.
    pub outcomes: Vec<(&'static str, Outcome)>,
}

/// What one server made of a row.
#[derive(Debug)]
pub enum Outcome {
    /// Its figures, in the row's order.
    Figures(Vec<Series>),
    /// Why there are none.
    Error(String),
}

/// One figure over all rounds.
#[derive(Debug, PartialEq)]
pub struct Series {
    /// Which of the row's figures.
    pub label: String,
    /// Whether a target applies to it.
    pub judged: bool,
    /// Its unit, where that is not the row's.
    pub unit: Option<Unit>,
    /// Its target, where that is not the row's.
    pub target: Option<Target>,
    /// Every round's value; at least one.
    pub rounds: Vec<f64>,
}

/// Runs `row` on all of `peers`; a server that fails is left out of further rounds and the others go on.
pub fn run<'a>(lab: &Lab, row: &'a Row, peers: &[Peer], rounds: usize, progress: &mut dyn FnMut(&str)) -> Measured<'a> {
    let rounds = if row.rounds == Rounds::Once { 1 } else { rounds };
    let mut outcomes: Vec<_> = peers.iter().map(|peer| (peer.name, Outcome::Figures(Vec::new()))).collect();
    for round in 1..=rounds {
        for (peer, (_, outcome)) in peers.iter().zip(&mut outcomes) {
            let Outcome::Figures(series) = outcome else { continue };
            progress(&format!("{}: {}, round {round} of {rounds}", row.name, peer.name));
            if let Err(error) = (row.run)(lab, peer).and_then(|figures| add_round(series, figures)) {
                *outcome = Outcome::Error(format!("{error:#}"));
            }
        }
    }
    Measured { row, outcomes }
}

impl Measured<'_> {
    /// The figures of the server called `name`, if it yielded any.
    pub fn figures(&self, name: &str) -> Option<&[Series]> {
        self.outcomes.iter().find_map(|(server, outcome)| match outcome {
            Outcome::Figures(figures) if *server == name => Some(figures.as_slice()),
            _ => None,
        })
    }

    /// The row's figures as any server yielded them, for what is the same of all: label, unit and target.
    pub fn lines(&self) -> &[Series] {
        let all = self.outcomes.iter().filter_map(|(name, _)| self.figures(name));
        all.max_by_key(|figures| figures.len()).unwrap_or_default()
    }
}

impl Series {
    /// The middle round, or the mean of the two in the middle.
    pub fn median(&self) -> f64 {
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        match (sorted.get((sorted.len().max(1) - 1) / 2), sorted.get(sorted.len() / 2)) {
            (Some(low), Some(high)) => (low + high) / 2.0,
            _ => f64::NAN,
        }
    }

    /// Half the distance between the extreme rounds, as a part of the median; `None` with a single round.
    pub fn spread(&self) -> Option<f64> {
        let least = self.rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (self.rounds.len() > 1).then(|| (most - least) / 2.0 / self.median())
    }
}

fn add_round(series: &mut Vec<Series>, figures: Vec<Figure>) -> Result<()> {
    if series.is_empty() {
        series.extend(figures.into_iter().map(|figure| Series {
            label: figure.label,
            judged: figure.judged,
            unit: figure.unit,
            target: figure.target,
            rounds: vec![figure.value],
        }));
        return Ok(());
    }
    if !series.iter().map(|one| &one.label).eq(figures.iter().map(|figure| &figure.label)) {
        bail!("the rounds yielded different figures");
    }
    for (one, figure) in series.iter_mut().zip(figures) {
        one.rounds.push(figure.value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(rounds: &[f64]) -> Series {
        Series { label: "x".into(), judged: true, unit: None, target: None, rounds: rounds.to_vec() }
    }

    #[test]
    fn the_median_ignores_an_outlier() {
        assert_eq!(series(&[2.0, 9.0, 1.0]).median(), 2.0);
        assert_eq!(series(&[1.0, 2.0, 4.0, 9.0]).median(), 3.0);
        assert_eq!(series(&[5.0]).median(), 5.0);
    }

    #[test]
    fn the_spread_is_around_the_median() {
        assert_eq!(series(&[9.0, 10.0, 11.0]).spread(), Some(0.1));
        assert_eq!(series(&[5.0]).spread(), None);
    }

    #[test]
    fn rounds_with_other_labels_are_refused() -> Result<()> {
        let mut all = Vec::new();
        add_round(&mut all, vec![Figure::judged("GET", 1.0)])?;
        add_round(&mut all, vec![Figure::judged("GET", 2.0)])?;
        assert_eq!(all[0].rounds, [1.0, 2.0]);
        assert!(add_round(&mut all, vec![Figure::judged("SET", 2.0)]).is_err());
        Ok(())
    }
}
