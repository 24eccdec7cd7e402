//! Hidden states on their way to the plane: a worker for projections and one for the likeness of states, apart from all other
//! numbers, which never wait for them; and the motion from one state's places to the next one's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::analysis::similarity::Similarity;
use crate::app::model::state::State;
use crate::app::work::worker::Worker;
use crate::query::{OpenTrace, ProjectionQuestion, Projector, compare_states, hidden_state};
use crate::view::Projection;

/// How long points move from one state to the next.
const MOTION: Duration = Duration::from_millis(250);
/// Work that is done sooner is not spoken of.
const SILENCE: Duration = Duration::from_millis(200);
/// How often the progress is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// A question about a trace, by its serial number.
type Asked<Q> = (u64, Q);

/// Asks and takes answers for the state.
pub struct Projections {
    projector: Worker<(Arc<OpenTrace>, ProjectionQuestion), (Asked<ProjectionQuestion>, Projection)>,
    comparer: Worker<(Arc<OpenTrace>, usize), (Asked<usize>, Similarity)>,
    /// How far the projector is, in thousandths.
    done: Arc<AtomicU32>,
    asked: Option<Asked<ProjectionQuestion>>,
    asked_at: Instant,
    answered: Option<Asked<ProjectionQuestion>>,
    compared: Option<Asked<usize>>,
    is_comparing: bool,
    motion: Option<(Arc<Projection>, Instant)>,
}

impl Projections {
    /// Starts the workers. `wake` asks for a frame from any thread.
    pub fn new(wake: impl Fn() + Clone + Send + 'static) -> Self {
        let done = Arc::new(AtomicU32::new(0));
        let mut projector = Projector::default();
        let told = Arc::clone(&done);
        Self {
            projector: Worker::start(
                move |(trace, question): (Arc<OpenTrace>, ProjectionQuestion), outdated| {
                    let mut progress = |share: f32| {
                        told.store((share * 1000.0) as u32, Ordering::Relaxed);
                        !outdated.load(Ordering::Relaxed)
                    };
                    let projection = projector.project(&trace, &question, &mut progress);
                    // A file that has changed shows nothing; the other numbers say why.
                    let is_wanted = projection.is_ok() || !outdated.load(Ordering::Relaxed);
                    is_wanted.then(|| ((trace.trace.serial(), question), projection.unwrap_or_default()))
                },
                wake.clone(),
            ),
            comparer: Worker::start(
                |(trace, hidden): (Arc<OpenTrace>, usize), outdated| {
                    let similarity = compare_states(&trace, hidden, &mut |_| !outdated.load(Ordering::Relaxed));
                    let is_wanted = similarity.is_ok() || !outdated.load(Ordering::Relaxed);
                    is_wanted.then(|| ((trace.trace.serial(), hidden), similarity.unwrap_or_default()))
                },
                wake,
            ),
            done,
            asked: None,
            asked_at: Instant::now(),
            answered: None,
            compared: None,
            is_comparing: false,
            motion: None,
        }
    }

    /// Asks for what the state shows now, unless that was the last question already; states are compared where that is looked at.
    pub fn ask(&mut self, state: &mut State, compares: bool) {
        let Some(trace) = &state.trace else { return };
        let (serial, question) = (trace.trace.serial(), state.question());
        let recipe = state.options.embedding.recipe;
        let wanted = ProjectionQuestion::of(trace.document(), &question, recipe).map(|question| (serial, question));
        if let Some((_, question)) = wanted
            && wanted != self.asked
        {
            self.done.store(0, Ordering::Relaxed);
            self.asked_at = Instant::now();
            self.projector.ask((Arc::clone(trace), question));
        }
        if wanted.is_none() {
            self.answered = None;
        }
        self.asked = wanted;
        let hidden = hidden_state(trace.document(), &question).map(|(hidden, _)| (serial, hidden));
        if let Some((_, hidden)) = hidden.filter(|hidden| compares && self.compared != Some(*hidden)) {
            self.comparer.ask((Arc::clone(trace), hidden));
            self.compared = Some((serial, hidden));
            self.is_comparing = true;
            state.set_similarity(None);
        }
    }

