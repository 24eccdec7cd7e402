//! The work that a dataset takes, each kind in a thread of its own: opening it, reading headers, filtering and sorting, the
//! atlas, looking after files that changed, opening the neighbours of the example that is shown, and indexing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::app::model::browsing::{Changes, Listing, Work, WorkKind};
use crate::app::model::effect::Effect;
use crate::app::model::messages::Messages;
use crate::app::model::state::State;
use crate::app::work::about::About;
use crate::app::work::latest::{Job, Latest};
use crate::app::work::listing::{ListQuestion, changes, list};
use crate::app::work::opening::{Opened, Opening, open};
use crate::app::work::preloaded::Preloaded;
use crate::dataset::index::{Build, BuildOptions, Report};
use crate::dataset::table::QueryError;
use crate::dataset::{Dataset, IndexError};
use crate::query::{Atlas, AtlasQuestion, OpenTrace};

/// A folder and the traces in it.
type Files = (PathBuf, Vec<PathBuf>);
/// A folder, and where its index goes, if not into it.
type Folder = (PathBuf, Option<PathBuf>);

/// The workers of the dataset.
pub struct Desk {
    index_elsewhere: Option<(PathBuf, PathBuf)>,
    opened: Option<PathBuf>,
    opener: Latest<Opening, Opened>,
    reader: Latest<Files, Option<Dataset>>,
    lister: Latest<About<ListQuestion>, Result<Listing, QueryError>>,
    atlas: Latest<About<AtlasQuestion>, Atlas>,
    watcher: Latest<About<()>, Changes>,
    preloader: Latest<Vec<PathBuf>, Vec<OpenTrace>>,
    preloaded: Preloaded,
    asked_to_preload: Vec<PathBuf>,
    indexer: Latest<Folder, Report>,
}

impl Desk {
    /// Starts the workers. `index_elsewhere` is a dataset and the folder of its index; `wake` asks for a frame from any thread.
    pub fn new(index_elsewhere: Option<(PathBuf, PathBuf)>, wake: impl Fn() + Clone + Send + Sync + 'static) -> Self {
        Self {
            index_elsewhere,
            opened: None,
            opener: Latest::start(wake.clone(), || (), |(), opening, _| Ok(open(opening))),
            reader: Latest::start(
                wake.clone(),
                || (),
                |(), (root, files): &Files, job| Ok(Dataset::of_headers(root, files, &|| job.count())),
            ),
            lister: Latest::start(
                wake.clone(),
                || (),
                |(), About { subject, question, .. }: &About<_>, _| Ok(list(subject, question)),
            ),
            atlas: Latest::start(wake.clone(), || (), |(), request, job| atlas(request, job)),
            watcher: Latest::start(
                wake.clone(),
                || (),
                |(), about: &About<_>, job| Ok(changes(&about.subject, &|| job.goes_on())),
            ),
            preloader: Latest::start(
                wake.clone(),
                || (),
                |(), paths: &Vec<PathBuf>, job| {
                    let wanted = paths.iter().take_while(|_| job.goes_on());
                    Ok(wanted.filter_map(|path| OpenTrace::open(path).ok()).collect())
                },
            ),
            preloaded: Preloaded::default(),
            asked_to_preload: Vec::new(),
            indexer: Latest::start(
                wake,
                || (),
                |(), (dir, index_dir): &Folder, job| {
                    let options = BuildOptions { index_dir: index_dir.clone(), ..BuildOptions::default() };
                    let build = Build::plan(dir, options)?;
                    job.expect(build.traces());
                    Ok(build.run(&|_| job.count())?)
                },
            ),
        }
    }

    /// Finds the traces of a path, and then shows the first.
    pub fn open(&mut self, path: PathBuf) {
        self.ask_to_open(path, true);
    }

    /// Reads the dataset again that is open, since a column of it has changed.
    pub fn reopen(&mut self) {
        if let Some(opened) = self.opened.clone() {
            self.ask_to_open(opened, false);
        }
    }

    fn ask_to_open(&mut self, path: PathBuf, is_other: bool) {
        self.opener.ask_anew(Opening { index_dir: self.index_dir(&path), path, is_other });
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
        self.opener.is_settled()
            && self.reader.is_settled()
            && self.lister.is_settled()
            && self.atlas.is_settled()
            && self.indexer.is_settled()
    }

    /// Since when a list of examples is awaited.
    pub fn listing_since(&self) -> Option<Instant> {
        self.lister.waits_since()
    }

    /// Begins to index the folder that is open.
    pub fn index(&mut self, messages: &mut Messages) {
        let Some(dir) = self.opened.clone().filter(|path| path.is_dir()) else {
            return messages.fail("only a folder of traces can have an index");
        };
        if self.indexer.is_settled() {
            let index_dir = self.index_dir(&dir);
            self.indexer.ask_anew((dir, index_dir));
        }
    }

    /// Stops indexing. What was written stays.
    pub fn cancel_indexing(&self) {
        self.indexer.stop();
    }

