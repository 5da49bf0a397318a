//! `export`: the keys of a file as lines of JSON, or as an RDB file of another version.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use carnelian::keyspace::ValueRef;
use carnelian::map::Map;
use carnelian::operation::snapshot;
use carnelian::rdb::{self, About, FileWriter, Format, Loaded, Part};
use carnelian::{Engine, Options, files};

use super::json::Writer;
use super::progress::Progress;
use super::source::{Place, Source, map};
use super::{about_this, limits, told};

/// Writes what is at a path to a file, or to the standard output; as an RDB file if there is a format for one.
pub(super) fn run(path: &Path, output: Option<&Path>, format: Option<Format>) -> Result<ExitCode, String> {
    let bytes = match Source::at(path)? {
        Source::Rdb(file) => map(&file)?,
        Source::Log(place) => read_log(&place)?,
    };
    let what = Input { path, bytes: &bytes };
    match (output, format) {
        (None, Some(_)) => return Err("An RDB file needs a place: say --output FILE".to_owned()),
        (None, None) => what.write_lines(io::stdout().lock()).map_err(|e| what.error(&e))?,
        (Some(output), None) => {
            files::replace(output, |file| what.write_lines(file)).map_err(|e| what.error(&e))?;
        }
        (Some(output), Some(format)) => {
            files::replace(output, |file| what.write_rdb(file, format)).map_err(|e| what.error(&e))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The databases that a log may have: no server of ours has more.
const DATABASES: u32 = 1 << 14;

/// What a log comes to, as an RDB file of no place: nothing of the log is changed. It is in memory on the way.
fn read_log(place: &Place) -> Result<Map, String> {
    let log = place.open(false)?;
    let engine = Engine::open(Options::new().databases(DATABASES)).map_err(told)?;
    let paths = log.files.into_iter().map(|piece| piece.path).collect();
    for remark in engine.read_log(paths, log.has_base).map_err(told)? {
        eprintln!("{remark}.");
    }
    let path = std::env::temp_dir().join(format!("carnelian-export-{}.rdb", std::process::id()));
    let error = |e| format!("Cannot write {}: {e}", path.display());
    let file = File::create_new(&path).map_err(error)?;
    let (space, progress, functions) =
        (&engine.core().keyspace, snapshot::Progress::default(), engine.core().functions());
    let saved = snapshot::save(space, &about_this(), BufWriter::new(file), || (functions, ()), &progress);
    let map = saved.and_then(|(out, ..)| Ok(out.into_inner()?)).and_then(|_| Map::open(&path));
    // What is mapped stays until it is let go.
    let removed = std::fs::remove_file(&path);
    let map = map.map_err(error)?;
    removed.map(|()| map).map_err(error)
}

/// What is exported.
struct Input<'a> {
    path: &'a Path,
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    fn error(&self, error: &io::Error) -> String {
        format!("Cannot export {}: {error}", self.path.display())
    }

    fn write_lines(&self, out: impl Write) -> io::Result<()> {
        let mut writer = Writer::new(BufWriter::new(out));
        let read = self.each(|part| match part {
            Part::Key(db, key, Some(value), about) if !writer.key(db, &key, &value, about) => {
                Err(io::ErrorKind::Other.into())
            }
            part => Ok(!matches!(part, Part::Function(_) | Part::Module)),
        });
        // If writing has failed, that is why reading has.
        writer.finish().and(read)
    }

    fn write_rdb(&self, out: &File, format: Format) -> io::Result<()> {
        let (mut file, mut current) = (FileWriter::begin(BufWriter::new(out), format, &about_this())?, None);
        self.each(|part| {
            match part {
                Part::Key(db, key, Some(value), about) => {
                    let db = u32::try_from(db).map_err(io::Error::other)?;
                    put(&mut file, &mut current, db, &key, &value, about)?;
                }
                Part::Function(source) => file.function(&source)?,
                Part::Module => return Ok(false),
                Part::About(..) | Part::Size(..) | Part::Key(_, _, None, _) => {}
            }
            Ok(true)
        })?;
        file.finish()?.into_inner()?;
        Ok(())
    }

    /// Hands over the parts one by one. What has no place in the output, as `visit` says by false, is told on the standard
    /// error.
    fn each(&self, mut visit: impl FnMut(Part<'a>) -> io::Result<bool>) -> io::Result<()> {
        let (mut left_out, mut failed) = (0_u64, None);
        let mut progress = Progress::through(self.bytes.len());
        let read = rdb::walk(self.bytes, &limits(), |end, part| {
            progress.at(end);
            match visit(part) {
                Ok(has_place) => left_out += u64::from(!has_place),
                Err(error) => {
                    failed = Some(error);
                    return Err("a place for it in the output");
                }
            }
            Ok(())
        });
        if let Some(failed) = failed {
            return Err(failed);
        }
        read.map_err(|damaged| {
            io::Error::other(format!("it is damaged at byte {}: what should be there is {}", damaged.at, damaged.what))
        })?;
        if left_out > 0 {
            eprintln!("{left_out} libraries of functions and parts of modules were left out.");
        }
        Ok(())
    }
}

/// Adds a key to a file, whose `current` database is changed where it is another one.
pub(super) fn put<W: Write + io::Seek>(
    file: &mut FileWriter<W>,
    current: &mut Option<u32>,
    db: u32,
    key: &[u8],
    value: &Loaded<'_>,
    about: About,
) -> io::Result<()> {
    if *current != Some(db) {
        // How many there are going to be is not known, and no reader relies on it.
        file.database(db, 0, 0)?;
        *current = Some(db);
    }
    match value {
        Loaded::String(text) => file.key(key, ValueRef::Inline(text), about),
        Loaded::Value(value) => file.key(key, value.into(), about),
    }
}
