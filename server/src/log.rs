//! The log, in the form that readers of Redis's know: `pid:role day month year time level text`.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

type SetLevel = Box<dyn Fn(LevelFilter) + Send + Sync>;

static SET_LEVEL: OnceLock<SetLevel> = OnceLock::new();

/// Starts to log to a file, or to the standard output if its name is empty.
pub(crate) fn init(file: &str, level: &str) -> io::Result<()> {
    let target = Target::open(file)?;
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = tracing_subscriber::fmt::layer().event_format(RedisFormat).with_writer(target);
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let _ = SET_LEVEL.set(Box::new(move |level| {
            let _ = handle.reload(level);
        }));
    }
    Ok(())
}

/// Changes the level, by its name in redis.conf.
pub(crate) fn set_level(level: &str) {
    if let Some(set) = SET_LEVEL.get() {
        set(filter(level));
    }
}

fn filter(level: &str) -> LevelFilter {
    match level {
        "debug" => LevelFilter::TRACE,
        "verbose" => LevelFilter::DEBUG,
        "warning" => LevelFilter::WARN,
        _ => LevelFilter::INFO,
    }
}

/// Where lines go.
enum Target {
    Stdout,
    /// The file is opened for each line, so that it can be rotated away. What was opened at the start serves when that
    /// fails: a server without descriptors has something to tell.
    File(PathBuf, File),
}

impl Target {
    fn open(file: &str) -> io::Result<Self> {
        Ok(if file.is_empty() { Self::Stdout } else { Self::File(file.into(), append(Path::new(file))?) })
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl<'a> MakeWriter<'a> for Target {
    type Writer = Box<dyn Write + 'a>;

    fn make_writer(&'a self) -> Self::Writer {
        match self {
            Self::Stdout => Box::new(io::stdout().lock()),
            Self::File(path, first) => match append(path) {
                Ok(file) => Box::new(file),
                Err(_) => Box::new(first),
            },
        }
    }
}

struct RedisFormat;

impl<S, N> FormatEvent<S, N> for RedisFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mark = match *event.metadata().level() {
            Level::TRACE => '.',
            Level::DEBUG => '-',
            Level::INFO => '*',
            Level::WARN | Level::ERROR => '#',
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        write!(to, "{}:M {} {mark} ", std::process::id(), Timestamp(now.as_millis() as u64))?;
        ctx.field_format().format_fields(to.by_ref(), event)?;
        writeln!(to)
    }
}

/// Milliseconds since 1970, shown in UTC: the standard library knows no time zones.
struct Timestamp(u64);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (seconds, millis) = (self.0 / 1000, self.0 % 1000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        let month = MONTHS.get(month).unwrap_or(&"???");
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{day:02} {month} {year} {hour:02}:{minute:02}:{second:02}.{millis:03}")
    }
}

/// Year, month (from 0) and day of a number of days since 1970.
fn civil(mut days: u64) -> (u64, usize, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    for (month, length) in lengths.into_iter().enumerate() {
        if days < length {
            return (year, month, days + 1);
        }
        days -= length;
    }
    (year, 11, 31)
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn times_are_written_as_redis_writes_them() {
        for (millis, text) in [
            (0, "01 Jan 1970 00:00:00.000"),
            (951_782_399_999, "28 Feb 2000 23:59:59.999"),
            (951_782_400_000, "29 Feb 2000 00:00:00.000"),
            (1_795_378_121_658, "22 Nov 2026 20:08:41.658"),
            (4_107_542_399_000, "28 Feb 2100 23:59:59.000"),
            (4_107_542_400_000, "01 Mar 2100 00:00:00.000"),
        ] {
            assert_eq!(Timestamp(millis).to_string(), text);
        }
    }
}
