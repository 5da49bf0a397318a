//! `LATENCY`: events that took long, and how long commands take.

use super::introspection::help;
use super::stats::BUCKETS;
use super::{Args, Command, Context, ContextFn, Flags, Group, Reply, Run, Series, Spec};
use crate::error::{Error, Result};
use crate::sync::atomic::Ordering::Relaxed;

const ADMIN: Flags = Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE);
const SPECIAL: &[&str] = &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];

const fn sub(name: &'static str, arity: i32, run: &'static ContextFn) -> Spec {
    Spec::new(name, arity, Group::Server, Run::Context(run)).flags(ADMIN).tips(SPECIAL)
}

const SUBCOMMANDS: &[Spec] = &[
    sub("doctor", 2, &doctor).docs("2.8.13", "Says in words what took long.", "O(1)", ""),
    sub("graph", 3, &graph).docs("2.8.13", "Draws the events of a kind.", "O(1)", "event"),
    Spec::new("help", 2, Group::Server, Run::Context(&help)).flags(Flags::LOADING.union(Flags::STALE)).docs(
        "2.8.13",
        "Lists the subcommands.",
        "O(1)",
        "",
    ),
    sub("histogram", -2, &histogram).docs(
        "7.0.0",
        "Tells how long commands take.",
        "O(N) for N commands",
        "[command ...]",
    ),
    sub("history", 3, &history).docs("2.8.13", "Tells when events of a kind took how long.", "O(1)", "event"),
    sub("latest", 2, &latest).docs("2.8.13", "Tells the latest event of each kind.", "O(1)", ""),
    sub("reset", -2, &reset).tips(&["request_policy:all_nodes", "response_policy:agg_sum"]).docs(
        "2.8.13",
        "Forgets events.",
        "O(1)",
        "[event ...]",
    ),
];

pub(super) const COMMANDS: &[Spec] = &[Spec::new("latency", -2, Group::Server, Run::Container)
    .docs("2.8.13", "Commands about what took long.", "That of the subcommand", "")
    .subcommands(SUBCOMMANDS)];

fn latest(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let all = context.core.latency.all();
    reply.array(all.len());
    for (event, series) in all {
        let (time, millis) = series.samples.back().copied().unwrap_or_default();
        reply.array(4);
        reply.bulk(event.as_bytes());
        for figure in [time, millis, series.max] {
            reply.int(figure as i64);
        }
    }
    Ok(())
}

fn history(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let samples = context.core.latency.get(args.get(2)).unwrap_or_default().samples;
    reply.array(samples.len());
    for (time, millis) in samples {
        reply.array(2);
        reply.int(time as i64);
        reply.int(millis as i64);
    }
    Ok(())
}

fn reset(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(context.core.latency.reset(args.from(2)));
    Ok(())
}

fn graph(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let event = args.get(2);
    let Some(series) = context.core.latency.get(event) else {
        return Err(Error::quoting("ERR No samples available for event '", event, "'"));
    };
    reply.verbatim("txt", &draw(&String::from_utf8_lossy(event), &series, context.now / 1000));
    Ok(())
}

