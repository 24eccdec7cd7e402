//! Runs what is wanted, in threads of its own.
//!
//! Whoever shows something says what it wants now, the most urgent first; that list takes the place of the one before. What is
//! not on it any more is stopped, what is cached is answered at once, and the rest is computed in the order of the list, one
//! request at a time in each [`Lane`]. A lane has threads of its own for what it computes in parallel, and those of clicks go first: in one pool
//! for all, whatever comes while statistics are computed waits for their end, and so does a frame that is painted in parallel. So a click never waits
//! for statistics, and statistics that are still wanted go on.
//! A request that panics has failed, with the panic's message; its thread goes on with the next.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rayon::ThreadPoolBuilder;

use super::caught::caught;
use super::error::QueryError;
use super::open::OpenTrace;
use super::request::{Lane, Listener, Query, Request};
use super::results::{Answer, Results};
use super::solver::{Key, Solver};
use super::value::Value;

/// A request of a trace.
#[derive(Clone, Debug)]
pub struct Want {
    /// The trace.
    pub open: Arc<OpenTrace>,
    /// What is wanted of it.
    pub query: Query,
}

/// Computes what is wanted, and holds what came of it. Dropping it stops the threads.
pub struct QueryEngine {
    shared: Arc<Shared>,
}

struct Shared {
    solver: Solver,
    board: Mutex<Board>,
    /// Told when there is something to compute.
    posted: Condvar,
    /// Told by the threads when there is something to show.
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Board {
    wanted: Vec<Want>,
    answers: HashMap<Key, Answer>,
    running: HashMap<Key, Arc<AtomicBool>>,
    /// Of those that run and say so, from 0 to 1.
    progress: HashMap<Key, f32>,
    answered: u64,
    is_closed: bool,
}

impl Want {
    fn key(&self) -> Key {
        (self.open.trace.serial(), self.query.clone())
    }
}

impl QueryEngine {
    /// Starts the threads. `wake` is called, from any of them, when there is a new answer.
    pub fn new(solver: Solver, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared { solver, board: Mutex::default(), posted: Condvar::new(), wake: Box::new(wake) });
        for lane in [Lane::Selection, Lane::Matrix, Lane::Block, Lane::States] {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.work(lane));
        }
        Self { shared }
    }

    /// What is wanted from now on, the most urgent first; layers are computed outwards from `near_layer`.
    pub fn want(&self, wanted: Vec<Want>, near_layer: usize) {
        self.shared.solver.set_near_layer(near_layer);
        let keys: Vec<Key> = wanted.iter().map(Want::key).collect();
        let mut board = self.shared.board();
        board.answers.retain(|key, _| keys.contains(key));
        board.running.iter().filter(|(key, _)| !keys.contains(key)).for_each(|(_, stop)| {
            stop.store(true, Ordering::Relaxed);
        });
        for (want, key) in wanted.iter().zip(keys) {
            let is_known = board.answers.get(&key).is_some_and(|answer| !answer.is_part);
            if !is_known
                && want.open.trace.check_unchanged().is_ok()
                && let Some(value) = self.shared.solver.cached(&key)
            {
                board.put(key, Ok(value), false);
            }
        }
        board.wanted = wanted;
        drop(board);
        self.shared.posted.notify_all();
    }

    /// What is known of what is wanted of this trace.
    pub fn results(&self, open: &OpenTrace) -> Results {
        let serial = open.trace.serial();
        let board = self.shared.board();
        let mut results = Results::default();
        for ((_, query), answer) in board.answers.iter().filter(|((trace, _), _)| *trace == serial) {
            results.put(query.clone(), answer.clone());
        }
        results
    }

    /// Counts the answers: tells whether there is a new one.
    pub fn answered(&self) -> u64 {
        self.shared.board().answered
    }

    /// Whether all that is wanted has its result, or failed.
    pub fn is_settled(&self) -> bool {
        let board = self.shared.board();
        board.wanted.iter().all(|want| board.is_answered(&want.key()))
    }

    /// How far a request is, from 0 to 1; `None` if it does not run, or does not say.
    pub fn progress<R: Request>(&self, open: &OpenTrace, request: &R) -> Option<f32> {
        let key = (open.trace.serial(), Query::from(request.clone()));
        self.shared.board().progress.get(&key).copied()
    }

    /// Drops all results: some of them lay on a device that was lost.
    pub fn forget(&self) {
        self.shared.solver.forget();
        self.shared.board().answers.clear();
        self.shared.posted.notify_all();
    }

    /// Forgets failures, so that what failed is tried again.
    pub fn retry(&self) {
        self.shared.board().answers.retain(|_, answer| answer.outcome.is_ok());
        self.shared.posted.notify_all();
    }
}

