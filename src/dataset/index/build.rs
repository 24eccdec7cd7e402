//! Brings an index up to date: compares the folder with what is indexed, then reads what is new or has changed.
//!
//! All threads take traces in order and share one batch. The thread that fills it writes it as a part while the others
//! read on; so memory holds a batch a thread at most, and an interruption loses no more.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};
use std::{fs, io, mem};

use rayon::prelude::*;

use super::IndexError;
use super::commit::Run;
use super::rows::{Content, ContentOptions, Row, RowKey};
use super::schema::{FORMAT, example_key, index_folder};
use crate::analysis::{Engine, EngineError};
use crate::dataset::{Traces, path_in, traces_in};
use crate::trace::Trace;

/// A part is written when it has [`BuildOptions::part_traces`], or takes so much memory,
const PART_BYTES: usize = 32 << 20;
/// or after this time, so that an interruption loses little where traces are large.
const PART_TIME: Duration = Duration::from_secs(60);
/// Files up to this size are read, larger ones mapped.
const MAX_READ_BYTES: u64 = 64 << 20;

/// What is indexed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOptions {
    /// The folder of the index, if not `.vlscope` in the dataset.
    pub index_dir: Option<PathBuf>,
    /// Which traces.
    pub shard: Shard,
    /// What of each trace.
    pub content: ContentOptions,
    /// The most traces in a part, which are what an interruption may lose.
    pub part_traces: usize,
}

impl Default for BuildOptions {
    fn default() -> Self {
        let (shard, content) = (Shard::default(), ContentOptions::default());
        Self { index_dir: None, shard, content, part_traces: Self::PART_TRACES }
    }
}

impl BuildOptions {
    /// The most traces in a part, unless another number is wished: few files for a large dataset.
    pub const PART_TRACES: usize = 4096;
}

/// The traces whose key, as an unsigned number, leaves `index` when divided by `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Whether an example belongs to it.
    pub fn has(self, example: i64) -> bool {
        example.cast_unsigned() % self.count == self.index
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((index, count)) if index < count => Ok(Self { index, count }),
            Some((index, count)) if count > 0 => {
                Err(format!("there is no shard {index} of {count}: they are counted from 0 to {}", count - 1))
            }
            _ => Err(format!("`{text}` is no shard: expected for example 0/4, the first of four")),
        }
    }
}

/// An index that is about to be brought up to date.
#[derive(Debug)]
pub struct Build {
    run: Run,
    options: BuildOptions,
    to_read: Vec<Found>,
    gone: HashSet<i64>,
    /// Examples that were there before.
    indexed: HashSet<i64>,
    /// Path of traces that are left out, and why.
    alike: Vec<(String, String)>,
    unread: Vec<(PathBuf, io::Error)>,
    /// How many were read that are new, and that have changed.
    read: [AtomicUsize; 2],
}

/// A trace in the folder.
#[derive(Debug)]
pub(super) struct Found {
    pub file: PathBuf,
    pub key: RowKey,
}

/// What a run did, and what is there now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows in the index, of this shard.
    pub traces: usize,
    /// Read for the first time.
    pub new: usize,
    /// Read again, since the file or the options have changed.
    pub changed: usize,
    /// Taken out, since their files are no longer there.
    pub gone: usize,
    /// Path and error of the traces that could not be read, in this run or before.
    pub broken: Vec<(String, String)>,
    /// What was wrong with parts of the index, whose traces were read again.
    pub damages: Vec<String>,
    /// Rows of other shards that were made with other options.
    pub of_other_options: usize,
}

