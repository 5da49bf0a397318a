//! What a row of the comparison is made of: a name, a target and the work that yields its figures.

use anyhow::Result;

use crate::lab::Lab;
use crate::peer::{Peer, REFERENCE};

/// The work of a row: it starts the peer as it needs it and reports one round's figures.
///
/// Every peer and every round must yield the same labels in the same order, or the figures cannot be compared; a peer
/// that has no such thing yields none at all.
pub type Work = Box<dyn Fn(&Lab, &Peer) -> Result<Vec<Figure>>>;

/// One row: some work, measured on every server.
pub struct Row {
    /// What `--only` matches; short, without spaces.
    pub name: &'static str,
    /// What the row measures, for people.
    pub title: &'static str,
    /// The unit of every figure of the row that has none of its own.
    pub unit: Unit,
    /// What every judged figure has to reach that has no target of its own.
    pub target: Target,
    /// How many rounds are worth their time.
    pub rounds: Rounds,
    /// The measurement.
    pub run: Work,
}

/// What a figure has to reach; less is better in every unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Carnelian's figure over the other server's, at most; infinite if they are not compared.
    pub ratio: f64,
    /// The other server.
    pub against: &'static str,
    /// Carnelian's figure by itself, at most.
    pub at_most: Option<f64>,
}

/// How often a row is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// As often as the command line says; for whatever the machine's noise can reach.
    Asked,
    /// Once: the figure hardly varies and is dear to get.
    Once,
}

/// One measured figure of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Which of the row's figures this is.
    pub label: String,
    /// The figure; not a number where a server does not tell it.
    pub value: f64,
    /// Whether a target applies to it; the others are there to be read.
    pub judged: bool,
    /// Its unit, where that is not the row's.
    pub unit: Option<Unit>,
    /// Its target, where that is not the row's.
    pub target: Option<Target>,
}

/// The unit of a row's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds of the server's CPU time for one request.
    CpuMicros,
    /// Bytes of resident memory for one key.
    BytesPerKey,
    /// Bytes of resident memory for one item of a collection, or one small collection.
    BytesPerItem,
    /// Milliseconds by the clock.
    Millis,
    /// Seconds by the clock.
    Seconds,
    /// Microseconds by the clock for one request, while requests are there all the time: throughput, upside down.
    Micros,
    /// Mebibytes.
    Mebibytes,
    /// One figure of the same server over another.
    Times,
    /// How many.
    Count,
}

impl Target {
    /// Carnelian's figure is to be at most `ratio` of Valkey's.
    pub const fn ratio(ratio: f64) -> Self {
        Self { ratio, against: REFERENCE, at_most: None }
    }

    /// Carnelian's figure is to be at most `limit`, whatever the others' is.
    pub const fn limit(limit: f64) -> Self {
        Self::ratio(f64::INFINITY).and_at_most(limit)
    }

    /// The same against another server.
    pub const fn against(self, against: &'static str) -> Self {
        Self { against, ..self }
    }

    /// And at most `limit` by itself.
    pub const fn and_at_most(self, limit: f64) -> Self {
        Self { at_most: Some(limit), ..self }
    }
}

impl Figure {
    /// A figure that has to reach the row's target.
    pub fn judged(label: impl Into<String>, value: f64) -> Self {
        Self { label: label.into(), value, judged: true, unit: None, target: None }
    }

    /// A figure that explains the others.
    pub fn noted(label: impl Into<String>, value: f64) -> Self {
        Self { judged: false, ..Self::judged(label, value) }
    }

    /// The same in a unit of its own.
    pub fn unit(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }

    /// The same with a target of its own.
    pub fn target(self, target: Target) -> Self {
        Self { target: Some(target), ..self }
    }
}

impl Unit {
    /// How people read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CpuMicros => "server CPU, µs a request",
            Self::BytesPerKey => "RSS, bytes a key",
            Self::BytesPerItem => "RSS, bytes an item",
            Self::Millis => "ms",
            Self::Seconds => "s",
            Self::Micros => "µs a request",
            Self::Mebibytes => "MiB",
            Self::Times => "x",
            Self::Count => "",
        }
    }

    /// Digits after the point that mean something.
    pub const fn decimals(self) -> usize {
        match self {
            Self::CpuMicros | Self::Millis | Self::Micros | Self::Times => 2,
            Self::Seconds => 3,
            Self::BytesPerKey | Self::BytesPerItem | Self::Mebibytes => 1,
            Self::Count => 0,
        }
    }
}
