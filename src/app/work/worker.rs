//! Work that takes longer than a frame, in a thread of its own. For each kind of work the latest request wins: an older
//! one that waits is replaced, one that runs is told to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Requests of type `Q` in, answers of type `A` out, in a thread.
#[derive(Debug)]
pub struct Worker<Q, A> {
    desk: Arc<Desk<Q>>,
    answers: Receiver<A>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Desk<Q> {
    next: Mutex<Next<Q>>,
    arrived: Condvar,
    /// Told to the work that runs when a newer request has come.
    outdated: AtomicBool,
}

#[derive(Debug)]
struct Next<Q> {
    request: Option<Q>,
    closed: bool,
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// Starts the thread. `work` gets a flag that becomes true when its answer is no longer wanted, and may then
    /// give `None`; `wake` is called after each answer.
    pub fn start(
        mut work: impl FnMut(Q, &AtomicBool) -> Option<A> + Send + 'static,
        wake: impl Fn() + Send + 'static,
    ) -> Self {
        Self::start_in_parts(move |request, outdated, _| work(request, outdated), wake)
    }

    /// The same for work that has something to show before it is done, and gives it to its third argument.
    pub fn start_in_parts(
        mut work: impl FnMut(Q, &AtomicBool, &mut dyn FnMut(A)) -> Option<A> + Send + 'static,
        wake: impl Fn() + Send + 'static,
    ) -> Self {
        let desk = Arc::new(Desk {
            next: Mutex::new(Next { request: None, closed: false }),
            arrived: Condvar::new(),
            outdated: AtomicBool::new(false),
        });
        let (send, answers) = mpsc::channel();
        let thread = thread::spawn({
            let desk = Arc::clone(&desk);
            move || {
                let mut tell = |answer| {
                    // Fails only while the window closes, which ends the work as well.
                    let _ = send.send(answer);
                    wake();
                };
                while let Some(request) = desk.wait() {
                    if let Some(answer) = work(request, &desk.outdated, &mut tell) {
                        tell(answer);
                    }
                }
            }
        });
        Self { desk, answers, thread: Some(thread) }
    }

    /// Asks; a request that has not been answered yet is dropped.
    pub fn ask(&self, request: Q) {
        self.desk.put(|next| next.request = Some(request));
    }

    /// The answers that have come since the last call.
    pub fn answers(&self) -> impl Iterator<Item = A> + '_ {
        self.answers.try_iter()
    }
}

impl<Q> Desk<Q> {
    fn put(&self, change: impl FnOnce(&mut Next<Q>)) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut next);
        self.outdated.store(true, Ordering::Relaxed);
        self.arrived.notify_one();
    }

    fn wait(&self) -> Option<Q> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = self
            .arrived
            .wait_while(next, |next| next.request.is_none() && !next.closed)
            .unwrap_or_else(PoisonError::into_inner);
        self.outdated.store(false, Ordering::Relaxed);
        if next.closed { None } else { next.request.take() }
    }
}

impl<Q, A> Drop for Worker<Q, A> {
    fn drop(&mut self) {
        self.desk.put(|next| next.closed = true);
        if let Some(thread) = self.thread.take() {
            // A panic in the work has been printed by its thread; the window closes all the same.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_latest_request_wins_and_stops_the_one_that_runs() -> Result<(), mpsc::RecvTimeoutError> {
        let (started, wait_started) = mpsc::channel();
        let worker = Worker::start(
            move |request: u32, outdated| {
                let _ = started.send(request);
                while request == 1 && !outdated.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                (request != 1).then_some(request * 10)
            },
            || {},
        );
        worker.ask(1);
        assert_eq!(wait_started.recv_timeout(Duration::from_secs(10))?, 1);
        worker.ask(2);
        assert_eq!(worker.answers.recv_timeout(Duration::from_secs(10))?, 20, "request 1 was given up");
        Ok(())
    }

    #[test]
    fn parts_come_before_the_answer() -> Result<(), mpsc::RecvTimeoutError> {
        let worker = Worker::start_in_parts(
            |request: u32, _, tell: &mut dyn FnMut(u32)| {
                (1..request).for_each(tell);
                Some(request)
            },
            || {},
        );
        worker.ask(3);
        for expected in 1..=3 {
            assert_eq!(worker.answers.recv_timeout(Duration::from_secs(10))?, expected);
        }
        Ok(())
    }
}
