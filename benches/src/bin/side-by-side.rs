//! `side-by-side`: measures Carnelian next to Redis and Valkey and says which targets are met.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use carnelian_benches::lab::Lab;
use carnelian_benches::peer::{Peer, Places, default_peers_dir};
use carnelian_benches::report::{self, Verdict};
use carnelian_benches::row::Row;
use carnelian_benches::{rows, runner};
use clap::Parser;

/// Measures Carnelian next to Redis and Valkey: the same work, the same core, in turn.
#[derive(Parser)]
#[command(name = "side-by-side")]
struct Args {
    /// Servers to compare: carnelian, redis, redis8, valkey
    #[arg(long, value_delimiter = ',', default_value = "carnelian,redis,valkey")]
    servers: Vec<String>,
    /// Only the row of this name, or those whose names contain it; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Rounds to take the median of
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How much of the work is done, data included: 0.2 for a fifth
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = share)]
    scale: f64,
    /// A smoke run: one round of a twentieth of the work, whose figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Writes the results to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fails unless every target of the rows that ran is met
    #[arg(long)]
    check: bool,
    /// Lists the rows and their targets and ends
    #[arg(long)]
    list: bool,
    /// Carnelian's program [default: carnelian-server among the workspace's release builds]
    #[arg(long, value_name = "FILE")]
    carnelian: Option<PathBuf>,
    /// The folder scripts/get-peers filled, looked in after PATH [default: ~/.cache/peers/bin]
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
    /// The first port to give to a server
    #[arg(long, default_value_t = 7200)]
    port: u16,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let rows = chosen_rows(&args.only)?;
    if args.list {
        for row in rows {
            let Row { name, title, target, .. } = row;
            println!("{name:16} at most {:.2} of {}'s: {title} ({})", target.ratio, target.against, row.unit.name());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let places = Places { carnelian: args.carnelian.clone(), peers: args.peers.clone().or_else(default_peers_dir) };
    let peers = find_peers(&places, &args.servers)?;
    let generator = ["redis-benchmark", "valkey-benchmark"].into_iter().find_map(|name| places.program(name));
    let generator = generator.context("neither redis-benchmark nor valkey-benchmark is here; see scripts/get-peers")?;
    let lab = Lab::open(generator, args.port, if args.quick { args.scale / 20.0 } else { args.scale })?;
    let rounds = if args.quick { 1 } else { usize::from(args.rounds) };
    explain(&lab, &peers);

    println!("{}", report::head(&peers));
    let mut results = Vec::new();
    for row in &rows {
        let measured = runner::run(&lab, row, &peers, rounds, &mut show_progress);
        show_progress("");
        println!("{}", report::table(&measured));
        results.push(measured);
    }
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&report::json(&peers, lab.share(), &results))?;
        fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))?;
    }
    let all_met = results.iter().all(|measured| matches!(report::verdict(measured), Verdict::Met | Verdict::Unjudged));
    Ok(if args.check && !all_met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn chosen_rows(only: &[String]) -> Result<Vec<Row>> {
    let mut rows = rows::all();
    let names: Vec<_> = rows.iter().map(|row| row.name).collect();
    // A whole name means that row alone, though it be a part of another's.
    let matches = |name: &str, part: &str| name == part || (name.contains(part) && !names.contains(&part));
    rows.retain(|row| only.is_empty() || only.iter().any(|part| matches(row.name, part)));
    if rows.is_empty() {
        bail!("no row's name contains {}; see --list", only.join(" or "));
    }
    Ok(rows)
}

/// The servers asked for that are on this machine; those that are not are said to be left out.
fn find_peers(places: &Places, names: &[String]) -> Result<Vec<Peer>> {
    let mut peers = Vec::new();
    for name in names {
        match places.find(name)? {
            Some(peer) => peers.push(peer),
            None => eprintln!("{name} is not here and left out; build it, or see scripts/get-peers"),
        }
    }
    if peers.is_empty() {
        bail!("none of the servers asked for is on this machine");
    }
    Ok(peers)
}

fn explain(lab: &Lab, peers: &[Peer]) {
    for peer in peers {
        eprintln!("{}: {}", peer.name, peer.version);
    }
    if !lab.is_pinned() {
        eprintln!("only one core: servers and load share it, and the figures are worth little");
    }
    if !lab.is_raised() {
        eprintln!("not root, so without priority over other work: latencies may be the machine's");
    }
    if lab.share() < 1.0 {
        eprintln!("{} of the full work: figures of a small share show that the rows work and no more", lab.share());
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().map_err(|error| error.to_string())?;
    if share > 0.0 && share <= 100.0 { Ok(share) } else { Err("a share is above 0, and 1 is all of it".to_owned()) }
}

/// Shows on a terminal what is going on, in a line that the next text replaces.
fn show_progress(text: &str) {
    let mut err = io::stderr();
    if err.is_terminal() {
        let _ = write!(err, "\r\x1b[K{text}");
        let _ = err.flush();
    }
}
