//! Judges results and puts them before people (a table) and programs (JSON).

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::peer::{Peer, REFERENCE, SUBJECT};
use crate::row::Target;
use crate::runner::{Measured, Outcome, Series};

/// What became of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Reached.
    Met,
    /// Not reached.
    Missed,
    /// The figures it takes are not there.
    Open,
    /// There is none: the figures are there to be read.
    Unjudged,
}

/// The verdict on a whole row: missed if any of its judged figures is.
pub fn verdict(measured: &Measured<'_>) -> Verdict {
    let judged = (0..).zip(measured.lines()).filter(|(_, series)| series.judged);
    let verdicts: Vec<_> = judged.map(|(index, _)| Line::of(measured, index).verdict()).collect();
    match verdicts.as_slice() {
        [] if !measured.lines().is_empty() => Verdict::Unjudged,
        all if all.contains(&Verdict::Missed) => Verdict::Missed,
        all if all.is_empty() || all.contains(&Verdict::Open) => Verdict::Open,
        _ => Verdict::Met,
    }
}

/// The table's head.
pub fn head(peers: &[Peer]) -> String {
    let mut text = format!("{:LABEL$}", "");
    for peer in peers {
        let _ = write!(text, "{:>CELL$}", peer.name);
    }
    let _ = write!(text, "{:>NARROW$}{:>NARROW$}", "ratio", "target");
    text
}

/// A row of the table: a line that says what it is and one for each figure.
pub fn table(measured: &Measured<'_>) -> String {
    let row = measured.row;
    let mut text = format!("{} ({}): {}\n", row.title, row.unit.name(), verdict(measured).word());
    let lines = measured.lines();
    if lines.is_empty() {
        let cells = measured.outcomes.iter().map(|_| format!("{:>CELL$}", "error"));
        let _ = writeln!(text, "{:LABEL$}{}", "", cells.collect::<String>());
    }
    for (index, series) in lines.iter().enumerate() {
        text.push_str(&line_text(measured, index, series));
    }
    for (name, outcome) in &measured.outcomes {
        if let Outcome::Error(error) = outcome {
            let _ = writeln!(text, "  {name}: {error}");
        }
    }
    text
}

/// Everything measured, for programs.
pub fn json(peers: &[Peer], share: f64, rows: &[Measured<'_>]) -> Value {
    let servers: Map<_, _> = peers.iter().map(|peer| (peer.name.to_owned(), json!(peer.version))).collect();
    let rows: Vec<_> = rows.iter().map(json_row).collect();
    json!({ "share": share, "servers": servers, "rows": rows })
}

fn line_text(measured: &Measured<'_>, index: usize, series: &Series) -> String {
    let unit = series.unit.map(|unit| unit.name()).filter(|name| !name.is_empty());
    let label = unit.map_or(series.label.clone(), |unit| format!("{}, {unit}", series.label));
    let mut text = format!("{:LABEL$}", format!("  {label}"));
    for (name, outcome) in &measured.outcomes {
        let cell = match (measured.figures(name).and_then(|figures| figures.get(index)), outcome) {
            (Some(series), _) => cell_text(series, series.unit.unwrap_or(measured.row.unit).decimals()),
            (None, Outcome::Figures(_)) => "-".to_owned(),
            (None, Outcome::Error(_)) => "error".to_owned(),
        };
        let _ = write!(text, "{cell:>CELL$}");
    }
    let line = Line::of(measured, index);
    let ratio = line.ratio().filter(|ratio| ratio.is_finite());
    let ratio = ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
    let _ = write!(text, "{ratio:>NARROW$}");
    if series.judged {
        let _ = write!(text, "{}", line.target_text());
    }
    text + "\n"
}

const LABEL: usize = 50;
const CELL: usize = 16;
const NARROW: usize = 8;

/// One line of a row, as far as it is judged: the two figures that count.
struct Line {
    subject: Option<f64>,
    reference: Option<f64>,
    target: Target,
}

impl Line {
    fn of(measured: &Measured<'_>, index: usize) -> Self {
        let median = |name| measured.figures(name).and_then(|figures| figures.get(index)).map(Series::median);
        let target = measured.lines().get(index).and_then(|series| series.target).unwrap_or(measured.row.target);
        Self { subject: median(SUBJECT), reference: median(target.against), target }
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.subject? / self.reference?)
    }

    fn verdict(&self) -> Verdict {
        let target = self.target;
        let within = |limit: f64| self.subject.is_some_and(|figure| figure <= limit);
        let is_compared = target.ratio.is_finite();
        let ratio = if is_compared { self.ratio() } else { self.subject.map(|_| 0.0) };
        match ratio {
            None => Verdict::Open,
            Some(ratio) if ratio <= target.ratio && target.at_most.is_none_or(within) => Verdict::Met,
            Some(_) => Verdict::Missed,
        }
    }

    /// The target and what became of it.
    fn target_text(&self) -> String {
        let (Target { ratio, at_most, .. }, word) = (self.target, self.verdict().word());
        match at_most {
            Some(limit) if ratio.is_infinite() => format!("{:>NARROW$}  {word} (at most {limit:.2})", ""),
            Some(limit) => format!("{ratio:NARROW$.2}  {word} (and at most {limit})"),
            None if self.target.against == REFERENCE => format!("{ratio:NARROW$.2}  {word}"),
            None => format!("{ratio:NARROW$.2}  {word} (of {})", self.target.against),
        }
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Open => "open",
            Self::Unjudged => "reported",
        }
    }
}

