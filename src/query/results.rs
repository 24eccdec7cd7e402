//! What is known of the requests of one trace, as a view reads it.

use std::collections::HashMap;
use std::sync::Arc;

use super::request::{Query, Request};
use super::value::{HeapBytes, Value};

/// Results by their requests: a snapshot that no worker changes.
#[derive(Clone, Debug, Default)]
pub struct Results {
    answers: HashMap<Query, Answer>,
}

/// What came of a request so far.
#[derive(Clone)]
pub(super) struct Answer {
    pub outcome: Result<Value, String>,
    /// Whether more will come.
    pub is_part: bool,
    /// Higher than that of every earlier answer: tells whether a drawing has to be made anew.
    pub number: u64,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.outcome {
            Ok(value) => write!(formatter, "{} bytes", value.bytes),
            Err(why) => write!(formatter, "failed: {why}"),
        }
    }
}

impl Results {
    /// The result, or as much of it as is there; `None` if there is none yet, or never will be.
    pub fn get<R: Request>(&self, request: &R) -> Option<&R::Result> {
        self.answer(request)?.outcome.as_ref().ok()?.result.downcast_ref()
    }

    /// The same to be kept.
    pub fn shared<R: Request>(&self, request: &R) -> Option<Arc<R::Result>> {
        self.answer(request)?.outcome.as_ref().ok()?.typed().ok()
    }

    /// Whether only a part of the result is there.
    pub fn is_part<R: Request>(&self, request: &R) -> bool {
        self.answer(request).is_some_and(|answer| answer.is_part)
    }

    /// Why there is no result and never will be.
    pub fn failure<R: Request>(&self, request: &R) -> Option<&str> {
        self.answer(request)?.outcome.as_ref().err().map(String::as_str)
    }

    /// The same with every result of one type changed.
    pub fn map<T: HeapBytes + Send + Sync + 'static>(&self, change: impl Fn(&T) -> T) -> Self {
        let mut results = self.clone();
        for value in results.answers.values_mut().filter_map(|answer| answer.outcome.as_mut().ok()) {
            if let Some(result) = value.result.downcast_ref() {
                *value = Value::of(change(result));
            }
        }
        results
    }

    /// Whether all of these have their results, or failed.
    pub fn settle(&self, queries: &[Query]) -> bool {
        queries.iter().all(|query| self.answers.get(query).is_some_and(|answer| !answer.is_part))
    }

    /// Whether all of these have their results or a part of them, or failed.
    pub fn have(&self, queries: &[Query]) -> bool {
        queries.iter().all(|query| self.answers.contains_key(query))
    }

    /// The number of the newest answer among these requests', and how many have one: another pair tells that there is something
    /// new to draw.
    pub fn newest(&self, queries: &[Query]) -> (u64, usize) {
        let numbers = queries.iter().filter_map(|query| self.answers.get(query)).map(|answer| answer.number);
        numbers.fold((0, 0), |(newest, count), number| (newest.max(number), count + 1))
    }

    /// Adds a result that was computed elsewhere.
    pub fn insert<R: Request>(&mut self, request: R, result: R::Result) {
        let number = self.answers.len() as u64 + 1;
        self.put(request.into(), Answer { outcome: Ok(Value::of(result)), is_part: false, number });
    }

    /// Adds a part of a result that was computed elsewhere.
    pub fn insert_part<R: Request>(&mut self, request: R, part: R::Result) {
        let number = self.answers.len() as u64 + 1;
        self.put(request.into(), Answer { outcome: Ok(Value::of(part)), is_part: true, number });
    }

    /// Says that there is no result.
    pub fn fail<R: Request>(&mut self, request: R, why: &str) {
        let number = self.answers.len() as u64 + 1;
        self.put(request.into(), Answer { outcome: Err(why.to_owned()), is_part: false, number });
    }

    /// All failures, each once.
    pub fn failures(&self) -> Vec<&str> {
        let mut all: Vec<&str> =
            self.answers.values().filter_map(|answer| answer.outcome.as_ref().err()).map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(super) fn put(&mut self, query: Query, answer: Answer) {
        self.answers.insert(query, answer);
    }

    fn answer<R: Request>(&self, request: &R) -> Option<&Answer> {
        self.answers.get(&Query::from(request.clone()))
    }
}