    /// Asks for what the state shows now, unless that was the last question already.
    pub fn ask(&mut self, state: &State) {
        let browsing = &state.browsing;
        let Some(dataset) = &browsing.dataset else { return };
        self.lister.ask(About::new(dataset, browsing.serial, ListQuestion::of(browsing)));
        if self.lister.is_settled() {
            match browsing.atlas_question() {
                Some(question) => drop(self.atlas.ask(About::new(dataset, browsing.serial, question))),
                None => self.atlas.forget(),
            }
        }
        if dataset.index().is_some() && self.opener.is_settled() {
            self.watcher.ask(About::new(dataset, browsing.serial, ()));
        }
        let neighbours = state.neighbours();
        if neighbours != self.asked_to_preload {
            let missing: Vec<PathBuf> =
                neighbours.iter().filter(|path| self.preloaded.get(path).is_none()).cloned().collect();
            self.asked_to_preload = neighbours;
            if !missing.is_empty() {
                self.preloader.ask_anew(missing);
            }
        }
    }

    /// Hands the answers to the state; what is to be done then.
    pub fn take_answers(&mut self, state: &mut State, messages: &mut Messages) -> Vec<Effect> {
        let mut effects = Vec::new();
        match self.opener.take() {
            Some(Ok(found)) => effects.extend(self.take_opened(state, messages, found)),
            Some(Err(error)) => messages.fail(error.to_string()),
            None => {}
        }
        match self.reader.take() {
            Some(Ok(Some(dataset))) if self.opener.is_settled() => effects.extend(state.set_dataset(dataset)),
            Some(Err(error)) => messages.fail(error.to_string()),
            _ => {}
        }
        match self.lister.take() {
            Some(Ok(Ok(listing))) => (state.browsing.listing, state.browsing.error) = (listing, None),
            Some(Ok(Err(error))) => state.browsing.error = Some(error),
            Some(Err(error)) => messages.fail(error.to_string()),
            None => {}
        }
        self.take_atlas(state);
        match self.watcher.take() {
            Some(Ok(changes)) if self.watcher.asked().is_some_and(|asked| asked.serial == state.browsing.serial) => {
                state.browsing.changes = Arc::new(changes);
            }
            Some(Err(error)) => messages.fail(error.to_string()),
            _ => {}
        }
        match self.preloader.take() {
            Some(Ok(traces)) => traces.into_iter().for_each(|trace| self.preloaded.keep(Arc::new(trace))),
            Some(Err(error)) => messages.fail(error.to_string()),
            None => {}
        }
        self.take_report(state, messages);
        state.browsing.work = self.work();
        effects
    }

    fn take_opened(&mut self, state: &mut State, messages: &mut Messages, found: Opened) -> Option<Effect> {
        let Opening { path, is_other, .. } = self.opener.asked()?.clone();
        if is_other && !matches!(found, Opened::Nothing(_)) {
            state.browsing.forget();
            state.examples.clear();
        }
        self.reader.forget();
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
                self.reader.ask_anew((dataset.table.root().to_owned(), files));
                state.set_dataset(dataset)
            }
            Opened::Nothing(why) => {
                if state.trace.is_none() {
                    state.fail(why.clone());
                }
                messages.fail(why);
                None
            }
        }
    }

    fn take_atlas(&mut self, state: &mut State) {
        if let Some(answer) = self.atlas.take() {
            match answer {
                Ok(atlas) => state.browsing.set_atlas(atlas),
                Err(error) => state.browsing.atlas.error = Some(error.to_string()),
            }
            state.version += 1;
        }
        let is_permuting = !self.atlas.is_settled() && state.browsing.atlas.choice.b.is_some();
        state.browsing.atlas.permuting = is_permuting.then(|| self.atlas.progress()[0] as u32);
    }

    fn take_report(&mut self, state: &State, messages: &mut Messages) {
        let Some(report) = self.indexer.take() else { return };
        match report {
            Ok(report) => {
                let broken = match report.broken.len() {
                    0 => String::new(),
                    count => format!(", {count} of them cannot be read: is:broken lists them"),
                };
                messages.tell(format!("Indexed: {} traces{broken}", report.traces));
            }
            Err(error) if matches!(error.downcast_ref(), Some(IndexError::Cancelled)) => {
                messages.tell("Indexing was stopped; what was written stays");
            }
            Err(error) => messages.fail(error.to_string()),
        }
        let root = state.browsing.dataset.as_ref().map(|dataset| dataset.table.root());
        if let Some(opened) = self.opened.clone().filter(|opened| root == Some(opened)) {
            self.ask_to_open(opened, false);
        }
    }

    fn work(&self) -> Option<Work> {
        if !self.indexer.is_settled() {
            let [done, of] = self.indexer.progress();
            return Some(Work { kind: WorkKind::Indexing, done, of });
        }
        if !self.opener.is_settled() {
            return Some(Work { kind: WorkKind::Opening, done: 0, of: 0 });
        }
        let (_, files) = self.reader.asked().filter(|_| !self.reader.is_settled())?;
        Some(Work { kind: WorkKind::Reading, done: self.reader.progress()[0], of: files.len() })
    }
}

/// All but the p-values is there at once.
fn atlas(
    About { subject: dataset, question, .. }: &About<AtlasQuestion>,
    job: &Job<'_, About<AtlasQuestion>, Atlas>,
) -> anyhow::Result<Atlas> {
    if question.b.is_some() {
        let soon = AtlasQuestion { permutations: 0, ..question.clone() };
        job.show(Atlas::of(dataset, &soon, &|| true)?);
    }
    Ok(Atlas::of(dataset, question, &|| job.count())?)
}
