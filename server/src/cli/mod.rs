//! `carnelian-server [file] [--directive value]...`.

mod conf;
mod settings;
mod signals;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use carnelian::{Engine, Error};

use crate::server::{Config, Server, serve};
use crate::{descriptors, directives, log, process, tools};
use conf::{ConfError, Line};

const USAGE: &str = "\
Usage: carnelian-server [/path/to/redis.conf] [options] [-]
       carnelian-server - (read config from stdin)
       carnelian-server -v or --version
       carnelian-server -h or --help
       carnelian-server check PATH (look through an RDB file, or that of a directory)
       carnelian-server export PATH [--output FILE] (as lines of JSON, or as another RDB file)
       carnelian-server import FILE --dir DIR (a dump.rdb out of such lines)

Options are the directives of redis.conf, with -- before their names.

Examples:
       carnelian-server (run the server with default conf)
       echo 'maxmemory 128mb' | carnelian-server -
       carnelian-server /etc/redis/6379.conf
       carnelian-server --port 7777
       carnelian-server --port 7777 --bind 127.0.0.1 ::1
       carnelian-server /etc/redis/6379.conf --loglevel verbose
";

/// Runs the server as the process's arguments say, until it is stopped.
pub fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = tools::run(&arguments) {
        return code;
    }
    let arguments: Vec<String> = arguments.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    match arguments.first().map(String::as_str) {
        Some("-v" | "--version") => {
            println!("Carnelian server v={} bits={}", env!("CARGO_PKG_VERSION"), usize::BITS);
            ExitCode::SUCCESS
        }
        Some("-h" | "--help") => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => match run(&arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(text) => {
                eprintln!("{text}");
                ExitCode::FAILURE
            }
        },
    }
}

/// The configuration file, and all lines in the order in which they count.
fn read(arguments: &[String]) -> Result<(Option<PathBuf>, Vec<Line>), ConfError> {
    let mut options = arguments;
    let mut file = None;
    let mut lines = Vec::new();
    if let [first, rest @ ..] = options
        && first != "-"
        && !first.starts_with("--")
    {
        let path = std::path::absolute(first).unwrap_or_else(|_| first.into());
        lines = conf::read_file(Path::new(first))?;
        (file, options) = (Some(path), rest);
    }
    let stdin = options.last().is_some_and(|last| last == "-");
    if stdin {
        options = &options[..options.len() - 1];
        lines.extend(conf::read_stdin()?);
    }
    lines.extend(conf::read_options(options)?);
    Ok((file, lines))
}

fn run(arguments: &[String]) -> Result<(), String> {
    let (file, lines) = read(arguments).map_err(|e| e.to_string())?;
    let (engine, warnings) = settings::open(&lines).map_err(|e| e.to_string())?;
    let has_directory = !engine.core().config.get("dir").is_empty();
    enter_directory(&engine)?;
    let value = |name| directives::value(&engine.core().config, name);
    log::init(&value("logfile"), &value("loglevel")).map_err(|e| format!("Can't open the log file: {e}"))?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    // Whoever comes in early is told that keys are being loaded.
    engine.core().begin_loading();
    let owned = if has_directory { engine.core().own_directory().map_err(told) } else { Ok(()) };
    let result = owned.and_then(|()| start(&engine, file.as_deref())).and_then(|(server, _pid_file)| {
        engine.recover().map_err(told)?;
        ready(&engine, &server);
        server.wait().map_err(|e| e.to_string())?;
        engine.close().map_err(told)?;
        tracing::info!("Carnelian is now ready to exit, bye bye...");
        Ok(())
    });
    if let Err(text) = &result {
        tracing::warn!("{text}, exiting.");
    }
    result
}

fn enter_directory(engine: &Engine) -> Result<(), String> {
    let config = &engine.core().config;
    let path = config.get("dir");
    if !path.is_empty() {
        std::env::set_current_dir(&path).map_err(|e| format!("Can't chdir to '{path}': {e}"))?;
    }
    if let (Some(&directive), Ok(now)) = (config.directive("dir"), std::env::current_dir()) {
        config.store(&directive, now.display().to_string());
    }
    Ok(())
}

fn start(engine: &Engine, file: Option<&Path>) -> Result<(Server, Option<process::PidFile>), String> {
    let config = &engine.core().config;
    allow_clients(engine);
    let server_config = Config::from_directives(engine).file(file);
    if let Some(&directive) = config.directive("io-threads") {
        config.store(&directive, server_config.threads().to_string());
    }
    let server = serve(engine, &server_config).map_err(|e| e.to_string())?;
    engine.core().set_host(server.host());
    let pid_path = config.get("pidfile");
    let pid_file = (!pid_path.is_empty()).then(|| process::PidFile::create(Path::new(&pid_path)));
    let pid_file = pid_file.and_then(|created| {
        // Redis goes on without, too.
        created.inspect_err(|e| tracing::warn!("Failed to write PID file {pid_path}: {e}")).ok()
    });
    signals::stop_on_signals(server.handle()).map_err(|e| format!("Cannot handle signals: {e}"))?;
    announce(&server, directives::value(config, "always-show-logo") == "yes");
    Ok((server, pid_file))
}

/// An error of the engine, for people.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn told(error: Error) -> String {
    error.text().trim_start_matches("ERR ").to_owned()
}

/// Says that everything is there.
fn ready(engine: &Engine, server: &Server) {
    tracing::info!("Ready to accept connections on {}", server.places().join(", "));
    if matches!(&*engine.core().config.get("supervised"), "systemd" | "auto") {
        process::notify("READY=1\nSTATUS=Ready to accept connections\n");
    }
}

/// Makes room for as many descriptors as clients are allowed, or allows fewer clients.
fn allow_clients(engine: &Engine) {
    let config = &engine.core().config;
    let wanted = u64::try_from(directives::int(config, "maxclients")).unwrap_or(0);
    let possible = descriptors::allow_clients(wanted);
    if possible < wanted
        && let Some(&directive) = config.directive("maxclients")
    {
        tracing::warn!("The limit of open files allows for {possible} clients instead of {wanted}.");
        config.store(&directive, possible.to_string());
    }
}

fn announce(server: &Server, logo: bool) {
    let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
    let threads = server.handle().io_threads();
    if logo {
        tracing::info!("\n\n    /\\\n   /__\\   Carnelian {version}\n   \\  /   PID: {pid}\n    \\/\n");
    }
    let plural = if threads == 1 { "" } else { "s" };
    tracing::info!("Carnelian {version} starting, pid={pid}, {threads} I/O thread{plural}");
    for address in server.metrics_addresses() {
        tracing::info!("Metrics at http://{address}/metrics");
    }
}
