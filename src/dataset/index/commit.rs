//! Adds parts to an index and takes rows out of it, while other processes and machines do the same.
//!
//! Everything slow is done beforehand, in hidden folders that no reader sees. What is left, a few renames, happens under
//! an exclusive lock on `commit.lock`: there the parts are listed anew, so that of two rows of one example only one stays.
//! Where a part holds the older row, a copy without it takes its place. A process that dies between the renames leaves
//! an example without a row, never with two; the next run reads it again.
//!
//! A run holds a lock on a file of its own, `.run-<name>`. Hidden folders whose run holds none are left over from one
//! that died, and are removed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::IndexError;
use super::columns::Columns;
use super::ledger::{Known, KnownRow, Ledger};
use super::part::{self, PartialPart};
use super::reader::Part;
use super::rows::{Row, RowKey};
use super::schema::{PART_PREFIX, Table};

const LOCK: &str = "commit.lock";
const RUN_PREFIX: &str = ".run-";
const PARTIAL_PREFIX: &str = ".part-";
const GONE_PREFIX: &str = ".gone-";
const DAMAGED_PREFIX: &str = ".damaged-";
const WRITING: &str = "write the index to";

/// One process's work on an index.
#[derive(Debug)]
pub(super) struct Run {
    folder: PathBuf,
    name: String,
    stamp: String,
    /// Locked for as long as the run lives.
    alive: File,
    commit_lock: File,
    has_locks: bool,
    count: AtomicUsize,
    ledger: Mutex<Ledger>,
    /// Of free names; `None` until the first part is written.
    columns: Mutex<Option<Columns>>,
    damages: Vec<String>,
}