    /// Hands answers and motion to the state; the time until it should be called again.
    pub fn take_answers(&mut self, state: &mut State, now: Instant) -> Option<Duration> {
        let answers: Vec<_> = self.projector.answers().collect();
        for (question, projection) in answers {
            if self.asked == Some(question) {
                self.answered = Some(question);
                let before = state.moving.take().or_else(|| state.projection.clone());
                self.motion = before.filter(|before| compare(before, &projection)).map(|before| (before, now));
                state.set_projection(Some(Arc::new(projection)));
            }
        }
        if let Some((question, similarity)) = self.comparer.answers().last()
            && self.compared == Some(question)
        {
            self.is_comparing = false;
            state.set_similarity(Some(Arc::new(similarity)));
        }
        self.move_on(state, now);
        let waits = self.asked.is_some() && self.asked != self.answered;
        let is_slow = waits && now.saturating_duration_since(self.asked_at) > SILENCE;
        state.projecting = is_slow.then(|| self.done.load(Ordering::Relaxed) as f32 / 1000.0);
        match (&self.motion, waits) {
            (Some(_), _) => Some(Duration::ZERO),
            (None, true) => Some(GLANCE),
            (None, false) => None,
        }
    }

    /// Whether what is shown is what was asked for, and nothing moves.
    pub fn is_settled(&self) -> bool {
        self.asked == self.answered && self.motion.is_none() && !self.is_comparing
    }

    fn move_on(&mut self, state: &mut State, now: Instant) {
        let Some((from, began)) = &self.motion else { return };
        let share = now.saturating_duration_since(*began).as_secs_f32() / MOTION.as_secs_f32();
        let moving = match &state.projection {
            Some(to) if share < 1.0 => Some(Arc::new(between(from, to, share))),
            _ => None,
        };
        if moving.is_none() {
            self.motion = None;
        }
        state.set_moving(moving);
    }
}

/// Whether places of one projection mean the same in the other, so that points may move between them.
fn compare(before: &Projection, after: &Projection) -> bool {
    before.state != after.state
        && before.sequence == after.sequence
        && before.recipe == after.recipe
        && before.points.len() == after.points.len()
        && !after.path.is_empty()
        && (Arc::ptr_eq(&before.path, &after.path) || before.path == after.path)
}

/// On the way from one to the other, slow at both ends.
fn between(from: &Projection, to: &Projection, share: f32) -> Projection {
    let share = share * share * (3.0 - 2.0 * share);
    let mix = |a: f32, b: f32| a + (b - a) * share;
    let points = from.points.iter().zip(&to.points).map(|(a, b)| [mix(a[0], b[0]), mix(a[1], b[1])]).collect();
    Projection { points, ..to.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::projection::{Align, Recipe};

    fn at(state: usize, x: f32) -> Projection {
        let path = Arc::new(vec![vec![[0.0; 2]], vec![[8.0, 0.0]]]);
        let recipe = Recipe { align: Align::Shared, ..Recipe::default() };
        Projection { points: vec![[x, 0.0]], state, states: 2, path, recipe, ..Projection::default() }
    }

    #[test]
    fn points_move_between_states_that_compare() {
        let (first, second) = (at(0, 0.0), at(1, 8.0));
        assert!(compare(&first, &second) && !compare(&first, &first));
        assert!(!compare(&first, &Projection { path: Arc::default(), ..second.clone() }));
        assert_eq!(between(&first, &second, 0.0).points, first.points);
        assert_eq!(between(&first, &second, 0.5).points, [[4.0, 0.0]]);
        assert_eq!(between(&first, &second, 1.0), second);
    }
}
