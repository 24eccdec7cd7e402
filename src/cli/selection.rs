//! Which part of a trace: the same options for `render` and `attention`.

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use crate::analysis::{Direction, Pick, Selection};
use crate::trace::Trace;

/// Block, layer, head, tokens and direction. Layers, heads and tokens are counted from 0.
#[derive(Args, Clone, Debug)]
pub struct SelectionArguments {
    /// The attention block, by name; the first one if not given.
    #[arg(long, value_name = "NAME")]
    block: Option<String>,
    /// A layer, or `mean` or `max` of all; the last one if not given.
    #[arg(long, value_name = "N|mean|max", value_parser = parse_pick)]
    layer: Option<Pick>,
    /// A head, or `mean` or `max` of all.
    #[arg(long, value_name = "N|mean|max", value_parser = parse_pick, default_value = "mean")]
    head: Pick,
    /// A token, by its place in the sequence; may be repeated. All that are not special if not given.
    #[arg(long = "token", value_name = "N")]
    tokens: Vec<usize>,
    /// `to`: what the tokens attend to; `from`: what attends to them.
    #[arg(long, value_enum, default_value_t = DirectionName::To)]
    direction: DirectionName,
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
}

impl<'a> SelectionReport<'a> {
    /// The report on a selection in this trace.
    pub fn new(trace: &'a Trace, selection: &'a Selection) -> Self {
        let typed = |pick| match pick {
            Pick::One(index) => Value::from(index),
            Pick::Mean => Value::from("mean"),
            Pick::Max => Value::from("max"),
        };
        Self {
            block: &trace.document().attention[selection.block].name,
            layer: typed(selection.layer),
            head: typed(selection.head),
            tokens: &selection.tokens,
            direction: match selection.direction {
                Direction::AttendsTo => "to",
                Direction::AttendedBy => "from",
            },
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DirectionName {
    To,
    From,
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
                Some(name) => bail!("no block is called `{name}`: there are {}", names.join(", ")),
                None => bail!("the trace holds no attention: {}", trace.path().display()),
            }
        };
        let block = &document.attention[block_index];
        let layer = self.layer.unwrap_or(Pick::One(block.layers - 1));
        if let Pick::One(layer) = layer {
            let last = block.layers - 1;
            ensure!(layer <= last, "there is no layer {layer}: block `{}` has layers 0 to {last}", block.name);
        }
        if let Pick::One(head) = self.head {
            for layer in layer.indices(block.layers) {
                let heads = trace.heads(block_index, layer);
                ensure!(head < heads, "there is no head {head}: layer {layer} of block `{}` has {heads}", block.name);
            }
        }
        let (direction, sequence) = match self.direction {
            DirectionName::To => (Direction::AttendsTo, block.query),
            DirectionName::From => (Direction::AttendedBy, block.key),
        };
        let sequence = &document.sequences[sequence];
        for &token in &self.tokens {
            let count = sequence.tokens.len();
            ensure!(token < count, "there is no token {token}: sequence `{}` has {count}", sequence.name);
        }
        let tokens = self.tokens.clone();
        Ok(Selection { block: block_index, layer, head: self.head, tokens, direction, ..Selection::default() })
    }
}
