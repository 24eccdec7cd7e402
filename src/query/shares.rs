//! How much of the selected tokens' attention goes to some other tokens, in every head of a block: which heads look at the cat.

use std::time::Instant;

use super::error::QueryError;
use super::heads::{KnownStatistics, PART_EVERY, PATIENCE};
use super::request::{Context, Lane, Request};
use super::weights::HeadsApart;
use crate::analysis::statistics::HeadStatistics;
use crate::analysis::{Direction, LayerWeights, NamedTokens, Pick, Selection, WeightKind};
use crate::trace::Token;

/// Of every head, the share of the selected queries' attention that goes to named keys: the mean over the queries of the sum over
/// the keys. Where the selected tokens are keys, the share of the named queries' attention that goes to them.
///
/// Where no token is selected, all are meant that are neither special nor named; the special ones where none else are left, such as the
/// `[CLS]` of an image encoder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeadShares {
    block: usize,
    direction: Direction,
    tokens: Vec<usize>,
    others: NamedTokens,
    /// Raw or norm-weighted: others are of no head, or no shares of a row.
    weights: WeightKind,
}

impl HeadShares {
    /// The name that the numbers go by.
    pub const NAME: &'static str = "share";

    /// Of a selection's tokens; its layer and head play no part.
    pub fn of(selection: &Selection, others: &NamedTokens) -> Self {
        let Selection { block, direction, .. } = *selection;
        let weights = match selection.weights {
            WeightKind::NormWeighted => WeightKind::NormWeighted,
            _ => WeightKind::Raw,
        };
        Self { block, direction, tokens: selection.tokens.clone(), others: others.clone(), weights }
    }

    /// As a label says it.
    pub fn label(&self) -> String {
        let near = match self.tokens.len() {
            0 => "all others".to_owned(),
            1 => format!("token {}", self.tokens[0]),
            count => format!("{count} tokens"),
        };
        let others = self.others.words();
        let what = if self.weights == WeightKind::Raw { "attention" } else { "norm-weighted attention" };
        match self.direction {
            Direction::AttendsTo => format!("{what} of {near} to {others}"),
            Direction::AttendedBy => format!("{what} of {others} to {near}"),
        }
    }

    /// The selected tokens, or what stands for them.
    fn selected(&self, tokens: &[Token], others: &[usize], is_one_sequence: bool) -> Vec<usize> {
        if !self.tokens.is_empty() {
            return self.tokens.clone();
        }
        let is_named = |token: &usize| is_one_sequence && others.binary_search(token).is_ok();
        let mut left: Vec<usize> = (0..tokens.len()).filter(|token| !is_named(token)).collect();
        if left.iter().any(|&token| !tokens[token].special) {
            left.retain(|&token| !tokens[token].special);
        }
        left
    }
}

impl Request for HeadShares {
    type Result = KnownStatistics;
    const LANE: Lane = Lane::Block;

    fn compute(&self, context: &Context<'_>) -> Result<KnownStatistics, QueryError> {
        let document = context.document();
        let (block, direction, weights) = (self.block, self.direction, self.weights.clone());
        let mut of_layer = Selection { block, direction, weights, ..Selection::default() };
        let layers = context.layers(&of_layer)?;
        let block = &document.attention[self.block];
        let (near, far) = match self.direction {
            Direction::AttendsTo => (block.query, block.key),
            Direction::AttendedBy => (block.key, block.query),
        };
        let others = self.others.find(document, far).map_err(QueryError::failed)?;
        let tokens = self.selected(&document.sequences[near].tokens, &others, near == far);
        if tokens.is_empty() {
            return Err(QueryError::failed("no token is left whose attention could be told: all are named"));
        }
        let scale = match self.direction {
            Direction::AttendsTo => 1.0,
            Direction::AttendedBy => tokens.len() as f64 / others.len() as f64,
        };
        of_layer.tokens = tokens;
        let heads = layers.iter().map(LayerWeights::heads).max().unwrap_or(0);
        let mut shares = vec![f32::NAN; layers.len() * heads];
        let known = |shares: &[f32], done| KnownStatistics {
            all: vec![HeadStatistics::new(Self::NAME, layers.len(), heads, shares.to_vec())],
            layers: [done, layers.len()],
        };
        let mut next_part = Instant::now() + PATIENCE;
        for (done, layer) in context.layers_outwards(layers.len()).into_iter().enumerate() {
            if Instant::now() >= next_part {
                context.tell(self, known(&shares, done));
                next_part = Instant::now() + PART_EVERY;
            }
            of_layer.layer = Pick::One(layer);
            let weights = context.get(&HeadsApart::of(&of_layer))?;
            for head in 0..weights.heads {
                let weights = weights.of_head(head);
                let sum: f64 = others.iter().map(|&other| f64::from(weights[other])).sum();
                shares[layer * heads + head] = (sum * scale) as f32;
            }
        }
        Ok(known(&shares, layers.len()))
    }
}
