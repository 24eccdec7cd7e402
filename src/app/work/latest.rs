//! Work that takes longer than a frame, in a thread of its own, where the latest request alone counts: one that waits is
//! replaced, one that runs is told to stop, and what still comes of it is dropped.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::Result;

use crate::query::caught;

/// Requests of type `Q` in, results of type `A` out.
pub struct Latest<Q, A> {
    shared: Arc<Shared<Q, A>>,
    thread: Option<JoinHandle<()>>,
    asked: Option<Asked<Q>>,
}

struct Asked<Q> {
    request: Q,
    at: Instant,
    is_answered: bool,
}

struct Shared<Q, A> {
    desk: Mutex<Desk<Q, A>>,
    arrived: Condvar,
    /// Tells the work that runs to stop.
    stop: AtomicBool,
    done: AtomicUsize,
    of: AtomicUsize,
    wake: Box<dyn Fn() + Send + Sync>,
}

struct Desk<Q, A> {
    /// Counts requests: a result of another one is dropped.
    number: u64,
    request: Option<Q>,
    /// What has come of the latest request, and whether that is all.
    result: Option<(Result<A>, bool)>,
    /// Whether the latest request is to be given up.
    is_stopped: bool,
    is_closed: bool,
}

/// What the work on one request has to do with the window.
pub struct Job<'a, Q, A> {
    shared: &'a Shared<Q, A>,
    number: u64,
}

impl<Q: Clone + PartialEq + Send + 'static, A: Send + 'static> Latest<Q, A> {
    /// Starts the thread. `remember` makes what the work remembers from one request to the next: at first, and anew after a panic,
    /// which becomes the error of its request. `wake` is called after each result.
    pub fn start<S>(
        wake: impl Fn() + Send + Sync + 'static,
        mut remember: impl FnMut() -> S + Send + 'static,
        work: impl Fn(&mut S, &Q, &Job<'_, Q, A>) -> Result<A> + Send + 'static,
    ) -> Self {
        let desk = Desk { number: 0, request: None, result: None, is_stopped: false, is_closed: false };
        let shared = Arc::new(Shared {
            desk: Mutex::new(desk),
            arrived: Condvar::new(),
            stop: AtomicBool::new(false),
            done: AtomicUsize::new(0),
            of: AtomicUsize::new(0),
            wake: Box::new(wake),
        });
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let mut memory = None;
                while let Some((number, request)) = shared.wait() {
                    let job = Job { shared: &shared, number };
                    let result = caught(|| work(memory.get_or_insert_with(&mut remember), &request, &job));
                    let result = result.unwrap_or_else(|panic| {
                        memory = None;
                        Err(panic.into())
                    });
                    job.give(result, true);
                }
            }
        });
        Self { shared, thread: Some(thread), asked: None }
    }

    /// Asks, unless this is what was asked last. Whether it is new.
    pub fn ask(&mut self, request: Q) -> bool {
        let is_new = self.asked() != Some(&request);
        if is_new {
            self.ask_anew(request);
        }
        is_new
    }

    /// Asks, even if this is what was asked last.
    pub fn ask_anew(&mut self, request: Q) {
        self.shared.put(|desk| desk.request = Some(request.clone()));
        self.asked = Some(Asked { request, at: Instant::now(), is_answered: false });
    }

    /// What was asked last is no longer wanted.
    pub fn forget(&mut self) {
        if self.asked.take().is_some() {
            self.shared.put(|desk| desk.request = None);
        }
    }

    /// Gives up what was asked last; its result, which says so, is awaited all the same.
    pub fn stop(&self) {
        self.shared.lock().is_stopped = true;
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// What has come of the latest request since the last call: a part of it, or all once it [is settled](Self::is_settled).
    pub fn take(&mut self) -> Option<Result<A>> {
        let (result, is_all) = self.shared.lock().result.take()?;
        let asked = self.asked.as_mut()?;
        asked.is_answered = is_all;
        Some(result)
    }

    /// The latest request.
    pub fn asked(&self) -> Option<&Q> {
        self.asked.as_ref().map(|asked| &asked.request)
    }

    /// Since when something is awaited.
    pub fn waits_since(&self) -> Option<Instant> {
        self.asked.as_ref().filter(|asked| !asked.is_answered).map(|asked| asked.at)
    }

    /// Whether nothing is awaited.
    pub fn is_settled(&self) -> bool {
        self.waits_since().is_none()
    }

    /// The share of the latest request that is done, from 0 to 1, as its work counts.
    pub fn share(&self) -> f32 {
        let [done, of] = self.progress();
        done as f32 / of.max(1) as f32
    }

    /// How much of the latest request is done, and of how much, as its work counts.
    pub fn progress(&self) -> [usize; 2] {
        [&self.shared.done, &self.shared.of].map(|count| count.load(Ordering::Relaxed))
    }
}

