//! The rows of files: snapshots, the log, and the start from either.
//!
//! Redis is what most of them are measured against, as Valkey 9.1 is of the same design.

use crate::row::{Rounds, Row, Target, Unit, Work};
use crate::work::{log, restart, save};

/// Every row of this kind, in the order of the table.
pub(super) fn rows() -> Vec<Row> {
    vec![
        row(
            "bgsave",
            "BGSAVE, alone and while half of 16 k requests a second are SETs",
            Unit::Seconds,
            0.5,
            save::in_background(),
        ),
        row("start-rdb", "a start from a snapshot, both cores", Unit::Seconds, 0.35, restart::from_snapshot()),
        row("start-log", "a start from a log of the same SETs, both cores", Unit::Seconds, 0.35, restart::from_log()),
        row(
            "log-everysec",
            "SET, 1 M keys, 64 B values, 50 clients, pipeline of 32, with a log",
            Unit::CpuMicros,
            0.5,
            log::every_second(),
        ),
        row(
            "log-always",
            "SET, 64 B values, 50 clients, on the disk before the reply",
            Unit::Micros,
            1.0 / 1.2,
            log::always(),
        ),
        row("log-rewrite", "16 k SETs a second during BGREWRITEAOF, everysec", Unit::Millis, 1.0, log::rewrite()),
        row("log-store", "SETs as above, by what our log is kept in", Unit::CpuMicros, 1.0, log::stores()),
    ]
}

fn row(name: &'static str, title: &'static str, unit: Unit, ratio: f64, run: Work) -> Row {
    Row { name, title, unit, target: Target::ratio(ratio).against("redis"), rounds: Rounds::Asked, run }
}
