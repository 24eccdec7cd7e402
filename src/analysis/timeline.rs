//! What the output tokens attend to: the mass that each puts on image, prompt, earlier output and sinks, layer by layer.
//!
//! A row of the attention matrix sums to 1 over keys; the keys are divided among four groups, so the four masses of a row
//! sum to 1 as well. Each is the mean over the selected heads. Row `t` is that of output token `t` itself: what the
//! model looks at while it reads `t`. In a model that generates one token after another this row makes the prediction of
//! token `t + 1`; what made `t` is row `t - 1`. Rejected: shifting the rows by one, which would give the first output
//! token a row of the prompt and part the timeline from all other views.
//!
//! Of a relevance, whose rows sum to nothing in particular, they are shares of the absolute values.
//!
//! Sums of all heads are kept ([`HeadMasses`]), so that another head asks for no other pass over the weights. There is
//! no shader: a pass reads the output tokens' rows alone, once for a trace.

use std::ops::Range;

use rayon::prelude::*;

use super::LayerWeights;
use super::gather::LayerHeads;
use crate::trace::{Block, Document, Modality, Token};
use crate::typed::choice;

choice! {
    /// What a key is to an output token, in the order of the masses.
    #[derive(Default)]
    pub enum TokenGroup {
        /// An image token.
        #[default]
        Image = "image";
        /// Text that the model was given.
        Prompt = "prompt";
        /// Text that the model wrote, up to and with the token itself.
        Output = "output", "output so far";
        /// A token that draws attention whatever is asked: special ones, and the first one of a causal sequence.
        Sink = "sink", "sinks";
    }
}

/// Masses of the output tokens over every head of a block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeadMasses {
    /// Indices in the query sequence.
    pub tokens: Vec<usize>,
    /// A layer: `[heads, tokens]`, each by [`TokenGroup`].
    layers: Vec<Vec<[f32; 4]>>,
}

/// Masses of the output tokens, the mean of heads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// Indices in the query sequence, of the output tokens.
    pub tokens: Vec<usize>,
    /// `[layers, tokens]`, each by [`TokenGroup`]; not a number for a layer that has none of the heads.
    pub masses: Vec<[f32; 4]>,
    /// How many layers.
    pub layers: usize,
    /// How many rows of heads are in no mean, since a weight of each is NaN or infinite, and how many there are.
    pub left_out: [usize; 2],
}

/// The output tokens of a block's query sequence, in their order. They are, by the first rule that finds any:
///
/// 1. text tokens of a segment named `generated`, `output`, `answer`, `response`, `completion` or `assistant`;
/// 2. where the sequence is that of a decoder's block ([`Block::is_decoder`]), text tokens that are not special, after the last image
///    token and the last token of any other named segment;
/// 3. where such a decoder has neither image nor segments but attends to another sequence (cross-attention), all its
///    tokens that are not special;
/// 4. where no block of the sequence is a decoder's, the first token if it is one in which encoders put their answer together
///    (`[CLS]`, `<s>` or `<cls>`; Devlin et al. 2019, 'BERT').
///
/// A decoder's text alone without segments has none: nothing says where its prompt ends.
pub fn output_tokens(document: &Document, block: &Block) -> Vec<usize> {
    let tokens = document.query_tokens(block);
    let is_text = |token: &Token| token.modality() == Modality::Text;
    let named: Vec<usize> =
        (0..tokens.len()).filter(|&index| is_text(&tokens[index]) && is_output_name(&tokens[index])).collect();
    if !named.is_empty() {
        return named;
    }
    if !is_decoder(document, block) {
        return if tokens.first().is_some_and(is_class_token) { vec![0] } else { Vec::new() };
    }
    let given = tokens.iter().rposition(|token| !is_text(token) || token.segment.is_some());
    let crosses = document.attention.iter().any(|other| other.query == block.query && other.key != block.query);
    let first = match given {
        Some(last) => last + 1,
        None if crosses => 0,
        None => return Vec::new(),
    };
    (first..tokens.len()).filter(|&index| !tokens[index].special).collect()
}

/// Whether any block has its queries' sequence as a decoder does ([`Block::is_decoder`]).
pub fn is_decoder(document: &Document, block: &Block) -> bool {
    document.attention.iter().any(|other| other.is_decoder() && other.query == block.query)
}

fn is_class_token(token: &Token) -> bool {
    token.special && token.text().is_some_and(|text| ["[CLS]", "<s>", "<cls>"].contains(&text))
}

fn is_output_name(token: &Token) -> bool {
    let names = ["generated", "output", "answer", "response", "completion", "assistant"];
    token.segment.as_ref().is_some_and(|segment| names.iter().any(|name| segment.eq_ignore_ascii_case(name)))
}

/// The keys that draw attention whatever is asked, as far as the tokens say: special ones, and the first one of a
/// decoder (Xiao et al. 2024, 'Efficient Streaming Language Models with Attention Sinks').
pub fn usual_sinks(document: &Document, block: &Block) -> Vec<usize> {
    let keys = document.key_tokens(block);
    let is_first = |key: usize| key == 0 && block.is_decoder() && block.query == block.key;
    (0..keys.len()).filter(|&key| keys[key].special || is_first(key)).collect()
}

