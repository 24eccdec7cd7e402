//! The work that a dataset takes, each kind in a thread of its own: opening it, reading headers, filtering and sorting, the
//! atlas, looking after files that changed, opening the neighbours of the example that is shown, and indexing.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use crate::app::model::browsing::{Changes, Listing, Work, WorkKind};
use crate::app::model::effect::Effect;
use crate::app::model::messages::Messages;
use crate::app::model::state::State;
use crate::app::work::preloaded::Preloaded;
use crate::app::work::stamp::stamp;
use crate::app::work::worker::Worker;
use crate::dataset::index::{Build, BuildOptions, Report};
use crate::dataset::table::{Filter, HeadColumn, QueryError, Table};
use crate::dataset::{Dataset, IndexError, Order, Traces, traces_in};
use crate::query::{Atlas, AtlasError, AtlasQuestion, OpenTrace};

/// What is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Opening {
    path: PathBuf,
    /// Of its index, if not `.vlscope` in it.
    index_dir: Option<PathBuf>,
    /// Whether it is another one than before.
    is_other: bool,
}

/// What a path was.
enum Opened {
    /// A folder with an index.
    Indexed(Dataset),
    /// A trace, or a folder of traces; why its index was not read if it has one.
    Plain { dataset: Dataset, files: Vec<PathBuf>, why: Option<IndexError> },
    /// Nothing that can be shown.
    Nothing(String),
}

/// What the browser is to show.
#[derive(Clone, Debug, PartialEq)]
struct ListQuestion {
    serial: u64,
    query: String,
    picked: Option<Arc<Vec<u32>>>,
    order: Option<Order>,
    heads: Vec<String>,
}

type ListAnswer = (ListQuestion, Result<Listing, QueryError>);
type AtlasAnswer = (u64, AtlasQuestion, Result<Atlas, AtlasError>);

/// Counts what is done, and of how many.
type Progress = Arc<[AtomicUsize; 2]>;

/// The workers, what was asked of them, and what they have answered.
pub struct Desk {
    opener: Worker<Opening, (Opening, Opened)>,
    index_elsewhere: Option<(PathBuf, PathBuf)>,
    opening: Option<Opening>,
    opened: Option<PathBuf>,
    reader: Worker<(PathBuf, Vec<PathBuf>), Dataset>,
    reading: Option<(PathBuf, usize)>,
    read: Progress,
    lister: Worker<(Arc<Dataset>, ListQuestion), ListAnswer>,
    listed: Option<ListQuestion>,
    listing_since: Option<Instant>,
    atlas: Worker<(Arc<Dataset>, u64, AtlasQuestion), AtlasAnswer>,
    early: Receiver<AtlasAnswer>,
    atlas_asked: Option<(u64, AtlasQuestion)>,
    is_computing: bool,
    permuted: Arc<AtomicUsize>,
    watcher: Worker<(Arc<Dataset>, u64), (u64, Changes)>,
    watched: u64,
    preloader: Worker<Vec<PathBuf>, Vec<OpenTrace>>,
    preloaded: Preloaded,
    asked_to_preload: Vec<PathBuf>,
    indexer: Worker<(PathBuf, Option<PathBuf>), Result<Report, IndexError>>,
    is_indexing: bool,
    is_cancelled: Arc<AtomicBool>,
    indexed: Progress,
}

