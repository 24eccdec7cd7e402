//! The selection of one trace, carried over to another.

use super::align::Alignment;
use crate::analysis::{Direction, Pick, Selection};
use crate::query::OpenTrace;
use crate::trace::{Block, Document};
use crate::view::Target;

/// The blocks of two traces that stand for each other, and their sides.
#[derive(Clone, Debug)]
pub(super) struct Partners<'a> {
    blocks: [&'a Block; 2],
    a: [usize; 2],
    b: [usize; 2],
    aligned: [Alignment; 2],
}

impl<'a> Partners<'a> {
    pub fn of(a: (&Document, &'a Block), b: (&Document, &'a Block)) -> Self {
        let align =
            |of_a: usize, of_b: usize| Alignment::of(&a.0.sequences[of_a].tokens, &b.0.sequences[of_b].tokens, false);
        let query = align(a.1.query, b.1.query);
        let is_self_attention = a.1.query == a.1.key && b.1.query == b.1.key;
        let key = if is_self_attention { query.clone() } else { align(a.1.key, b.1.key) };
        Self { blocks: [a.1, b.1], a: [a.1.query, a.1.key], b: [b.1.query, b.1.key], aligned: [query, key] }
    }

    /// What a target of A is in B.
    pub fn to_b(&self, target: Target) -> Option<Target> {
        let target = of_layer(target, self.blocks)?;
        translated(target, self.a, self.b, |side, token| self.aligned[side].in_b(token))
    }

    /// What a target of B is in A.
    pub fn to_a(&self, target: Target) -> Option<Target> {
        let target = of_layer(target, [self.blocks[1], self.blocks[0]])?;
        translated(target, self.b, self.a, |side, token| self.aligned[side].in_a(token))
    }
}

/// The same with the layer of the same number.
fn of_layer(target: Target, [from, to]: [&Block; 2]) -> Option<Target> {
    let place = |layer: usize| to.layer_index(from.layer_number(layer));
    Some(match target {
        Target::Head { layer, head } => Target::Head { layer: place(layer)?, head },
        Target::LayerMean { layer } => Target::LayerMean { layer: place(layer)? },
        other => other,
    })
}

fn translated(
    target: Target,
    from: [usize; 2],
    to: [usize; 2],
    partner: impl Fn(usize, usize) -> std::ops::Range<usize>,
) -> Option<Target> {
    let (sequence, first) = match target {
        Target::Token { sequence, token } => (sequence, token),
        Target::Pieces { sequence, first, .. } => (sequence, first),
        other => return Some(other),
    };
    let side = from.iter().position(|&of| of == sequence)?;
    let found = match target {
        Target::Pieces { count, .. } => {
            let end = partner(side, first + count - 1).end;
            partner(side, first).start..end
        }
        _ => partner(side, first),
    };
    match found.len() {
        0 => None,
        1 => Some(Target::Token { sequence: to[side], token: found.start }),
        count => Some(Target::Pieces { sequence: to[side], first: found.start, count }),
    }
}

/// The block of another trace that stands for a block: that of its name, or the only one where both have one alone.
///
/// # Errors
/// If there is none; the message names those that there are.
fn partner_block(a: &Document, b: &Document, block: usize) -> Result<usize, String> {
    let name = a.attention.get(block).map_or("", |block| block.name.as_str());
    match b.block_index(name) {
        Some(found) => Ok(found),
        None if a.attention.len() == 1 && b.attention.len() == 1 => Ok(0),
        None if b.attention.is_empty() => Err("B holds no attention".to_owned()),
        None => {
            let names: Vec<&str> = b.attention.iter().map(|block| block.name.as_str()).collect();
            Err(format!("B has no block `{name}`: it has {}", names.join(", ")))
        }
    }
}

/// What is looked at in B while something is selected in A.
#[derive(Clone, Debug, PartialEq)]
pub struct Partner {
    /// What is selected in B.
    pub selection: Selection,
    /// What B lacks of it: then only its heads compare.
    pub lacks: Option<String>,
}

/// What a selection of A is in B: the block of the same name, the same layer and head, and the tokens that stand for A's.
pub fn partner(a: &Document, b: &OpenTrace, selection: &Selection) -> Partner {
    match partner_selection(a, b.document(), selection) {
        Ok((selection, Some(number))) => {
            let block = &b.document().attention[selection.block];
            let lacks = format!("B has no layer {number}: its block `{}` has {}", block.name, block.layers_in_words());
            Partner { lacks: Some(lacks), selection }
        }
        Ok((selection, None)) => Partner { lacks: lacks(b, &selection), selection },
        Err(why) => {
            let any = Selection { tokens: Vec::new(), ..selection.clone() };
            let found = partner_selection(a, b.document(), &any).map(|(selection, _)| selection);
            Partner { selection: found.unwrap_or(Selection { block: usize::MAX, ..any }), lacks: Some(why) }
        }
    }
}

/// What the trace lacks of a selection's weights, layer and head.
fn lacks(open: &OpenTrace, selection: &Selection) -> Option<String> {
    let block = &open.document().attention[selection.block];
    if let Err(why) = selection.weights.check(&open.trace, selection.block) {
        return Some(format!("B: {why}"));
    }
    if let Pick::One(head) = selection.head {
        let heads = selection.layer.indices(block.layers).map(|layer| open.trace.heads(selection.block, layer)).max();
        let heads = heads.unwrap_or(0);
        return (head >= heads).then(|| format!("B has no head {head}: its block `{}` has {heads} there", block.name));
    }
    None
}

/// With the number of the layer, if B lacks it. Fails if B lacks the block, or all of the tokens; the message says so.
fn partner_selection(a: &Document, b: &Document, selection: &Selection) -> Result<(Selection, Option<usize>), String> {
    let block = partner_block(a, b, selection.block)?;
    let (of_a, of_b) = (&a.attention[selection.block], &b.attention[block]);
    let near = |block: &Block| match selection.direction {
        Direction::AttendsTo => block.query,
        Direction::AttendedBy => block.key,
    };
    let aligned = Alignment::of(&a.sequences[near(of_a)].tokens, &b.sequences[near(of_b)].tokens, false);
    let mut tokens: Vec<usize> = Vec::new();
    for token in selection.tokens.iter().flat_map(|&token| aligned.in_b(token)) {
        if !tokens.contains(&token) {
            tokens.push(token);
        }
    }
    if tokens.is_empty() && !selection.tokens.is_empty() {
        let which = if selection.tokens.len() == 1 { "the selected token" } else { "any of the selected tokens" };
        return Err(format!("B has nothing that stands for {which}"));
    }
    let in_b = Selection { block, tokens, ..selection.numbered(a) };
    match in_b.placed(b) {
        Ok(selection) => Ok((selection, None)),
        // A layer that is not there: nothing is shown of it.
        Err(_) => Ok((Selection { layer: Pick::One(usize::MAX), ..in_b.clone() }, in_b.layer.one())),
    }
}