/// One group per key.
pub fn groups(document: &Document, block: &Block, outputs: &[usize], sinks: &[usize]) -> Vec<TokenGroup> {
    let keys = document.key_tokens(block);
    let of = |(key, token): (usize, &Token)| match token.modality() {
        _ if sinks.contains(&key) => TokenGroup::Sink,
        Modality::Image => TokenGroup::Image,
        Modality::Text if block.query == block.key && outputs.contains(&key) => TokenGroup::Output,
        Modality::Text | Modality::Latent | Modality::Audio => TokenGroup::Prompt,
    };
    keys.iter().enumerate().map(of).collect()
}

impl HeadMasses {
    /// Sums the rows of `tokens` over `groups` (one per key) in `layers`, `[heads, queries, keys]` each; `None` if
    /// `goes_on`, which is asked before each reading, said no.
    pub fn sum(
        layers: &[LayerWeights<'_>],
        tokens: &[usize],
        groups: &[TokenGroup],
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Option<Self> {
        let of_layer = |layer: &LayerWeights<'_>| {
            let together: Vec<_> = layer.together(0..layer.heads()).collect();
            let is_relevance = layer.relevance().is_some();
            let of_heads = |heads: &Range<usize>| {
                let mut masses = vec![[0.0; 4]; heads.len() * tokens.len()];
                layer.walk(heads.clone(), tokens, goes_on, &mut |head, place, row| {
                    let masses = &mut masses[(head - heads.start) * tokens.len() + place];
                    if is_relevance {
                        *masses = shares_of_size(row, groups);
                    } else {
                        row.iter().zip(groups).for_each(|(weight, &group)| masses[group as usize] += weight);
                    }
                })?;
                Some(masses)
            };
            let of_layer: Option<Vec<Vec<[f32; 4]>>> = together.par_iter().map(of_heads).collect();
            Some(of_layer?.concat())
        };
        let sums: Option<Vec<Vec<[f32; 4]>>> = layers.iter().map(of_layer).collect();
        Some(Self { tokens: tokens.to_vec(), layers: sums? })
    }

    /// The memory that it takes.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(|layer| size_of_val(layer.as_slice())).sum()
    }

    /// The mean of heads, in each layer of its own; without rows that are not finite.
    pub fn mean(&self, heads: &[LayerHeads]) -> Timeline {
        let count = self.tokens.len();
        let mut masses = vec![[f32::NAN; 4]; self.layers.len() * count];
        let mut left_out = [0; 2];
        for (layer, heads) in heads {
            let Some(of_layer) = self.layers.get(*layer).filter(|_| !heads.is_empty()) else { continue };
            for token in 0..count {
                let (mut sum, mut finite) = ([0.0; 4], 0);
                let of_heads = heads.clone().map(|head| of_layer[head * count + token]);
                for masses in of_heads.filter(|masses| masses.iter().all(|mass| mass.is_finite())) {
                    sum.iter_mut().zip(masses).for_each(|(sum, mass)| *sum += mass);
                    finite += 1;
                }
                left_out = [left_out[0] + heads.len() - finite, left_out[1] + heads.len()];
                if finite > 0 {
                    masses[layer * count + token] = sum.map(|sum| sum / finite as f32);
                }
            }
        }
        Timeline { tokens: self.tokens.clone(), masses, layers: self.layers.len(), left_out }
    }
}

/// How a relevance divides, whichever sign it has: its rows do not sum to 1.
fn shares_of_size(row: &[f32], groups: &[TokenGroup]) -> [f32; 4] {
    let mut sums = [0.0_f64; 4];
    row.iter().zip(groups).for_each(|(value, &group)| sums[group as usize] += f64::from(value.abs()));
    let total: f64 = sums.iter().sum();
    if total > 0.0 { sums.map(|sum| (sum / total) as f32) } else { sums.map(|sum| sum as f32) }
}

impl Timeline {
    /// The mean over layers of the masses of an output token, by its place among them; layers without a value are left
    /// out. `None` if all are.
    pub fn over(&self, layers: Range<usize>, place: usize) -> Option<[f32; 4]> {
        let (mut sum, mut count) = ([0.0; 4], 0.0);
        for layer in layers {
            let Some(masses) = self.at(layer, place).filter(|masses| masses.iter().all(|mass| !mass.is_nan())) else {
                continue;
            };
            sum.iter_mut().zip(masses).for_each(|(sum, mass)| *sum += mass);
            count += 1.0;
        }
        (count > 0.0).then(|| sum.map(|sum| sum / count))
    }

    /// The masses of an output token in a layer.
    pub fn at(&self, layer: usize, place: usize) -> Option<[f32; 4]> {
        if place >= self.tokens.len() { None } else { self.masses.get(layer * self.tokens.len() + place).copied() }
    }
}
