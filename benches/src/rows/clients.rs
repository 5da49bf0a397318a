//! The rows of what clients do together, or in several requests.

use crate::row::{Rounds, Row, Target, Unit, Work};
use crate::work::{clients, scripts};

/// Every row of this kind, in the order of the table.
pub(super) fn rows() -> Vec<Row> {
    vec![
        costs("transactions", "MULTI, 10 SET and EXEC, 1 M keys, 64 B values", clients::transactions(200_000)),
        costs(
            "publish",
            "PUBLISH of 64 B to 1, 10 and 1,000 subscribers, pipeline of 32",
            clients::messages(&[1, 10, 1000], 1_000_000),
        ),
        costs("scripts", "scripts and functions of a few commands, pipelined", scripts::calls(300_000)),
        Row {
            name: "scripts-beside",
            title: "16 k short requests a second, half of them SETs, beside a rate limiter's script without end",
            unit: Unit::Millis,
            target: Target::limit(f64::INFINITY),
            rounds: Rounds::Asked,
            run: scripts::beside_others(100_000),
        },
        costs("hand-over", "BLPOP that waits and LPUSH that serves it", clients::hand_overs(100_000)),
    ]
}

fn costs(name: &'static str, title: &'static str, run: Work) -> Row {
    Row { name, title, unit: Unit::CpuMicros, target: Target::ratio(0.60), rounds: Rounds::Asked, run }
}
