//! What the shown views need: asked of the query engine after each change, and its results handed to the state.

use std::sync::Arc;
use std::time::{Duration, Instant};

use glam::Vec2;

use crate::analysis::{Engine, Pick};
use crate::app::model::comparison::Compared;
use crate::app::model::messages::Messages;
use crate::app::model::state::State;
use crate::app::work::motion::Motion;
use crate::query::{OpenTrace, Query, QueryEngine, Solver, Want};
use crate::view::{Inputs, Partner, View, comparison_needs, needs, partner, plane, summary_needs};

/// Size of a view before it is first shown, in logical pixels.
const USUAL_SIZE: Vec2 = Vec2::new(900.0, 640.0);
/// How long views go on showing the picture before while they lack what they need.
const PATIENCE: Duration = Duration::from_millis(300);
/// Work that is done sooner is not spoken of.
const SILENCE: Duration = Duration::from_millis(200);
/// How often the progress is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// Where the views stand.
pub struct Shown<'a> {
    /// By [`View`]; `None` before it is first shown.
    pub sizes: &'a [Option<Vec2>; View::all().len()],
    /// The view under the pointer: what it needs comes first.
    pub pointed: Option<View>,
    /// The size of the comparison, while it is in front.
    pub comparison: Option<Vec2>,
}

/// Asks and takes answers for the state.
pub struct Queries {
    engine: QueryEngine,
    /// The serial number of each request's trace, and the request.
    wanted: Vec<(u64, Query)>,
    asked_at: Instant,
    /// The trace for whose views something was asked.
    asked_of: Option<u64>,
    /// Up to which answer results were taken and failures told of.
    answered: u64,
    motion: Motion,
    /// The projection that is being computed, and since when that is known.
    projecting: Option<(Query, Instant)>,
}

