//! What was counted of commands and errors.

use super::Lines;
use crate::command::{Command, Core, latency};
use crate::sync::atomic::Ordering::Relaxed;

pub(super) fn commandstats(core: &Core, lines: &mut Lines) {
    for command in core.registry.all_and_sub() {
        let stats = &command.stats;
        let (calls, micros) = (stats.calls(), stats.micros());
        let (rejected, failed) = (stats.rejected.load(Relaxed), stats.failed.load(Relaxed));
        if calls + rejected + failed > 0 {
            let per_call = if calls > 0 { micros as f64 / calls as f64 } else { 0.0 };
            let figures = format!(
                "calls={calls},usec={micros},usec_per_call={per_call:.2},rejected_calls={rejected},\
                 failed_calls={failed}"
            );
            lines.add(format_args!("cmdstat_{}", command.full_name), figures);
        }
    }
}

pub(super) fn errorstats(core: &Core, lines: &mut Lines) {
    for (code, count) in core.stats.errors() {
        lines.add(format_args!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn latencystats(core: &Core, lines: &mut Lines) {
    if !core.config.is("latency-tracking") {
        return;
    }
    let percentiles = core.config.get("latency-tracking-info-percentiles");
    let called = |c: &&Command| c.stats.calls() > 0;
    for command in core.registry.all_and_sub().filter(called) {
        let of = |p: &str| {
            let micros = p.parse().map_or(0, |percent| latency::percentile(command, percent));
            format!("p{p}={micros}.000")
        };
        let figures: Vec<String> = percentiles.split_ascii_whitespace().map(of).collect();
        lines.add(format_args!("latency_percentiles_usec_{}", command.full_name), figures.join(","));
    }
}