impl Build {
    /// Looks at the folder and at its index, which it creates if there is none.
    ///
    /// # Errors
    /// If one of them cannot be read, the index cannot be written, or there is neither a trace nor an index.
    pub fn plan(dir: &Path, options: BuildOptions) -> Result<Self, IndexError> {
        let folder = index_folder(dir, options.index_dir.as_deref());
        let Traces { files: paths, unread } = traces_in(dir).map_err(IndexError::io("read", dir))?;
        if paths.is_empty() && !folder.is_dir() {
            return Err(IndexError::NoTraces { path: dir.to_owned() });
        }
        let stamp = serde_json::json!({
            "format": FORMAT,
            "hidden_states": options.content.hidden_states.to_string(),
            "specials": options.content.specials,
        });
        let run = Run::start(folder, stamp.to_string())?;
        let mut in_folder: Vec<Found> = paths.into_par_iter().filter_map(|file| Found::look(dir, file)).collect();
        // Names that are no text may be the same once they are written as text.
        let (mut names, mut alike) = (HashSet::new(), Vec::new());
        in_folder.retain(|found| {
            let is_new = names.insert(found.key.example);
            if !is_new {
                let why = "left out: its name is no text, and is that of another trace once it is written as text";
                alike.push((found.key.path.clone(), why.to_owned()));
            }
            is_new
        });
        in_folder.retain(|found| options.shard.has(found.key.example));
        let mut gone = HashSet::new();
        let mut indexed: HashMap<i64, Option<[i64; 2]>> = HashMap::new();
        let ledger = run.ledger();
        let rows = ledger.parts().flat_map(|part| &part.rows);
        let (all, strange) = rows
            .fold((0, 0), |(all, strange), row| (all + 1, strange + usize::from(!names.contains(&row.key.example))));
        if options.index_dir.is_some() && all > 0 && strange == all {
            let (path, dataset) = (run.folder().to_owned(), dir.to_owned());
            return Err(IndexError::OfOtherTraces { path, dataset, traces: all });
        }
        for part in ledger.parts() {
            for row in part.rows.iter().filter(|row| options.shard.has(row.key.example)) {
                let version = row.key.version.filter(|_| part.stamp == run.stamp());
                // Two rows of one example, as two runs without locks may leave them, are replaced by one.
                if indexed.insert(row.key.example, version).is_some() {
                    indexed.insert(row.key.example, None);
                }
                gone.insert(row.key.example);
            }
        }
        for found in &in_folder {
            gone.remove(&found.key.example);
        }
        // What cannot be looked at may be there still.
        let hidden: Vec<String> = unread.iter().map(|(folder, _)| path_in(dir, folder) + "/").collect();
        if !hidden.is_empty() {
            let rows = ledger.parts().flat_map(|part| &part.rows);
            let is_hidden = |path: &str| hidden.iter().any(|folder| path.starts_with(folder));
            rows.filter(|row| is_hidden(&row.key.path)).for_each(|row| {
                gone.remove(&row.key.example);
            });
        }
        drop(ledger);
        let is_outdated = |found: &Found| {
            indexed.get(&found.key.example).is_none_or(|version| version.is_none() || *version != found.key.version)
        };
        let to_read: Vec<Found> = in_folder.into_iter().filter(is_outdated).collect();
        let indexed = indexed.into_keys().collect();
        Ok(Self { run, options, to_read, gone, indexed, alike, unread, read: Default::default() })
    }

    /// How many traces will be read.
    pub fn traces(&self) -> usize {
        self.to_read.len()
    }

    /// How many bytes their files have.
    pub fn bytes(&self) -> u64 {
        self.to_read.iter().map(Found::bytes).sum()
    }

    /// Where the index lies.
    pub fn folder(&self) -> &Path {
        self.run.folder()
    }

    /// Folders of the dataset that cannot be read, and what the system says. The rows of their traces stay as they are.
    pub fn unread(&self) -> &[(PathBuf, io::Error)] {
        &self.unread
    }

    /// Whether the file system has locks. Without them, no other run should write to this index.
    pub fn has_locks(&self) -> bool {
        self.run.has_locks()
    }