impl<Q, A> Shared<Q, A> {
    fn lock(&self) -> MutexGuard<'_, Desk<Q, A>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another request, or none any more.
    fn put(&self, change: impl FnOnce(&mut Desk<Q, A>)) {
        let mut desk = self.lock();
        change(&mut desk);
        desk.number += 1;
        desk.is_stopped = false;
        let outdated = desk.result.take();
        self.stop.store(true, Ordering::Relaxed);
        self.begin_to_count();
        self.arrived.notify_one();
        drop(desk);
        // It may be large: not under the lock.
        drop(outdated);
    }

    fn wait(&self) -> Option<(u64, Q)> {
        let desk = self.lock();
        let mut desk = self
            .arrived
            .wait_while(desk, |desk| desk.request.is_none() && !desk.is_closed)
            .unwrap_or_else(PoisonError::into_inner);
        self.stop.store(desk.is_stopped, Ordering::Relaxed);
        self.begin_to_count();
        let number = desk.number;
        desk.request.take().filter(|_| !desk.is_closed).map(|request| (number, request))
    }

    fn begin_to_count(&self) {
        [&self.done, &self.of].into_iter().for_each(|count| count.store(0, Ordering::Relaxed));
    }
}

impl<Q, A> Job<'_, Q, A> {
    /// Whether the result is still wanted.
    pub fn goes_on(&self) -> bool {
        !self.shared.stop.load(Ordering::Relaxed)
    }

    /// Shows what is there before all is.
    pub fn show(&self, part: A) {
        self.give(Ok(part), false);
    }

    /// So much is to be done.
    pub fn expect(&self, of: usize) {
        self.shared.of.store(of, Ordering::Relaxed);
    }

    /// One more is done. Whether the result is still wanted.
    pub fn count(&self) -> bool {
        self.shared.done.fetch_add(1, Ordering::Relaxed);
        self.goes_on()
    }

    /// So much is done, of what is [expected](Self::expect).
    pub fn set_done(&self, done: usize) {
        self.shared.done.store(done, Ordering::Relaxed);
    }

    /// Has the window look at how far it is.
    pub fn wake(&self) {
        (self.shared.wake)();
    }

    fn give(&self, result: Result<A>, is_all: bool) {
        let mut desk = self.shared.lock();
        if desk.number != self.number {
            return;
        }
        let before = desk.result.replace((result, is_all));
        drop(desk);
        drop(before);
        self.wake();
    }
}