impl Desk {
    /// Starts the workers. `index_elsewhere` is a dataset and the folder of its index; `wake` asks for a frame from any thread.
    pub fn new(index_elsewhere: Option<(PathBuf, PathBuf)>, wake: impl Fn() + Clone + Send + 'static) -> Self {
        let (read, indexed) = (Progress::default(), Progress::default());
        let (permuted, is_cancelled) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (send_early, early) = mpsc::channel();
        Self {
            opener: Worker::start(
                |opening: Opening, _| {
                    let opened = open(&opening);
                    Some((opening, opened))
                },
                wake.clone(),
            ),
            index_elsewhere,
            opening: None,
            opened: None,
            reader: Worker::start(
                {
                    let read = Arc::clone(&read);
                    move |(root, files): (PathBuf, Vec<PathBuf>), outdated: &AtomicBool| {
                        read[0].store(0, Ordering::Relaxed);
                        let goes_on = || {
                            read[0].fetch_add(1, Ordering::Relaxed);
                            !outdated.load(Ordering::Relaxed)
                        };
                        Dataset::of_headers(&root, &files, &goes_on)
                    }
                },
                wake.clone(),
            ),
            reading: None,
            read,
            lister: Worker::start(
                |(dataset, question): (Arc<Dataset>, ListQuestion), _| Some(list(&dataset, question)),
                wake.clone(),
            ),
            listed: None,
            listing_since: None,
            atlas: Worker::start(
                {
                    let (permuted, wake) = (Arc::clone(&permuted), wake.clone());
                    move |(dataset, serial, question): (Arc<Dataset>, u64, AtlasQuestion), outdated: &AtomicBool| {
                        permuted.store(0, Ordering::Relaxed);
                        if question.b.is_some() {
                            // All but the p-values is there at once.
                            let soon = AtlasQuestion { permutations: 0, ..question.clone() };
                            let answer = Atlas::of(&dataset, &soon, &|| true);
                            let is_sound = answer.is_ok();
                            // Fails only after the window was closed.
                            let _ = send_early.send((serial, question.clone(), answer));
                            wake();
                            if !is_sound {
                                return None;
                            }
                        }
                        let goes_on = || {
                            permuted.fetch_add(1, Ordering::Relaxed);
                            !outdated.load(Ordering::Relaxed)
                        };
                        match Atlas::of(&dataset, &question, &goes_on) {
                            Err(AtlasError::Cancelled) => None,
                            answer => Some((serial, question, answer)),
                        }
                    }
                },
                wake.clone(),
            ),
            early,
            atlas_asked: None,
            is_computing: false,
            permuted,
            watcher: Worker::start(
                |(dataset, serial): (Arc<Dataset>, u64), outdated: &AtomicBool| {
                    Some((serial, changes(&dataset, outdated)?))
                },
                wake.clone(),
            ),
            watched: 0,
            preloader: Worker::start(
                |paths: Vec<PathBuf>, outdated: &AtomicBool| {
                    let is_wanted = |_: &PathBuf| !outdated.load(Ordering::Relaxed);
                    Some(
                        paths
                            .into_iter()
                            .take_while(is_wanted)
                            .filter_map(|path| OpenTrace::open(&path).ok())
                            .collect(),
                    )
                },
                wake.clone(),
            ),
            preloaded: Preloaded::default(),
            asked_to_preload: Vec::new(),
            indexer: Worker::start(
                {
                    let (indexed, is_cancelled) = (Arc::clone(&indexed), Arc::clone(&is_cancelled));
                    move |(dir, index_dir): (PathBuf, Option<PathBuf>), outdated: &AtomicBool| {
                        let goes_on = |_| {
                            indexed[0].fetch_add(1, Ordering::Relaxed);
                            !is_cancelled.load(Ordering::Relaxed) && !outdated.load(Ordering::Relaxed)
                        };
                        let options = BuildOptions { index_dir, ..BuildOptions::default() };
                        Some(Build::plan(&dir, options).and_then(|build| {
                            indexed[1].store(build.traces(), Ordering::Relaxed);
                            build.run(&goes_on)
                        }))
                    }
                },
                wake,
            ),
            is_indexing: false,
            is_cancelled,
            indexed,
        }
    }

    /// Finds the traces of a path, and then shows the first.
    pub fn open(&mut self, path: PathBuf) {
        self.ask_to_open(path, true);
    }

    fn ask_to_open(&mut self, path: PathBuf, is_other: bool) {
        let opening = Opening { index_dir: self.index_dir(&path), path, is_other };
        self.opening = Some(opening.clone());
        self.opener.ask(opening);
    }

    /// Where the index of a dataset lies, if not in its folder.
    pub fn index_dir(&self, path: &Path) -> Option<PathBuf> {
        let elsewhere = self.index_elsewhere.as_ref().filter(|(dataset, _)| dataset == path);
        elsewhere.map(|(_, index)| index.clone())
    }

    /// What was opened last: a trace or a folder.
    pub fn opened(&self) -> Option<&Path> {
        self.opened.as_deref()
    }

    /// A trace that was opened beforehand, if its file is still the same.
    pub fn preloaded(&self, path: &Path) -> Option<Arc<OpenTrace>> {
        self.preloaded.get(path)
    }

    /// Keeps a trace that is shown, in case somebody comes back to it.
    pub fn keep(&mut self, trace: &Arc<OpenTrace>) {
        self.preloaded.keep(Arc::clone(trace));
    }

    /// Whether nothing is awaited any more.
    pub fn is_settled(&self) -> bool {
        self.opening.is_none()
            && self.reading.is_none()
            && self.listing_since.is_none()
            && !self.is_computing
            && !self.is_indexing
    }

    /// Since when a list of examples is awaited.
    pub fn listing_since(&self) -> Option<Instant> {
        self.listing_since
    }

    /// Begins to index the folder that is open.
    pub fn index(&mut self, messages: &mut Messages) {
        let Some(dir) = self.opened.clone().filter(|path| path.is_dir()) else {
            return messages.fail("only a folder of traces can have an index");
        };
        if !self.is_indexing {
            self.is_indexing = true;
            self.is_cancelled.store(false, Ordering::Relaxed);
            self.indexed.iter().for_each(|count| count.store(0, Ordering::Relaxed));
            let index_dir = self.index_dir(&dir);
            self.indexer.ask((dir, index_dir));
        }
    }

