//! Which part of a trace: the same options for `render` and `attention`.

use std::ops::RangeInclusive;

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use crate::analysis::sinks::Criteria;
use crate::analysis::{Combine, Direction, Pick, Rollout, Selection, SinkTreatment, WeightKind, token_sets};
use crate::trace::{Modality, Sequence, Trace};

/// Block, layer, head, tokens, direction, and how they become one. Heads and tokens are counted from 0, layers as the trace numbers
/// them.
#[derive(Args, Clone, Debug)]
pub struct SelectionArguments {
    /// The attention block, by name; the first one if not given.
    #[arg(long, value_name = "NAME")]
    block: Option<String>,
    /// A layer by the model's own number, or `mean` or `max` of all; the last one if not given.
    #[arg(long, value_name = "N|mean|max", value_parser = parse_pick)]
    layer: Option<Pick>,
    /// A head, or `mean` or `max` of all.
    #[arg(long, value_name = "N|mean|max", value_parser = parse_pick, default_value = "mean")]
    head: Pick,
    /// A token, by its place in the sequence, or a range of them, `3-7`; may be repeated. All that are not special if no
    /// token, word, segment or modality is given.
    #[arg(long = "token", value_name = "N|N-M", value_parser = parse_range)]
    tokens: Vec<RangeInclusive<usize>>,
    /// `to`: what the tokens attend to; `from`: what attends to them.
    #[arg(long, value_enum, default_value_t)]
    direction: Direction,
    /// The word that a token is a piece of; may be repeated.
    #[arg(long = "word", value_name = "N")]
    words: Vec<usize>,
    /// All tokens of a segment; may be repeated.
    #[arg(long = "segment", value_name = "NAME")]
    segments: Vec<String>,
    /// All tokens of a modality that are not special.
    #[arg(long, value_enum)]
    modality: Option<ModalityName>,
    /// How the weights of several tokens become one.
    #[arg(long, value_enum, default_value_t)]
    combine: Combine,
    /// Which weights: raw, norm-weighted (times ‖W_O v‖, rows scaled to 1), rollout, or a relevance that the trace holds.
    #[arg(long, value_name = "raw|norm-weighted|rollout|relevance:NAME")]
    weights: Option<WeightKind>,
    /// Attention rollout: the layers from START (0 if not given) up to the selected one, multiplied through.
    #[arg(long, value_name = "START", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    rollout: Option<usize>,
    /// The share of the residual connection in a rollout, from 0 to 1, in hundredths; 0.5 if not given.
    #[arg(long, value_name = "SHARE", value_parser = parse_percent)]
    residual: Option<u8>,
    /// What happens to attention sinks in the weights that are shown.
    #[arg(long, value_enum, default_value_t)]
    sinks: SinkTreatment,
    #[command(flatten)]
    sink_criteria: Criteria,
}

/// What was selected, as it would be typed.
#[derive(Debug, Serialize)]
pub struct SelectionReport<'a> {
    block: &'a str,
    layer: Value,
    head: Value,
    /// Empty where all are meant that are not special.
    tokens: &'a [usize],
    direction: &'static str,
    combine: &'static str,
    weights: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout: Option<RolloutReport>,
    sinks: &'static str,
}

#[derive(Debug, Serialize)]
struct RolloutReport {
    start: usize,
    residual: f64,
}

impl<'a> SelectionReport<'a> {
    /// The report on a selection in this trace.
    pub fn new(trace: &'a Trace, selection: &'a Selection) -> Self {
        let typed = |pick| match pick {
            Pick::One(index) => Value::from(index),
            Pick::Mean => Value::from("mean"),
            Pick::Max => Value::from("max"),
        };
        let numbered = selection.numbered(trace.document());
        Self {
            block: &trace.document().attention[selection.block].name,
            layer: typed(numbered.layer),
            head: typed(selection.head),
            tokens: &selection.tokens,
            direction: selection.direction.name(),
            combine: selection.combine.name(),
            weights: selection.weights.to_string(),
            rollout: numbered.rollout().map(|rollout| RolloutReport {
                start: rollout.start,
                residual: f64::from(rollout.residual_percent) / 100.0,
            }),
            sinks: selection.sinks.name(),
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModalityName {
    Image,
    Text,
}

pub(super) fn parse_range(text: &str) -> Result<RangeInclusive<usize>, String> {
    let number = |text: &str| text.parse::<usize>().ok();
    let range = match text.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)).map(|(first, last)| first..=last),
        None => number(text).map(|only| only..=only),
    };
    range
        .filter(|range| !range.is_empty())
        .ok_or_else(|| format!("`{text}` is neither a number nor a range such as `3-7`"))
}

fn parse_percent(text: &str) -> Result<u8, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    let percent = share.map(|share| share * 100.0).filter(|percent| (percent - percent.round()).abs() < 1e-6);
    percent
        .map(|percent| percent.round() as u8)
        .ok_or_else(|| format!("`{text}` is no share in hundredths: expected for example 0.5, from 0 to 1"))
}

fn parse_pick(text: &str) -> Result<Pick, String> {
    match text {
        "mean" => Ok(Pick::Mean),
        "max" => Ok(Pick::Max),
        _ => text.parse().map(Pick::One).map_err(|_| format!("`{text}` is neither a number nor `mean` nor `max`")),
    }
}