/// The samples as columns of four rows, with how long ago each was below.
fn draw(event: &str, series: &Series, now: u64) -> String {
    const ROWS: u64 = 4;
    let (high, low) = series.samples.iter().fold((0, u64::MAX), |(h, l), s| (s.1.max(h), s.1.min(l)));
    let mut text = format!("{event} - high {high} ms, low {low} ms (all time high {} ms)\n", series.max);
    text += &"-".repeat(80);
    text.push('\n');
    let height = |millis: u64| (millis - low) * (ROWS - 1) / (high - low).max(1);
    for row in (0..ROWS).rev() {
        let line = series.samples.iter().map(|s| match height(s.1).cmp(&row) {
            std::cmp::Ordering::Less => ' ',
            std::cmp::Ordering::Equal => '#',
            std::cmp::Ordering::Greater => '|',
        });
        text.extend(line);
        text.push('\n');
    }
    let ages: Vec<String> = series.samples.iter().map(|s| age(now.saturating_sub(s.0))).collect();
    for digit in 0..ages.iter().map(String::len).max().unwrap_or(0) {
        text.push('\n');
        text.extend(ages.iter().map(|age| age.chars().nth(digit).unwrap_or(' ')));
    }
    text.push('\n');
    text
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn doctor(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let monitor = &context.core.latency;
    if monitor.threshold() == 0 {
        reply.verbatim(
            "txt",
            "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Carnelian instance. You may use \
             \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it.\n",
        );
        return Ok(());
    }
    let all = monitor.all();
    if all.is_empty() {
        reply.verbatim("txt", "Dave, no latency spike was observed so far: nothing took as long as the threshold.\n");
        return Ok(());
    }
    let mut text = "Dave, I have observed latency spikes in this Carnelian instance.\n\n".to_owned();
    for (i, (event, series)) in all.iter().enumerate() {
        let count = series.samples.len() as u64;
        let average = series.samples.iter().map(|s| s.1).sum::<u64>() / count.max(1);
        text += &format!(
            "{}. {event}: {count} latency spikes (average {average}ms, worst all time event {}ms).\n",
            i + 1,
            series.max
        );
    }
    text += "\nSLOWLOG GET shows which commands were slow, if slowlog-log-slower-than is low enough.\n";
    reply.verbatim("txt", &text);
    Ok(())
}

fn histogram(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let registry = &context.core.registry;
    let commands: Vec<&Command> = match args.from(2) {
        [] => registry.all_and_sub().collect(),
        names => {
            let found = names.iter().filter_map(|name| registry.get_full(name));
            found.flat_map(|c| std::iter::once(c).chain(&c.subcommands)).collect()
        }
    };
    let tracked = context.core.config.is("latency-tracking");
    let called = |c: &&Command| tracked && c.stats.calls() > 0;
    let commands: Vec<&Command> = commands.into_iter().filter(called).collect();
    reply.map(commands.len());
    for command in commands {
        let buckets = cumulative(&counts(command));
        reply.bulk(command.full_name.as_bytes());
        reply.map(2);
        reply.bulk(b"calls");
        reply.int(command.stats.calls() as i64);
        reply.bulk(b"histogram_usec");
        reply.map(buckets.len());
        for (micros, calls) in buckets {
            reply.int(micros as i64);
            reply.int(calls as i64);
        }
    }
    Ok(())
}

fn counts(command: &Command) -> [u64; BUCKETS] {
    std::array::from_fn(|i| command.stats.latency[i].load(Relaxed))
}

/// Upper ends of the buckets that hold something, with the calls up to there.
fn cumulative(counts: &[u64]) -> Vec<(u64, u64)> {
    let mut total = 0;
    let filled = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    filled
        .map(|(i, count)| {
            total += count;
            (1 << i, total)
        })
        .collect()
}

/// How many microseconds a share of a command's calls stays below, by the ends of the buckets.
pub(super) fn percentile(command: &Command, percent: f64) -> u64 {
    let buckets = cumulative(&counts(command));
    let total = buckets.last().map_or(0, |b| b.1);
    let wanted = ((total as f64) * percent / 100.0).ceil().max(1.0) as u64;
    buckets.iter().find(|(_, calls)| *calls >= wanted).map_or(0, |(micros, _)| *micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_add_up() {
        assert_eq!(cumulative(&[0, 3, 0, 4]), [(2, 3), (8, 7)]);
        assert!(cumulative(&[0; 4]).is_empty());
    }

    #[test]
    fn graphs_show_high_and_low() {
        let series = Series { samples: [(100, 10), (160, 40), (200, 25)].into(), max: 90 };
        let text = draw("command", &series, 260);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "command - high 40 ms, low 10 ms (all time high 90 ms)");
        assert_eq!(&lines[2..6], &[" # ", " | ", " |#", "#||"]);
        assert_eq!(&lines[7..9], &["211", "mmm"]);
    }
}
