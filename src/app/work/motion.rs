//! The motion of hidden states from one state's places to the next one's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use glam::Vec2;

use crate::app::model::state::State;
use crate::query::Projection;
use crate::view::plane;

/// How long points move from one state to the next.
const MOTION: Duration = Duration::from_millis(250);

/// Points that are on their way.
#[derive(Default)]
pub struct Motion {
    from: Option<(Arc<Projection>, Instant)>,
}

impl Motion {
    /// Takes the places that are known now, and moves the points a step further.
    pub fn step(&mut self, state: &mut State, now: Instant) {
        let known = state.inputs(Vec2::ONE).and_then(|inputs| state.results.shared(&plane(&inputs)?));
        if let Some(known) = known
            && state.projection.as_ref().is_none_or(|shown| !Arc::ptr_eq(shown, &known))
        {
            let before = state.moving.take().or_else(|| state.projection.clone());
            self.from = before.filter(|before| compare(before, &known)).map(|before| (before, now));
            state.projection = Some(known);
        }
        let Some((from, began)) = &self.from else { return };
        let share = now.saturating_duration_since(*began).as_secs_f32() / MOTION.as_secs_f32();
        state.moving = match &state.projection {
            Some(to) if share < 1.0 => Some(Arc::new(between(from, to, share))),
            _ => None,
        };
        if state.moving.is_none() {
            self.from = None;
        }
    }

    /// Whether there is more to come.
    pub fn is_moving(&self) -> bool {
        self.from.is_some()
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