impl SelectionArguments {
    /// The selection in this trace.
    ///
    /// # Errors
    /// If the trace has no such block, layer, head or token; the message says which there are.
    pub fn resolve(&self, trace: &Trace) -> Result<Selection> {
        let document = trace.document();
        let block_index = match &self.block {
            Some(name) => document.block_index(name),
            None => (!document.attention.is_empty()).then_some(0),
        };
        let Some(block_index) = block_index else {
            let names: Vec<_> = document.attention.iter().map(|block| block.name.as_str()).collect();
            match &self.block {
                Some(name) if !names.is_empty() => bail!("no block is called `{name}`: there are {}", names.join(", ")),
                _ => bail!("the trace holds no attention: {}", trace.path().display()),
            }
        };
        let block = &document.attention[block_index];
        let layer = self.layer.unwrap_or(Pick::One(block.layer_number(block.layers - 1)));
        let numbered = Selection { block: block_index, layer, weights: self.weight_kind()?, ..Selection::default() };
        let Selection { layer, weights, .. } = numbered.placed(document)?;
        if let Pick::One(head) = self.head {
            // In a mean or a maximum, a layer that lacks the head takes no part.
            let heads = |layer: usize| trace.heads(block_index, layer);
            let fullest = layer.indices(block.layers).max_by_key(|&layer| heads(layer)).unwrap_or(0);
            let (count, number) = (heads(fullest), block.layer_number(fullest));
            ensure!(head < count, "there is no head {head}: layer {number} of block `{}` has {count}", block.name);
        }
        let sequence = match self.direction {
            Direction::AttendsTo => block.query,
            Direction::AttendedBy => block.key,
        };
        let sequence = &document.sequences[sequence];
        weights.check(trace, block_index)?;
        if let WeightKind::Rollout(rollout) = weights {
            let end = if let Pick::One(layer) = layer { layer } else { block.layers - 1 };
            let (start, last) = (numbered.rollout().map_or(0, |rollout| rollout.start), block.layer_number(end));
            ensure!(rollout.start <= end, "rollout begins at layer {start}, which comes after layer {last}");
        }
        Ok(Selection {
            block: block_index,
            layer,
            head: self.head,
            tokens: self.tokens_of(sequence)?,
            direction: self.direction,
            combine: self.combine,
            weights,
            sinks: self.sinks,
            sink_criteria: self.sink_criteria,
        })
    }

    fn weight_kind(&self) -> Result<WeightKind> {
        let kind = match (&self.weights, self.rollout) {
            (None, None) => WeightKind::Raw,
            (None | Some(WeightKind::Rollout(_)), start) => {
                let usual = Rollout::default();
                let residual_percent = self.residual.unwrap_or(usual.residual_percent);
                WeightKind::Rollout(Rollout { start: start.unwrap_or(usual.start), residual_percent })
            }
            (Some(other), Some(_)) => bail!("--weights {other} is no --rollout: choose one of them"),
            (Some(other), None) => other.clone(),
        };
        let is_rollout = matches!(kind, WeightKind::Rollout(_));
        ensure!(
            is_rollout || self.residual.is_none(),
            "--residual is a part of a rollout: --weights rollout, or --rollout"
        );
        Ok(kind)
    }

    /// The tokens alone: all that there is to select in a trace without attention.
    ///
    /// # Errors
    /// If the trace lacks a token, or a block is asked for.
    pub fn without_attention(&self, trace: &Trace) -> Result<Selection> {
        if self.block.is_some() {
            return self.resolve(trace);
        }
        let selection = Selection::default();
        let sequence = selection.sequence(trace.document()).map(|sequence| &trace.document().sequences[sequence]);
        let tokens = sequence.map_or(Ok(Vec::new()), |sequence| self.tokens_of(sequence))?;
        Ok(Selection { tokens, ..selection })
    }

    /// Tokens, words, segments and modality together, each token once.
    fn tokens_of(&self, sequence: &Sequence) -> Result<Vec<usize>> {
        let (all, name) = (sequence.tokens.as_slice(), &sequence.name);
        let check = |token: usize| {
            ensure!(token < all.len(), "there is no token {token}: sequence `{name}` has {}", all.len());
            Ok(token)
        };
        let mut tokens = Vec::new();
        for range in &self.tokens {
            check(*range.end())?;
            tokens.extend(range.clone());
        }
        for &word in &self.words {
            tokens.extend(token_sets::whole_word(all, check(word)?));
        }
        for segment in &self.segments {
            let found = token_sets::of_segment(all, segment);
            let names = token_sets::segments(all);
            match names.as_slice() {
                [] => bail!("there is no segment `{segment}`: sequence `{name}` has none"),
                _ if found.is_empty() => {
                    bail!("there is no segment `{segment}`: sequence `{name}` has {}", names.join(", "))
                }
                _ => tokens.extend(found),
            }
        }
        if let Some(modality) = self.modality {
            let (modality, word) = match modality {
                ModalityName::Image => (Modality::Image, "image"),
                ModalityName::Text => (Modality::Text, "text"),
            };
            let found = token_sets::of_modality(all, modality);
            ensure!(!found.is_empty(), "sequence `{name}` has no {word} token that is not special");
            tokens.extend(found);
        }
        let mut seen = vec![false; all.len()];
        tokens.retain(|&token| !std::mem::replace(&mut seen[token], true));
        Ok(tokens)
    }
}