impl Run {
    /// Creates the index if there is none, removes what dead runs left, and looks at what there is.
    pub fn start(folder: PathBuf, stamp: String) -> Result<Self, IndexError> {
        fs::create_dir_all(&folder).map_err(IndexError::io(WRITING, &folder))?;
        let name = format!("{:08x}", RandomState::new().hash_one(0) as u32);
        let open = |path: PathBuf| {
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
            file.map_err(IndexError::io(WRITING, &path))
        };
        let commit_lock = open(folder.join(LOCK))?;
        let has_locks = lock(&commit_lock).map_err(IndexError::io("lock", &folder.join(LOCK)))?;
        let alive = open(folder.join(format!("{RUN_PREFIX}{name}")))?;
        if has_locks {
            lock(&alive).map_err(IndexError::io("lock", &folder))?;
            remove_leftovers(&folder, &name)?;
        }
        unlock(&commit_lock);
        let mut run = Self {
            name,
            stamp,
            alive,
            commit_lock,
            has_locks,
            count: AtomicUsize::new(0),
            ledger: Mutex::default(),
            columns: Mutex::default(),
            damages: Vec::new(),
            folder,
        };
        if run.refresh().is_err() {
            run.damages = run.set_damaged_aside()?;
        }
        Ok(run)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// By which version of the layout and which options it writes.
    pub fn stamp(&self) -> &str {
        &self.stamp
    }

    /// Whether the file system has locks. Without them, two runs at once may leave an example in two parts.
    pub fn has_locks(&self) -> bool {
        self.has_locks
    }

    /// What was wrong with parts that were set aside.
    pub fn damages(&self) -> &[String] {
        &self.damages
    }

    /// What it knows of the parts.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A thread that panicked left a ledger that lists what it lists.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the parts anew.
    pub fn refresh(&self) -> Result<(), IndexError> {
        self.ledger().refresh(&self.folder)
    }

    /// Looks at the parts anew and takes damaged ones out, under the lock: another run may see the same damage. Says what was
    /// wrong with each.
    fn set_damaged_aside(&self) -> Result<Vec<String>, IndexError> {
        let _locked = self.locked()?;
        let mut damages = Vec::new();
        while let Err(error) = self.refresh() {
            damages.push(set_aside(error)?);
        }
        Ok(damages)
    }

    /// Adds rows as one part, each in the place of older rows of its example; what another run has added meanwhile
    /// from the same state of a trace stays instead.
    pub fn add(&self, mut rows: Vec<Row>) -> Result<(), IndexError> {
        rows.sort_by(|a, b| a.key.path.cmp(&b.key.path));
        let free = self.columns(&rows)?;
        let mut written = Some(part::write(self.partial(), &rows, &free, &self.stamp)?);
        let mut ledger = self.ledger();
        let _locked = self.locked()?;
        ledger.refresh(&self.folder)?;
        let mine: HashMap<i64, &RowKey> = rows.iter().map(|row| (row.key.example, &row.key)).collect();
        let (mut stale, mut known) = (Stale::new(), HashSet::new());
        for there in ledger.parts() {
            for row in &there.rows {
                let Some(key) = mine.get(&row.key.example) else { continue };
                let is_current =
                    row.key.version.is_some() && row.key.version == key.version && there.stamp == self.stamp;
                // Of two current rows, as two runs without locks may leave them, the second is outdated.
                if !is_current || !known.insert(row.key.example) {
                    stale
                        .entry(there.part.name())
                        .or_insert_with(|| Outdated::of(there))
                        .examples
                        .insert(row.key.example);
                }
            }
        }
        if !known.is_empty() {
            // Its name is needed for the next.
            drop(written.take());
            rows.retain(|row| !known.contains(&row.key.example));
            if !rows.is_empty() {
                written = Some(part::write(self.partial(), &rows, &free, &self.stamp)?);
            }
        }
        let added = self.replace(&stale, written)?;
        // What was just written need not be read back.
        if let Some(part) = added {
            let known = |row: Row| KnownRow { key: row.key, error: row.content.err() };
            let rows = rows.into_iter().map(known).collect();
            ledger.insert(Known { part, stamp: self.stamp.clone(), rows });
        }
        Ok(())
    }

    /// The columns of free names with which these rows are written: those of all parts, and others of these rows.
    fn columns(&self, rows: &[Row]) -> Result<Columns, IndexError> {
        let parts: Vec<Part> = self.ledger().parts().map(|known| known.part.clone()).collect();
        let mut known = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            let mut columns = Columns::default();
            for part in parts {
                for table in [Table::Examples, Table::HeadStats] {
                    match part.schema(table) {
                        Ok(schema) => columns.learn(schema.fields().iter().map(|field| field.name().as_str())),
                        Err(error) if error.is_gone() => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            *known = Some(columns);
        }
        let columns = known.get_or_insert_default();
        columns.choose(rows);
        Ok(columns.clone())
    }

    /// Takes the rows of these examples out.
    pub fn remove(&self, examples: &HashSet<i64>) -> Result<(), IndexError> {
        let mut ledger = self.ledger();
        let _locked = self.locked()?;
        ledger.refresh(&self.folder)?;
        let mut stale = Stale::new();
        for there in ledger.parts() {
            let found = there.rows.iter().map(|row| row.key.example).filter(|example| examples.contains(example));
            let found: HashSet<i64> = found.collect();
            if !found.is_empty() {
                stale.insert(there.part.name(), Outdated { examples: found, ..Outdated::of(there) });
            }
        }
        self.replace(&stale, None).map(drop)
    }

    /// Puts copies in the place of parts with outdated rows, then adds a part. The lock is held.
    fn replace(&self, stale: &Stale<'_>, new: Option<PartialPart>) -> Result<Option<Part>, IndexError> {
        let mut copies = Vec::new();
        for outdated in stale.values() {
            let copy = (outdated.examples.len() < outdated.rows).then(|| {
                part::write_without(self.partial(), outdated.part.folder(), &outdated.examples, outdated.stamp)
            });
            copies.push((outdated.part, copy.transpose()?));
        }
        for (old, copy) in copies {
            let gone = self.hidden(GONE_PREFIX);
            fs::rename(old.folder(), &gone).map_err(IndexError::io(WRITING, old.folder()))?;
            if let Some(copy) = copy {
                self.publish(&copy)?;
            }
            // What cannot be removed now is left for the next run.
            let _ = fs::remove_dir_all(&gone);
        }
        let added = new.map(|new| self.publish(&new)).transpose()?;
        part::sync_folder(&self.folder)?;
        Ok(added)
    }

    fn publish(&self, part: &PartialPart) -> Result<Part, IndexError> {
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let published = Part::new(&self.folder, format!("{PART_PREFIX}{ms:011x}-{}-{number}", self.name));
        fs::rename(&part.path, published.folder()).map_err(IndexError::io(WRITING, published.folder()))?;
        Ok(published)
    }

    fn partial(&self) -> PathBuf {
        self.hidden(PARTIAL_PREFIX)
    }

    fn hidden(&self, prefix: &str) -> PathBuf {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("{prefix}{}-{number}", self.name))
    }

    fn locked(&self) -> Result<Locked<'_>, IndexError> {
        if self.has_locks {
            self.commit_lock.lock().map_err(IndexError::io("lock", &self.folder.join(LOCK)))?;
        }
        Ok(Locked { file: &self.commit_lock })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // If it stays, the next run finds it unlocked.
        let _ = fs::remove_file(self.folder.join(format!("{RUN_PREFIX}{}", self.name)));
        unlock(&self.alive);
    }
}

/// By the name of a part: its rows that are outdated.
type Stale<'a> = BTreeMap<&'a str, Outdated<'a>>;

struct Outdated<'a> {
    part: &'a Part,
    stamp: &'a str,
    rows: usize,
    examples: HashSet<i64>,
}

