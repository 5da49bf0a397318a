//! Tools for the files of an engine, as subcommands: `carnelian-server check`, `export` and `import`.
//!
//! They read files and not servers, one value at a time: no file is too large for them. Only to export a log takes an
//! engine, and memory for its keys. A tool that fails has changed nothing.

mod check;
mod export;
mod import;
mod json;
mod progress;
mod source;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use carnelian::keyspace::Settings;
use carnelian::operation::generic;
use carnelian::rdb::{Dialect, Format, Limits};
use clap::builder::{PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command};

use check::Wishes;

use crate::cli::told;

/// Runs the tool that the first argument names. `None` if it names none.
pub(crate) fn run(arguments: &[OsString]) -> Option<ExitCode> {
    let known = ["check", "export", "import"];
    arguments.first().filter(|first| known.iter().any(|name| *first == name))?;
    let name = OsString::from("carnelian-server");
    let matches = match command().try_get_matches_from(std::iter::once(&name).chain(arguments)) {
        Ok(matches) => matches,
        Err(error) => {
            // Nobody is left to be told that there is nobody to be told.
            let _ = error.print();
            return Some(ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1)));
        }
    };
    let (name, matches) = matches.subcommand()?;
    let result = match name {
        "check" => check(matches),
        "export" => export(matches),
        _ => import(matches),
    };
    Some(result.unwrap_or_else(|text| {
        eprintln!("{text}");
        ExitCode::FAILURE
    }))
}

fn command() -> Command {
    let path =
        |about| Arg::new("path").value_name("PATH").required(true).value_parser(ValueParser::path_buf()).help(about);
    let file = |name, about| Arg::new(name).long(name).value_parser(ValueParser::path_buf()).help(about);
    let flag = |name, about| Arg::new(name).long(name).action(ArgAction::SetTrue).help(about);
    let one_of = |name, values: &'static [&'static str], about| {
        let arg = Arg::new(name).long(name).value_parser(PossibleValuesParser::new(values));
        arg.default_value(values.first().copied().unwrap_or_default()).help(about)
    };
    Command::new("carnelian-server")
        .subcommand_required(true)
        .subcommand(
            Command::new("check")
                .about("Looks a file through from its start to its end, and says what it holds or where it is damaged")
                .arg(path("An RDB file, a file of a log, or a directory with either"))
                .arg(flag(
                    "fix",
                    "Repair a log: cut off what a crash has left, and end it so that others can go on with it",
                ))
                .arg(flag("accept-loss", "Also cut off what may have been safe").requires("fix"))
                .arg(
                    Arg::new("until")
                        .long("truncate-to-timestamp")
                        .value_name("SECONDS")
                        .value_parser(ValueParser::from(clap::value_parser!(u64)))
                        .help("Cut off everything in a log that is later, in seconds since 1970"),
                ),
        )
        .subcommand(
            Command::new("export")
                .about("Writes the keys of a file as lines of JSON, or as another RDB file")
                .arg(path("An RDB file, a file of a log, or a directory with either"))
                .arg(file("output", "Where to; the standard output unless said").value_name("FILE"))
                .arg(one_of("format", &["jsonl", "rdb"], "What to write"))
                .arg(one_of("rdb-version", &["11", "10"], "For an RDB file: 10 is for Redis 7.0"))
                .arg(one_of("rdb-dialect", &["redis", "valkey"], "For an RDB file: for whom deadlines of fields are")),
        )
        .subcommand(
            Command::new("import")
                .about("Makes a dump.rdb of lines of JSON, as export writes them")
                .arg(path("The lines").value_name("FILE"))
                .arg(file("dir", "The directory for the dump.rdb").required(true).value_name("DIR"))
                .arg(flag("force", "Also if there is something in the directory: a dump.rdb is replaced"))
                .arg(one_of("rdb-version", &["11", "10"], "10 is for Redis 7.0"))
                .arg(one_of("rdb-dialect", &["redis", "valkey"], "For whom deadlines of fields are")),
        )
}

fn path(matches: &ArgMatches, name: &str) -> PathBuf {
    matches.get_one::<PathBuf>(name).cloned().unwrap_or_default()
}

fn format(matches: &ArgMatches) -> Format {
    let is = |name: &str, value: &str| matches.get_one::<String>(name).is_some_and(|chosen| chosen == value);
    Format {
        version: if is("rdb-version", "10") { 10 } else { 11 },
        dialect: if is("rdb-dialect", "valkey") { Dialect::Valkey } else { Dialect::Redis },
        compress: true,
    }
}

fn check(matches: &ArgMatches) -> Result<ExitCode, String> {
    let wishes = Wishes {
        fix: matches.get_flag("fix"),
        accept_loss: matches.get_flag("accept-loss"),
        until: matches.get_one::<u64>("until").copied(),
    };
    check::run(&path(matches, "path"), &wishes)
}

fn export(matches: &ArgMatches) -> Result<ExitCode, String> {
    let output = matches.get_one::<PathBuf>("output").map(PathBuf::as_path);
    let to_rdb = matches.get_one::<String>("format").is_some_and(|chosen| chosen == "rdb");
    export::run(&path(matches, "path"), output, to_rdb.then(|| format(matches)))
}

fn import(matches: &ArgMatches) -> Result<ExitCode, String> {
    import::run(&path(matches, "path"), &path(matches, "dir"), matches.get_flag("force"), format(matches))
}

/// Up to where values are small: those of a server without directives. Whoever loads the files has their own.
fn limits() -> Limits {
    generic::limits(&Settings::default())
}

/// What files say of their writer.
fn about_this() -> [(&'static str, String); 2] {
    [("redis-bits", usize::BITS.to_string()), ("ctime", (now() / 1000).to_string())]
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes as people can read them.
fn shown(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}
