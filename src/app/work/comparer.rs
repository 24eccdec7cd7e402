//! The trace that the shown one is compared with: read, and asked the same question, in a worker with caches of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Result;

use crate::analysis::Engine;
use crate::app::model::comparison::Compared;
use crate::app::model::state::State;
use crate::app::work::worker::Worker;
use crate::query::{Analyst, OpenTrace, Partner, Question};

struct Request {
    path: PathBuf,
    shown: Arc<OpenTrace>,
    question: Question,
}

/// The partner's file, the serial number of the trace that is shown, and what it is asked.
type Asked = (PathBuf, u64, Question);

/// Asks and takes answers for the state.
pub struct Comparer {
    worker: Worker<Request, (Asked, Result<Compared>)>,
    asked: Option<Asked>,
    answered: Option<Asked>,
}

impl Comparer {
    /// Starts the worker. It computes on the processor, so that the pages of the shown trace stay on the device. `wake` asks
    /// for a frame from any thread.
    pub fn new(wake: impl Fn() + Send + 'static) -> Self {
        let mut analyst = Analyst::new(Engine::cpu());
        let mut open: Option<(PathBuf, Arc<OpenTrace>)> = None;
        let work = move |request: Request, outdated: &std::sync::atomic::AtomicBool| {
            let Request { path, shown, question } = request;
            let mut answer = || {
                let known = open.as_ref().filter(|(known, _)| *known == path).map(|(_, trace)| Arc::clone(trace));
                let trace = match known {
                    Some(trace) => trace,
                    None => Arc::new(OpenTrace::open(&path)?),
                };
                open = Some((path.clone(), Arc::clone(&trace)));
                let answer = Partner::ask(&mut analyst, &shown, &trace, &question, outdated)?;
                Ok(Compared { trace, answer })
            };
            let answer = answer();
            let is_wanted = answer.is_ok() || !outdated.load(Ordering::Relaxed);
            is_wanted.then(|| ((path.clone(), shown.trace.serial(), question), answer))
        };
        Self { worker: Worker::start(work, wake), asked: None, answered: None }
    }

    /// Asks the partner what is asked of the shown trace, unless that was the last question already. Nothing is asked while
    /// nobody looks.
    pub fn ask(&mut self, state: &mut State, is_shown: bool) {
        let (Some(path), Some(shown)) = (&state.comparison.partner, &state.trace) else {
            (self.asked, state.comparison.waits) = (None, false);
            return;
        };
        // What only other views show is left out, so that it asks nothing anew.
        let question = Question {
            thumbnails: None,
            per_head: false,
            lock_scale: false,
            links_by_head: false,
            hidden_state: None,
            ..state.question()
        };
        let wanted = Some((path.clone(), shown.trace.serial(), question));
        if is_shown && wanted != self.asked {
            if let Some((path, _, question)) = &wanted {
                let (path, shown, question) = (path.clone(), Arc::clone(shown), question.clone());
                self.worker.ask(Request { path, shown, question });
            }
            self.asked = wanted;
        }
        state.comparison.waits = self.asked != self.answered;
    }

    /// Hands answers to the state.
    pub fn take_answers(&mut self, state: &mut State) {
        let answers: Vec<_> = self.worker.answers().collect();
        for (question, answer) in answers {
            if self.asked.as_ref() == Some(&question) {
                self.answered = Some(question);
                state.set_compared(answer.map(Arc::new).map_err(|error| format!("{error:#}")));
            }
        }
    }

    /// Whether nothing is awaited.
    pub fn is_settled(&self) -> bool {
        self.asked.is_none() || self.asked == self.answered
    }
}