    /// Reads the traces and writes what they say. After each, `on_trace` hears the size of its file, from any thread, and
    /// says whether to go on. What was written before an error stays.
    ///
    /// # Errors
    /// If the index cannot be written, or `on_trace` says no. A trace that cannot be read is a row with its error.
    pub fn run(self, on_trace: &(dyn Fn(u64) -> bool + Sync)) -> Result<Report, IndexError> {
        let engine = Engine::cpu();
        let next = AtomicUsize::new(0);
        let batch = Mutex::new(Batch::new());
        let failure: Mutex<Option<IndexError>> = Mutex::new(None);
        let has_failed = || lock(&failure).is_some();
        let read_one = |found: &Found| {
            if let Some(row) = found.read(&engine, &self.options.content, &|| !has_failed()) {
                self.read[usize::from(self.indexed.contains(&row.key.example))].fetch_add(1, Ordering::Relaxed);
                let full = lock(&batch).push(row, self.options.part_traces);
                full.map_or(Ok(()), |rows| self.run.add(rows))?;
            }
            if on_trace(found.bytes()) { Ok(()) } else { Err(IndexError::Cancelled) }
        };
        let work = |_: rayon::BroadcastContext<'_>| {
            while let Some(found) = self.to_read.get(next.fetch_add(1, Ordering::Relaxed)).filter(|_| !has_failed()) {
                if let Err(error) = read_one(found) {
                    lock(&failure).get_or_insert(error);
                }
            }
        };
        // One thread more than usual: while one waits for the disk to have a part, its core is another's.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(rayon::current_num_threads() + 1).build();
        pool.map_or_else(|_| rayon::broadcast(work), |pool| pool.broadcast(work));
        if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let rest = batch.into_inner().unwrap_or_else(PoisonError::into_inner).rows;
        if !rest.is_empty() {
            self.run.add(rest)?;
        }
        if !self.gone.is_empty() {
            self.run.remove(&self.gone)?;
        }
        self.report()
    }

    fn report(&self) -> Result<Report, IndexError> {
        self.run.refresh()?;
        let [new, changed] = self.read.each_ref().map(|count| count.load(Ordering::Relaxed));
        let (gone, damages) = (self.gone.len(), self.run.damages().to_vec());
        let broken = self.alike.clone();
        let mut report = Report { new, changed, gone, damages, broken, ..Report::default() };
        for part in self.run.ledger().parts() {
            for row in &part.rows {
                if self.options.shard.has(row.key.example) {
                    report.traces += 1;
                    report.broken.extend(row.error.as_ref().map(|error| (row.key.path.clone(), error.clone())));
                } else if part.stamp != self.run.stamp() {
                    report.of_other_options += 1;
                }
            }
        }
        report.broken.sort();
        Ok(report)
    }
}

impl Found {
    /// `None` if it is gone already.
    pub fn look(dir: &Path, file: PathBuf) -> Option<Self> {
        let path = path_in(dir, &file);
        let version = match file.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            metadata => metadata.ok().and_then(|metadata| version(&metadata)),
        };
        Some(Self { key: RowKey { example: example_key(&path), path, version }, file })
    }

    fn bytes(&self) -> u64 {
        self.key.version.map_or(0, |[size, _]| size.cast_unsigned())
    }

    /// `None` if it is gone, or `goes_on` says no.
    fn read(&self, engine: &Engine, options: &ContentOptions, goes_on: &dyn Fn() -> bool) -> Option<Row> {
        let mut key = self.key.clone();
        let trace = if self.bytes() <= MAX_READ_BYTES { Trace::read(&self.file) } else { Trace::open(&self.file) };
        let content = match trace {
            Ok(trace) => match Content::of(trace, engine, options, goes_on) {
                Ok(content) => Ok(content),
                Err(EngineError::Cancelled) => return None,
                Err(error) => Err(error.to_string()),
            },
            Err(error) if error.io_kind() == Some(io::ErrorKind::NotFound) => return None,
            Err(error) => {
                // The system may say otherwise next time, though the file is the same.
                key.version = key.version.filter(|_| error.io_kind().is_none());
                Err(error.message)
            }
        };
        Some(Row { key, content })
    }
}

/// Size in bytes, and time of change in nanoseconds since 1970.
fn version(metadata: &fs::Metadata) -> Option<[i64; 2]> {
    let changed = metadata.modified().ok()?;
    let ns = match changed.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok()?,
        Err(before) => -i64::try_from(before.duration().as_nanos()).ok()?,
    };
    Some([i64::try_from(metadata.len()).ok()?, ns])
}

/// Rows that are not yet written.
pub(super) struct Batch {
    pub rows: Vec<Row>,
    bytes: usize,
    begun: Instant,
}

impl Batch {
    pub fn new() -> Self {
        Self { rows: Vec::new(), bytes: 0, begun: Instant::now() }
    }

    /// The rows that are to be written now.
    pub fn push(&mut self, row: Row, most: usize) -> Option<Vec<Row>> {
        self.bytes += row.content.as_ref().map_or(0, Content::bytes);
        self.rows.push(row);
        let is_full = self.rows.len() >= most || self.bytes >= PART_BYTES || self.begun.elapsed() >= PART_TIME;
        is_full.then(|| mem::replace(self, Self::new()).rows)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A thread that panicked left a batch of whole rows.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