fn cell_text(series: &Series, decimals: usize) -> String {
    if series.median().is_nan() {
        return "-".to_owned();
    }
    let spread = series.spread().map(|spread| format!(" ±{:2.0}%", spread * 100.0)).unwrap_or_default();
    format!("{:.decimals$}{spread}", series.median())
}

fn json_row(measured: &Measured<'_>) -> Value {
    let row = measured.row;
    let figures: Vec<_> =
        (0..).zip(measured.lines()).map(|(index, series)| json_figure(measured, index, series)).collect();
    let errors = measured.outcomes.iter().filter_map(|(name, outcome)| match outcome {
        Outcome::Error(error) => Some(((*name).to_owned(), json!(error))),
        Outcome::Figures(_) => None,
    });
    json!({
        "name": row.name,
        "title": row.title,
        "unit": row.unit.name(),
        "target": json_target(row.target),
        "verdict": verdict(measured).word(),
        "figures": figures,
        "errors": errors.collect::<Map<_, _>>(),
    })
}

fn json_figure(measured: &Measured<'_>, index: usize, series: &Series) -> Value {
    let servers = measured.outcomes.iter().filter_map(|(name, _)| {
        let series = measured.figures(name)?.get(index)?;
        Some(((*name).to_owned(), json!({ "median": series.median(), "rounds": series.rounds })))
    });
    let line = Line::of(measured, index);
    let verdict = series.judged.then(|| line.verdict().word());
    let servers = servers.collect::<Map<_, _>>();
    let unit = series.unit.unwrap_or(measured.row.unit).name();
    let mut figure =
        json!({ "label": series.label, "unit": unit, "servers": servers, "ratio": line.ratio(), "verdict": verdict });
    if let Some(target) = series.target {
        figure["target"] = json_target(target);
    }
    figure
}

fn json_target(target: Target) -> Value {
    let ratio = target.ratio.is_finite().then_some(target.ratio);
    json!({ "ratio": ratio, "against": target.against, "at_most": target.at_most })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Rounds, Row, Unit};

    fn row(target: Target) -> Row {
        let run = Box::new(|_: &_, _: &_| Ok(Vec::new()));
        Row { name: "x", title: "x", unit: Unit::CpuMicros, target, rounds: Rounds::Asked, run }
    }

    fn figures(values: &[(f64, bool)]) -> Outcome {
        let series = |&(value, judged): &(f64, bool)| Series {
            label: "f".into(),
            judged,
            unit: None,
            target: None,
            rounds: vec![value],
        };
        Outcome::Figures(values.iter().map(series).collect())
    }

    fn judge(target: Target, subject: Outcome, reference: Outcome) -> Verdict {
        let row = row(target);
        verdict(&Measured { row: &row, outcomes: vec![(REFERENCE, reference), (SUBJECT, subject)] })
    }

    #[test]
    fn a_row_is_met_when_all_its_judged_figures_are() {
        let reference = || figures(&[(10.0, true), (10.0, true), (10.0, false)]);
        let target = Target::ratio(0.5);
        assert_eq!(judge(target, figures(&[(5.0, true), (4.0, true), (90.0, false)]), reference()), Verdict::Met);
        assert_eq!(judge(target, figures(&[(5.0, true), (6.0, true), (1.0, false)]), reference()), Verdict::Missed);
        assert_eq!(judge(target, Outcome::Error("no".into()), reference()), Verdict::Open);
        assert_eq!(judge(target, figures(&[(5.0, true)]), Outcome::Error("no".into())), Verdict::Open);
    }

    #[test]
    fn a_limit_counts_besides_the_ratio() {
        let target = Target::ratio(0.5).and_at_most(4.0);
        assert_eq!(judge(target, figures(&[(4.5, true)]), figures(&[(10.0, true)])), Verdict::Missed);
        assert_eq!(judge(target, figures(&[(4.0, true)]), figures(&[(10.0, true)])), Verdict::Met);
    }

    #[test]
    fn a_failed_server_is_an_error_in_table_and_json() {
        let row = row(Target::ratio(0.5));
        let outcomes = vec![(REFERENCE, figures(&[(2.0, true)])), (SUBJECT, Outcome::Error("unknown command".into()))];
        let measured = Measured { row: &row, outcomes };
        let text = table(&measured);
        assert!(text.contains("2.00") && text.contains("error") && text.contains("carnelian: unknown command"));
        let json = json(&[], 1.0, &[measured]);
        assert_eq!(json["rows"][0]["errors"][SUBJECT], "unknown command");
        assert_eq!(json["rows"][0]["figures"][0]["servers"][REFERENCE]["median"], 2.0);
    }
}