impl Queries {
    /// Starts the threads. `wake` asks for a frame from any of them.
    pub fn new(engine: Engine, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            engine: QueryEngine::new(Solver::new(engine), wake),
            wanted: Vec::new(),
            asked_at: Instant::now(),
            asked_of: None,
            answered: 0,
            motion: Motion::default(),
            projecting: None,
        }
    }

    /// Asks for what is shown now.
    pub fn ask(&mut self, state: &mut State, shown: &Shown<'_>) {
        let Some(open) = state.trace.clone() else { return };
        compare(state);
        let mut wanted: Vec<Want> = Vec::new();
        let mut add = |open: &Arc<OpenTrace>, queries: Vec<Query>| {
            wanted.extend(queries.into_iter().map(|query| Want { open: Arc::clone(open), query }));
        };
        let inputs = |view: View| state.inputs(shown.sizes[view as usize].unwrap_or(USUAL_SIZE));
        let behind = state.shown_views.iter().copied().filter(|&view| shown.pointed != Some(view));
        for view in shown.pointed.into_iter().chain(behind) {
            add(&open, inputs(view).map(|inputs| needs(view, &inputs)).unwrap_or_default());
        }
        add(&open, state.inputs(USUAL_SIZE).map(|inputs| summary_needs(&inputs)).unwrap_or_default());
        if let Some((size, compared)) = shown.comparison.zip(state.comparison.shown.as_ref()) {
            let [of_a, of_b] =
                of_both(state, compared, size).map(|inputs| comparison_needs(state.comparison.view, &inputs));
            add(&open, of_a);
            add(&compared.trace, of_b);
        }
        let keys: Vec<(u64, Query)> =
            wanted.iter().map(|want| (want.open.trace.serial(), want.query.clone())).collect();
        if !state.shown_views.is_empty() {
            self.asked_of = Some(open.trace.serial());
        }
        if keys == self.wanted {
            return;
        }
        self.wanted = keys;
        self.asked_at = Instant::now();
        let near_layer = match state.shown_selection().layer {
            Pick::One(layer) => layer,
            Pick::Mean | Pick::Max => 0,
        };
        self.engine.want(wanted, near_layer);
        self.take_results(state, shown.comparison);
    }

    /// Hands answers and motion to the state; the time until it should be called again.
    pub fn take_answers(
        &mut self,
        state: &mut State,
        messages: &mut Messages,
        comparison: Option<Vec2>,
        now: Instant,
    ) -> Option<Duration> {
        let answered = self.engine.answered();
        if answered != self.answered {
            self.answered = answered;
            self.take_results(state, comparison);
            self.tell_of_failures(state, messages);
        }
        state.is_patient = !self.engine.is_settled() && now.saturating_duration_since(self.asked_at) < PATIENCE;
        self.motion.step(state, now);
        let plane = state.inputs(USUAL_SIZE).and_then(|inputs| plane(&inputs));
        let open = state.trace.clone();
        let progress =
            plane.zip(open).and_then(|(plane, open)| Some((self.engine.progress(&open, &plane)?, plane.into())));
        self.projecting = progress.as_ref().map(|(_, query): &(f32, Query)| match self.projecting.take() {
            Some((known, since)) if known == *query => (known, since),
            _ => (query.clone(), now),
        });
        let is_slow =
            self.projecting.as_ref().is_some_and(|(_, since)| now.saturating_duration_since(*since) > SILENCE);
        state.projecting = progress.filter(|_| is_slow).map(|(share, _)| share);
        match (self.motion.is_moving(), self.engine.is_settled()) {
            (true, _) => Some(Duration::ZERO),
            (false, false) => Some(GLANCE),
            (false, true) => None,
        }
    }

    /// Drops all results, which the next [`Self::ask`] asks for anew.
    pub fn forget(&mut self) {
        self.engine.forget();
        self.wanted.clear();
    }

    /// When something was last asked that was not asked before.
    pub fn asked_at(&self) -> Instant {
        self.asked_at
    }

    /// Whether all that the views of the shown trace need is there, and nothing moves.
    pub fn is_settled(&self, state: &State) -> bool {
        let is_asked = state.trace.as_ref().is_some_and(|open| self.asked_of == Some(open.trace.serial()));
        is_asked && self.engine.is_settled() && self.engine.answered() == self.answered && !self.motion.is_moving()
    }

    fn take_results(&mut self, state: &mut State, comparison: Option<Vec2>) {
        let Some(open) = state.trace.clone() else { return };
        state.results = self.engine.results(&open);
        if let Some(shown) = &state.comparison.shown {
            let (trace, partner) = (Arc::clone(&shown.trace), shown.partner.clone());
            let results = self.engine.results(&trace);
            state.comparison.shown = Some(Arc::new(Compared { trace, partner, results }));
        }
        state.comparison.waits = waits(state, comparison);
        state.version += 1;
    }

    /// Views say themselves what they lack; that the file has changed concerns all of them.
    fn tell_of_failures(&self, state: &mut State, messages: &mut Messages) {
        let was_outdated = state.is_outdated;
        let why = state.results.failures().first().map(|why| (*why).to_owned());
        if let Some(why) = why {
            state.find_out_about_the_file();
            if state.is_outdated && !was_outdated {
                messages.fail(why);
            }
        }
    }
}

/// What the comparison is drawn of: A and B.
pub fn of_both<'a>(state: &'a State, compared: &'a Compared, size: Vec2) -> [Inputs<'a>; 2] {
    // A comparison is only asked for while a trace is shown.
    let b = Inputs::new(&compared.trace, &compared.partner.selection, &state.options, &compared.results, size);
    let b = Inputs { refusal: compared.partner.lacks.as_deref(), ..b };
    [state.inputs(size).unwrap_or(b), b]
}

/// What is selected in the partner follows what is selected in the shown trace.
fn compare(state: &mut State) {
    let (Some(open), Some(shown)) = (&state.trace, &state.comparison.shown) else { return };
    let key = (open.trace.serial(), shown.trace.trace.serial(), state.shown_selection().clone());
    if state.comparison.of.as_ref() == Some(&key) {
        return;
    }
    let partner: Partner = partner(open.document(), &shown.trace, &key.2);
    let (trace, results) = (Arc::clone(&shown.trace), shown.results.clone());
    state.comparison.shown = Some(Arc::new(Compared { trace, partner, results }));
    state.comparison.of = Some(key);
}

/// Whether the comparison lacks what it needs.
fn waits(state: &State, comparison: Option<Vec2>) -> bool {
    let Some((size, compared)) = comparison.zip(state.comparison.shown.as_ref()) else { return false };
    let lacks = |inputs: &Inputs<'_>| !inputs.results.settle(&comparison_needs(state.comparison.view, inputs));
    of_both(state, compared, size).iter().any(lacks)
}
