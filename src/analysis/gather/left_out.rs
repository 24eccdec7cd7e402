//! Why a selection has no weights: rows of which a weight is NaN or infinite, as fp16 that overflowed leaves them.

use super::Resolved;
use crate::analysis::Direction;
use crate::trace::TensorView;

/// How many of the rows that a selection asks for are not finite, and how many it asks for: those of the selected queries, or
/// all of them where keys are selected, in each of its heads.
pub fn rows_left_out(layers: &[TensorView<'_>], part: &Resolved) -> [usize; 2] {
    let [queries, keys] = layers.first().map_or([0; 2], |layer| [layer.shape[1], layer.shape[2]]);
    let rows: Vec<usize> = match part.direction {
        Direction::AttendsTo => part.tokens.clone(),
        Direction::AttendedBy => (0..queries).collect(),
    };
    let mut row = vec![0.0; keys];
    let (mut left_out, mut all) = (0, 0);
    for (layer, heads) in &part.heads {
        for first in heads.clone().flat_map(|head| rows.iter().map(move |query| (head * queries + query) * keys)) {
            layers[*layer].read(first, &mut row);
            left_out += usize::from(!row.iter().all(|weight| weight.is_finite()));
            all += 1;
        }
    }
    [left_out, all]
}

/// In one line, what a view says where there is no heat; `None` if all rows are finite.
pub fn why_no_row(layers: &[TensorView<'_>], part: &Resolved) -> Option<String> {
    match rows_left_out(layers, part) {
        [0, _] => None,
        [1, 1] => Some("the attention of this token is not finite: its row holds NaN or infinite weights".to_owned()),
        [left_out, all] if left_out == all => {
            Some(format!("none of the {all} rows is finite: they hold NaN or infinite weights"))
        }
        [left_out, all] => Some(format!("{left_out} of {all} rows hold NaN or infinite weights")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Combine;
    use crate::trace::Dtype;

    #[test]
    fn rows_that_are_not_finite_are_counted_and_named() {
        let mut weights = [0.25_f32; 2 * 3 * 4];
        weights[4 + 3] = f32::NAN;
        weights[12] = f32::INFINITY;
        let layers = [TensorView { dtype: Dtype::F32, shape: vec![2, 3, 4], bytes: bytemuck::cast_slice(&weights) }];
        let part = |heads: std::ops::Range<usize>, tokens: &[usize], direction| Resolved {
            heads: vec![(0, heads)],
            tokens: tokens.to_vec(),
            direction,
            combine: Combine::Mean,
        };
        let to = Direction::AttendsTo;
        assert_eq!(rows_left_out(&layers, &part(0..2, &[0, 1], to)), [2, 4]);
        assert_eq!(rows_left_out(&layers, &part(0..2, &[2], Direction::AttendedBy)), [2, 6]);
        assert_eq!(why_no_row(&layers, &part(0..2, &[2], to)), None);
        let why = |part| why_no_row(&layers, &part).unwrap();
        assert!(why(part(0..1, &[1], to)).starts_with("the attention of this token is not finite"));
        assert_eq!(why(part(0..2, &[0], to)), "1 of 2 rows hold NaN or infinite weights");
    }
}
