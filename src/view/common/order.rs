//! The order of rows or of columns, and the numbers beside them.

use super::sketch::Sketch;
use crate::render::Color;

/// The order of rows or of columns.
pub(in crate::view) struct Order {
    /// The number at each place.
    indices: Vec<usize>,
    /// The place of each number.
    places: Vec<usize>,
}

impl Order {
    /// As counted.
    pub fn by_number(count: usize) -> Self {
        Self { indices: (0..count).collect(), places: (0..count).collect() }
    }

    /// The highest first, what is not a number last; of equal ones the smaller number first. Z-scores have means that are 0 up to
    /// rounding: what differs by a millionth of the values' spread is equal.
    pub fn by_mean(means: &[f32], count: usize, spread: f32) -> Self {
        let step = if spread > 0.0 { spread * 1e-6 } else { 1.0 };
        let key = |index: usize| match means.get(index) {
            Some(mean) if !mean.is_nan() => (mean / step).round(),
            _ => f32::NEG_INFINITY,
        };
        let mut order = Self::by_number(count);
        // Adding 0 makes −0 a 0, which it is not in a total order.
        order.indices.sort_by(|&a, &b| (key(b) + 0.0).total_cmp(&(key(a) + 0.0)));
        for (place, &index) in order.indices.iter().enumerate() {
            order.places[index] = place;
        }
        order
    }

    /// The number at each place.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// The place of a number.
    pub fn place(&self, index: usize) -> Option<usize> {
        self.places.get(index).copied()
    }
}

/// Which numbers an axis shows, and in which colour: in their order every one, every second, fifth, ... as there is
/// room, and the selected one in place of those that it would collide with.
pub(in crate::view) fn axis_numbers(
    sketch: &Sketch<'_>,
    order: &Order,
    cell: f32,
    needed: f32,
    selected: Option<usize>,
) -> Vec<(usize, Color)> {
    let every = [1, 2, 5, 10, 20, 50, 100, 200, 500].into_iter().find(|&step| step as f32 * cell >= needed);
    let every = every.unwrap_or(1000);
    let selected = selected.and_then(|index| order.place(index));
    let collides = |place: usize| selected.is_some_and(|s| s != place && s.abs_diff(place) as f32 * cell < needed);
    let shown = order.indices().iter().enumerate();
    shown
        .filter(|(place, _)| selected == Some(*place) || (place % every == 0 && !collides(*place)))
        .map(|(place, &index)| {
            let is_selected = selected == Some(place);
            (index, if is_selected { sketch.palette.selected_text } else { sketch.palette.muted })
        })
        .collect()
}
