//! The selection's attention in one line of numbers.

use crate::analysis::token_statistics::entropy;
use crate::query::{Query, Weights};
use crate::view::Inputs;
use crate::view::common::asked::has_attention;
use crate::view::common::sides::{Sides, headline, is_signed};
use crate::view::common::tip::number;
use crate::view::text::summary::shares;

/// What has to be known for [`summary`].
pub fn summary_needs(inputs: &Inputs<'_>) -> Vec<Query> {
    if has_attention(inputs) { vec![Weights::of(inputs.shown).into()] } else { Vec::new() }
}

/// `Attention of color · layer 2 · head 1: image 0.71 · text 0.29 · entropy 2.31 nats`: shares of the attention on the tokens of the
/// other side, and the entropy over them. `None` where there is no attention.
pub fn summary(inputs: &Inputs<'_>) -> Option<String> {
    let sides = Sides::of(inputs)?;
    let weights = sides.weights;
    if is_signed(inputs) {
        let sums = [f32::is_sign_positive, f32::is_sign_negative].map(|is_of_side| {
            let of_side = weights.iter().filter(|weight| !weight.is_nan() && is_of_side(**weight));
            number(of_side.sum())
        });
        let [above, below] = sums;
        return (!weights.is_empty()).then(|| format!("{}: above 0 {above} · below 0 {below}", headline(inputs)));
    }
    let shares = shares(&inputs.document.sequences[sides.far].tokens, weights)?;
    let shares = ["image", "text", "special"].into_iter().zip(shares).filter(|(_, share)| *share > 0.0);
    let shares: Vec<String> = shares.map(|(name, share)| format!("{name} {share:.2}")).collect();
    let (headline, entropy) = (headline(inputs), number(entropy(weights)));
    Some(format!("{headline}: {} · entropy {entropy} nats", shares.join(" · ")))
}
