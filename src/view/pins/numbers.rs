//! The numbers of all pins, and of their differences from the first one.

use super::columns::columns;
use crate::query::Query;
use crate::view::common::sides::Sides;
use crate::view::matrix;
use crate::view::numbers::{block, of_weights};
use crate::view::{Axis, Inputs, NoNumbers, Numbers, PinnedView, View};

pub(super) fn needs_of(inputs: &Inputs<'_>) -> Vec<Query> {
    match inputs.options.pins_as {
        PinnedView::Image | PinnedView::Text => Vec::new(),
        PinnedView::Matrix => matrix::whole(inputs).map(Query::from).into_iter().collect(),
    }
}

/// `[pin, key]`, `[pin, query]` or `[pin, query, key]`; behind the pins come their differences from the first.
pub(super) fn array(inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    block(inputs)?;
    let columns = columns(inputs);
    let Some(first) = columns.first() else { return Err(NoNumbers("nothing is pinned: --pin L5H4".to_owned())) };
    let sequences =
        |inputs: &Inputs<'_>| Sides::bare(inputs).map(|sides| (sides.block.query, sides.block.key, sides.far));
    let of = |inputs: &Inputs<'_>| match inputs.options.pins_as {
        PinnedView::Image | PinnedView::Text => of_weights(View::Pins, inputs),
        PinnedView::Matrix => matrix::array(View::Pins, inputs),
    };
    let all = columns.iter().map(|column| of(&column.inputs(inputs, inputs.options)));
    let all: Vec<Numbers> = all.collect::<Result<_, _>>()?;
    let first_sequences = sequences(&first.inputs(inputs, inputs.options));
    if let Some(other) =
        columns.iter().find(|column| sequences(&column.inputs(inputs, inputs.options)) != first_sequences)
    {
        return Err(NoNumbers(format!("the pins are of other tokens: {} and {}", first.name, other.name)));
    }
    let mut names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    names.extend(columns.iter().skip(1).map(|column| format!("{} − {}", column.name, first.name)));
    let mut values: Vec<f32> = all.iter().flat_map(|numbers| numbers.values.iter().copied()).collect();
    for numbers in all.iter().skip(1) {
        values.extend(numbers.values.iter().zip(&all[0].values).map(|(value, first)| value - first));
    }
    let mut axes = vec![Axis::named("pin", names)];
    axes.extend(all[0].axes.iter().cloned());
    let mut quantities: Vec<&str> = all.iter().map(|numbers| numbers.quantity.as_str()).collect();
    quantities.dedup();
    Numbers::new(View::Pins, inputs, (&quantities.join(", "), ""), axes, values)
}