impl Drop for QueryEngine {
    fn drop(&mut self) {
        let mut board = self.shared.board();
        board.is_closed = true;
        board.running.values().for_each(|stop| stop.store(true, Ordering::Relaxed));
        drop(board);
        self.shared.posted.notify_all();
    }
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        // Every change of the board is whole: a panic between two changes leaves nothing half done.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, lane: Lane) {
        let pool = ThreadPoolBuilder::new().start_handler(move |_| give_way(lane)).build();
        while let Some((want, stop)) = self.next(lane) {
            let key = want.key();
            let hearing = Hearing { shared: self, key: &key, stop: &stop };
            let compute = || caught(|| self.solver.value(&want.open, &want.query, &stop, &hearing));
            // A system that starts no more threads still has the pool of all.
            let outcome = match pool.as_ref().map_or_else(|_| compute(), |pool| pool.install(compute)) {
                Ok(Ok(value)) => Some(Ok(value)),
                Ok(Err(QueryError::Stopped)) => None,
                Ok(Err(QueryError::Failed(why))) => Some(Err(why)),
                Err(panic) => Some(Err(panic.to_string())),
            };
            let is_new = outcome.is_some_and(|outcome| self.answer(&key, &stop, outcome, false));
            {
                let mut board = self.board();
                board.running.remove(&key);
                board.progress.remove(&key);
            }
            if is_new {
                (self.wake)();
            }
        }
    }

    /// The most urgent request of a lane that nobody computes yet; `None` when there will be no more.
    fn next(&self, lane: Lane) -> Option<(Want, Arc<AtomicBool>)> {
        let mut board = self.board();
        loop {
            if board.is_closed {
                return None;
            }
            let is_open = |want: &&Want| {
                let key = want.key();
                want.query.lane() == lane && !board.is_answered(&key) && !board.running.contains_key(&key)
            };
            if let Some(want) = board.wanted.iter().find(is_open).cloned() {
                let stop = Arc::new(AtomicBool::new(false));
                board.running.insert(want.key(), Arc::clone(&stop));
                return Some((want, stop));
            }
            board = self.posted.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether somebody still wants it.
    fn answer(&self, key: &Key, stop: &AtomicBool, outcome: Result<Value, String>, is_part: bool) -> bool {
        let mut board = self.board();
        let is_wanted = !stop.load(Ordering::Relaxed);
        if is_wanted {
            board.put(key.clone(), outcome, is_part);
        }
        is_wanted
    }
}

/// What is no click gives way to clicks and frames, where a thread can be nicer than others.
fn give_way(lane: Lane) {
    #[cfg(target_os = "linux")]
    if lane != Lane::Selection {
        // SAFETY: it takes numbers alone; 0 is the calling thread. If it fails, the thread is as nice as it was.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 10) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = lane;
}

/// Puts parts of a result, and how far it is, on the board.
struct Hearing<'a> {
    shared: &'a Shared,
    key: &'a Key,
    stop: &'a AtomicBool,
}

impl Listener for Hearing<'_> {
    fn on_part(&self, query: Query, part: Value) {
        // A request may be computed for another one: only what is wanted itself is shown.
        if query == self.key.1 && self.shared.answer(self.key, self.stop, Ok(part), true) {
            (self.shared.wake)();
        }
    }

    fn on_progress(&self, share: f32) {
        self.shared.board().progress.insert(self.key.clone(), share);
    }
}

impl Board {
    fn is_answered(&self, key: &Key) -> bool {
        self.answers.get(key).is_some_and(|answer| !answer.is_part)
    }

    fn put(&mut self, key: Key, outcome: Result<Value, String>, is_part: bool) {
        self.answered += 1;
        self.answers.insert(key, Answer { outcome, is_part, number: self.answered });
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use rayon::prelude::*;

    use super::*;
    use crate::analysis::Engine;
    use crate::query::request::Context;

    static IS_LET_GO: AtomicBool = AtomicBool::new(false);

    /// Statistics that take as long as the test likes, on every thread.
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    struct Endless;

    /// A click that is computed in parallel.
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    struct Click;

    impl Request for Endless {
        type Result = f32;
        const LANE: Lane = Lane::Block;

        fn compute(&self, _: &Context<'_>) -> Result<f32, QueryError> {
            (0..64).into_par_iter().for_each(|_| {
                while !IS_LET_GO.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(1));
                }
            });
            Ok(0.0)
        }
    }

    impl Request for Click {
        type Result = f32;

        fn compute(&self, _: &Context<'_>) -> Result<f32, QueryError> {
            Ok((0..64).into_par_iter().map(|number| number as f32).sum())
        }
    }

    #[test]
    fn neither_a_click_nor_a_frame_waits_for_the_threads_of_statistics() -> Result<(), Box<dyn std::error::Error>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/multi-image.safetensors");
        let open = Arc::new(OpenTrace::open(&path)?);
        let engine = QueryEngine::new(Solver::new(Engine::cpu()), || {});
        let want = |query| Want { open: Arc::clone(&open), query };
        engine.want(vec![want(Endless.into())], 0);
        let until = Instant::now() + Duration::from_secs(30);
        // Else a fault would be a test without an end.
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(40));
            IS_LET_GO.store(true, Ordering::Relaxed);
        });
        while engine.shared.board().running.is_empty() && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(50));
        engine.want(vec![want(Endless.into()), want(Click.into())], 0);
        while engine.results(&open).get(&Click).is_none() && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        let (answer, frame) = (engine.results(&open).get(&Click).copied(), (0..64).into_par_iter().sum::<usize>());
        let is_running = engine.results(&open).get(&Endless).is_none();
        IS_LET_GO.store(true, Ordering::Relaxed);
        assert_eq!((answer, frame, is_running), (Some(2016.0), 2016, true));
        Ok(())
    }
}