impl<Q, A> Drop for Latest<Q, A> {
    fn drop(&mut self) {
        self.shared.put(|desk| desk.is_closed = true);
        if let Some(thread) = self.thread.take() {
            // It catches the panics of its work.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    type Outcome = std::result::Result<(), Box<dyn std::error::Error>>;

    /// Waits for the next result.
    fn next<Q: Clone + PartialEq + Send + 'static, A: Send + 'static>(
        worker: &mut Latest<Q, A>,
    ) -> std::result::Result<Result<A>, &'static str> {
        let until = Instant::now() + SOON;
        while Instant::now() < until {
            if let Some(result) = worker.take() {
                return Ok(result);
            }
            thread::yield_now();
        }
        Err("no result came")
    }

    #[test]
    fn the_latest_request_wins_and_stops_the_one_that_runs() -> Outcome {
        let (started, wait_started) = mpsc::channel();
        let mut worker = Latest::start(
            || {},
            || (),
            move |(), request: &u32, job| {
                let _ = started.send(*request);
                while *request == 1 && job.goes_on() {
                    thread::yield_now();
                }
                Ok(request * 10)
            },
        );
        assert!(worker.ask(1) && !worker.is_settled());
        assert_eq!(wait_started.recv_timeout(SOON)?, 1);
        assert!(worker.ask(2) && !worker.ask(2), "the same is not asked again");
        assert_eq!(next(&mut worker)??, 20, "what came of request 1 is dropped");
        assert_eq!((worker.asked(), worker.is_settled()), (Some(&2), true));
        worker.ask_anew(2);
        assert!(!worker.is_settled());
        assert_eq!(next(&mut worker)??, 20);
        Ok(())
    }

    #[test]
    fn what_is_given_up_says_so_even_before_it_began() -> Outcome {
        let (go, gate) = mpsc::channel();
        let mut worker = Latest::start(
            || {},
            || (),
            move |(), request: &u32, job| {
                if *request == 1 {
                    let _ = gate.recv_timeout(SOON);
                }
                while *request == 2 && job.goes_on() {
                    thread::yield_now();
                }
                if job.goes_on() { Ok(*request) } else { anyhow::bail!("request {request} was given up") }
            },
        );
        worker.ask(1);
        worker.ask(2);
        worker.stop();
        go.send(())?;
        let error = next(&mut worker)?.err().ok_or("it was not given up")?;
        assert_eq!(error.to_string(), "request 2 was given up");
        assert!(worker.is_settled());
        worker.ask(3);
        assert_eq!(next(&mut worker)??, 3, "the next one is not");
        Ok(())
    }

    #[test]
    fn what_is_forgotten_never_comes() -> Outcome {
        let (go, gate) = mpsc::channel();
        let (woke, woken) = mpsc::channel();
        let mut worker = Latest::start(
            move || {
                let _ = woke.send(());
            },
            || (),
            move |(), request: &u32, _| {
                if *request == 1 {
                    let _ = gate.recv_timeout(SOON);
                }
                Ok(*request)
            },
        );
        worker.ask(1);
        worker.forget();
        assert!(worker.is_settled() && worker.asked().is_none());
        go.send(())?;
        worker.ask(2);
        assert_eq!(next(&mut worker)??, 2);
        woken.recv_timeout(SOON)?;
        assert!(woken.try_recv().is_err(), "nobody is woken for what is dropped");
        Ok(())
    }

    #[test]
    fn parts_come_before_all_and_work_counts() -> Outcome {
        let (go, gate) = mpsc::channel();
        let mut worker = Latest::start(
            || {},
            || (),
            move |(), request: &u32, job| {
                job.expect(4);
                job.count();
                job.show(1);
                let _ = gate.recv_timeout(SOON);
                Ok(*request)
            },
        );
        worker.ask(3);
        assert_eq!(next(&mut worker)??, 1);
        assert_eq!((worker.is_settled(), worker.progress()), (false, [1, 4]));
        go.send(())?;
        assert_eq!(next(&mut worker)??, 3);
        assert!(worker.is_settled());
        Ok(())
    }

    #[test]
    fn a_panic_is_an_error_and_the_work_begins_anew() -> Outcome {
        let mut worker = Latest::start(
            || {},
            Vec::new,
            |seen: &mut Vec<u32>, request: &u32, _| {
                seen.push(*request);
                assert_ne!(*request, 2, "request 2 is too much");
                Ok(seen.clone())
            },
        );
        worker.ask(1);
        assert_eq!(next(&mut worker)??, [1]);
        worker.ask(2);
        let error = next(&mut worker)?.err().ok_or("no error")?.to_string();
        assert!(error.contains("internal error") && error.contains("request 2 is too much"), "{error}");
        assert!(worker.is_settled());
        worker.ask(3);
        assert_eq!(next(&mut worker)??, [3], "what was remembered may be half changed");
        Ok(())
    }
}