    /// Stops indexing. What was written stays.
    pub fn cancel_indexing(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Asks for what the state shows now, unless that was the last question already.
    pub fn ask(&mut self, state: &State) {
        let browsing = &state.browsing;
        let Some(dataset) = &browsing.dataset else { return };
        let question = ListQuestion {
            serial: browsing.serial,
            query: browsing.query.clone(),
            picked: browsing.picked.clone(),
            order: browsing.order.clone(),
            heads: browsing.columns.iter().filter(|column| HeadColumn::parse(column).is_some()).cloned().collect(),
        };
        if self.listed.as_ref() != Some(&question) {
            self.listed = Some(question.clone());
            self.listing_since = Some(Instant::now());
            self.lister.ask((Arc::clone(dataset), question));
        }
        let atlas = browsing.atlas_question().map(|question| (browsing.serial, question));
        if atlas != self.atlas_asked && self.listing_since.is_none() {
            if let Some((serial, question)) = atlas.clone() {
                self.is_computing = true;
                self.atlas.ask((Arc::clone(dataset), serial, question));
            }
            self.atlas_asked = atlas;
        }
        if self.watched != browsing.serial && dataset.index().is_some() && self.opening.is_none() {
            self.watched = browsing.serial;
            self.watcher.ask((Arc::clone(dataset), browsing.serial));
        }
        let neighbours = state.neighbours();
        if neighbours != self.asked_to_preload {
            let missing: Vec<PathBuf> =
                neighbours.iter().filter(|path| self.preloaded.get(path).is_none()).cloned().collect();
            self.asked_to_preload = neighbours;
            if !missing.is_empty() {
                self.preloader.ask(missing);
            }
        }
    }

    /// Hands the answers to the state; what is to be done then.
    pub fn take_answers(&mut self, state: &mut State, messages: &mut Messages) -> Vec<Effect> {
        let mut effects = Vec::new();
        let opened: Vec<_> = self.opener.answers().collect();
        for (opening, found) in opened {
            if self.opening.as_ref() == Some(&opening) {
                self.opening = None;
                effects.extend(self.take_opened(state, messages, opening, found));
            }
        }
        if let Some(dataset) = self.reader.answers().last() {
            let is_wanted = self.reading.take().is_some_and(|(root, _)| root == dataset.table.root());
            if is_wanted && self.opening.is_none() {
                effects.extend(state.set_dataset(dataset));
            }
        }
        self.take_listing(state);
        self.take_atlas(state);
        if let Some((serial, changes)) = self.watcher.answers().last()
            && serial == state.browsing.serial
        {
            state.browsing.changes = Arc::new(changes);
        }
        for trace in self.preloader.answers().flatten() {
            self.preloaded.keep(Arc::new(trace));
        }
        self.take_report(state, messages);
        state.browsing.work = self.work();
        effects
    }

    fn take_opened(
        &mut self,
        state: &mut State,
        messages: &mut Messages,
        Opening { path, is_other, .. }: Opening,
        found: Opened,
    ) -> Option<Effect> {
        if is_other && !matches!(found, Opened::Nothing(_)) {
            state.browsing.forget();
            state.examples.clear();
        }
        self.reading = None;
        match found {
            Opened::Indexed(dataset) => {
                self.opened = Some(path);
                state.set_dataset(dataset)
            }
            Opened::Plain { dataset, files, why } => {
                if let Some(why) = why {
                    messages.fail(format!("{why}: the traces are read instead"));
                }
                self.opened = Some(path);
                let root = dataset.table.root().to_owned();
                self.read[0].store(0, Ordering::Relaxed);
                self.reading = Some((root.clone(), files.len()));
                self.reader.ask((root, files));
                state.set_dataset(dataset)
            }
            Opened::Nothing(why) => {
                messages.fail(why);
                None
            }
        }
    }

    fn take_listing(&mut self, state: &mut State) {
        let Some((question, answer)) = self.lister.answers().last() else { return };
        if self.listed.as_ref() != Some(&question) {
            return;
        }
        self.listing_since = None;
        match answer {
            Ok(listing) => (state.browsing.listing, state.browsing.error) = (listing, None),
            Err(error) => state.browsing.error = Some(error),
        }
    }

    fn take_atlas(&mut self, state: &mut State) {
        let early: Vec<_> = self.early.try_iter().map(|answer| (answer, false)).collect();
        let late: Vec<_> = self.atlas.answers().map(|answer| (answer, true)).collect();
        for ((serial, question, answer), is_last) in early.into_iter().chain(late) {
            if self.atlas_asked.as_ref() != Some(&(serial, question)) {
                continue;
            }
            self.is_computing &= !(is_last || answer.is_err());
            match answer {
                Ok(atlas) => state.browsing.set_atlas(atlas),
                Err(error) => state.browsing.atlas.error = Some(error.to_string()),
            }
            state.version += 1;
        }
        let is_permuting = self.is_computing && state.browsing.atlas.choice.b.is_some();
        state.browsing.atlas.permuting = is_permuting.then(|| self.permuted.load(Ordering::Relaxed) as u32);
    }

    fn take_report(&mut self, state: &State, messages: &mut Messages) {
        let Some(report) = self.indexer.answers().last() else { return };
        self.is_indexing = false;
        match report {
            Ok(report) => {
                let broken = match report.broken.len() {
                    0 => String::new(),
                    count => format!(", {count} of them cannot be read: is:broken lists them"),
                };
                messages.tell(format!("Indexed: {} traces{broken}", report.traces));
            }
            Err(IndexError::Cancelled) => messages.tell("Indexing was stopped; what was written stays"),
            Err(error) => messages.fail(error.to_string()),
        }
        let root = state.browsing.dataset.as_ref().map(|dataset| dataset.table.root());
        if let Some(opened) = self.opened.clone().filter(|opened| root == Some(opened)) {
            self.ask_to_open(opened, false);
        }
    }

    fn work(&self) -> Option<Work> {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        if self.is_indexing {
            let [done, of] = [count(&self.indexed[0]), count(&self.indexed[1])];
            return Some(Work { kind: WorkKind::Indexing, done, of });
        }
        if self.opening.is_some() {
            return Some(Work { kind: WorkKind::Opening, done: 0, of: 0 });
        }
        let (_, of) = self.reading.as_ref()?;
        Some(Work { kind: WorkKind::Reading, done: count(&self.read[0]), of: *of })
    }
}

fn open(Opening { path, index_dir, .. }: &Opening) -> Opened {
    let cannot = |error: &dyn std::fmt::Display| Opened::Nothing(format!("cannot open {}: {error}", path.display()));
    if path.is_file() {
        let root = path.parent().unwrap_or(Path::new("")).to_owned();
        let files = vec![path.to_owned()];
        let dataset = Dataset::without_index(Table::of_files(&root, &files));
        return Opened::Plain { dataset, files, why: None };
    }
    let why = match Dataset::open(path, index_dir.as_deref()) {
        Ok(dataset) if !dataset.table.is_empty() => return Opened::Indexed(dataset),
        Ok(_) | Err(IndexError::Missing { .. }) => None,
        Err(error) => Some(error),
    };
    match traces_in(path) {
        Err(error) => cannot(&error),
        Ok(Traces { files, .. }) if files.is_empty() => {
            Opened::Nothing(format!("no trace (*.safetensors) in the folder {}", path.display()))
        }
        Ok(Traces { files, .. }) => {
            Opened::Plain { dataset: Dataset::without_index(Table::of_files(path, &files)), files, why }
        }
    }
}

fn list(dataset: &Dataset, question: ListQuestion) -> ListAnswer {
    let listing = Filter::parse(&question.query).and_then(|filter| {
        let mut rows = dataset.rows_within(&filter, question.picked.as_deref().map(Vec::as_slice))?;
        if let Some(order) = &question.order {
            dataset.sort(&mut rows, order).map_err(|message| QueryError { message, at: 0..0 })?;
        }
        let column =
            |name: &String| Some((name.clone(), Arc::new(dataset.head(&HeadColumn::parse(name)?.ok()?).ok()?)));
        let heads = question.heads.iter().filter_map(column).collect();
        Ok(Listing { rows: Arc::new(rows), heads, query: question.query.clone() })
    });
    (question, listing)
}

/// What has changed since the dataset was indexed. In this thread alone: a filter that is typed meanwhile has the others.
fn changes(dataset: &Dataset, outdated: &AtomicBool) -> Option<Changes> {
    let mut changes = Changes::default();
    let known = dataset.paths();
    for (row, path) in known.iter().enumerate() {
        if outdated.load(Ordering::Relaxed) {
            return None;
        }
        let stamp = stamp(path);
        if stamp.is_none() || stamp != dataset.table.stamp(row) {
            changes.rows.insert(row as u32);
        }
    }
    // A folder that cannot be searched has been told of by what was opened in it.
    let found = traces_in(dataset.table.root()).unwrap_or_default().files;
    let known: HashSet<PathBuf> = known.into_iter().collect();
    changes.new = found.iter().filter(|path| !known.contains(*path)).count();
    Some(changes)
}