impl<'a> Outdated<'a> {
    fn of(known: &'a Known) -> Self {
        Self { part: &known.part, stamp: &known.stamp, rows: known.rows.len(), examples: HashSet::new() }
    }
}

/// The commit lock while it is held.
struct Locked<'a> {
    file: &'a File,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        unlock(self.file);
    }
}

/// Waits for an exclusive lock; `false` if the file system has none.
fn lock(file: &File) -> io::Result<bool> {
    /// "No locks available", by which some network file systems mean the same.
    const ENOLCK: i32 = 37;
    match file.lock() {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(false),
        Err(error) if cfg!(target_os = "linux") && error.raw_os_error() == Some(ENOLCK) => Ok(false),
        Err(error) => Err(error),
    }
}

fn unlock(file: &File) {
    // Closing the file does it in any case.
    let _ = file.unlock();
}

/// Takes a damaged part out of the index, so that its traces are read again, and says what was wrong. Nothing is deleted: who
/// knows how it came there.
fn set_aside(error: IndexError) -> Result<String, IndexError> {
    let Some(part) = error.damaged_part() else { return Err(error) };
    let name = part.file_name().unwrap_or_default().to_string_lossy();
    let aside = part.with_file_name(format!("{DAMAGED_PREFIX}{name}"));
    fs::rename(part, &aside).map_err(IndexError::io(WRITING, part))?;
    Ok(format!("{error}; the part is set aside as {}, and its traces are read again", aside.display()))
}

/// Removes what runs left that live no more. The commit lock is held, so none is just beginning.
fn remove_leftovers(folder: &Path, own_name: &str) -> Result<(), IndexError> {
    let entries = folder.read_dir().and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(IndexError::io("read the index in", folder))?;
    let mut living = HashSet::from([own_name.to_owned()]);
    let names: Vec<String> = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    for name in names.iter().filter_map(|name| name.strip_prefix(RUN_PREFIX)) {
        let path = folder.join(format!("{RUN_PREFIX}{name}"));
        let locked = OpenOptions::new().write(true).open(&path).map(|file| file.try_lock());
        match locked {
            // A run that ends removes its file itself.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(Ok(())) => fs::remove_file(&path).map_err(IndexError::io("remove", &path))?,
            _ => {
                living.insert(name.to_owned());
            }
        }
    }
    for name in &names {
        let rest = name.strip_prefix(PARTIAL_PREFIX).or_else(|| name.strip_prefix(GONE_PREFIX));
        if let Some((run, _)) = rest.and_then(|rest| rest.split_once('-'))
            && !living.contains(run)
        {
            let path = folder.join(name);
            fs::remove_dir_all(&path).map_err(IndexError::io("remove", &path))?;
        }
    }
    Ok(())
}
