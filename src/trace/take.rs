//! Takes the tensors that a document names out of those of a file, by the table of kinds: each is there, with a shape that fits
//! the document and the tensors before it.

use std::collections::HashMap;
use std::fmt;

use super::header::Entry;
use super::kinds::{ATTENTION, Each, QUERY, Side, TensorKind, WORDS};
use super::{Document, Sequence};

/// Which tensor: the name of its kind, the index of its block or sequence, and which of that.
pub(super) type Key = (&'static str, usize, usize);

/// The tensors that a document names.
pub(super) type Tensors = HashMap<Key, Entry>;

/// Takes what a document names out of a file's tensors; what it does not name is ignored.
pub(super) fn take(
    table: &'static [TensorKind],
    document: &Document,
    mut entries: HashMap<String, Entry>,
) -> Result<Tensors, String> {
    let mut taken = Tensors::new();
    // What a reader of the first version ignores means nothing in a file of the first version.
    for kind in table.iter().filter(|kind| kind.since <= document.format) {
        for owner in 0..kind.each.owners(document) {
            let named =
                || kind.members(document, owner).map(|member| (member, kind.tensor_name(document, owner, member)));
            if !kind.is_required && !named().any(|(_, name)| entries.contains_key(&name)) {
                continue;
            }
            for (member, name) in named() {
                let entry = entries.remove(&name).ok_or_else(|| {
                    let wanted_by = kind.each.wanted_by(kind.of, document, owner, member);
                    format!("tensor `{name}` is missing: {wanted_by}")
                })?;
                check(kind, &name, &entry, &lengths(kind, document, owner, member, &taken))?;
                taken.insert((kind.name, owner, member), entry);
            }
        }
    }
    Ok(taken)
}

/// How long a dimension of one tensor may be.
enum Length<'a> {
    AtLeast(usize, &'static str),
    Exactly(usize),
    TokensOf(&'a Sequence),
    /// As many of these as the tensor of that name has.
    Same(usize, &'static str, String),
    /// A divisor of the heads of the tensor of that name.
    Divides(usize, String),
}

impl Length<'_> {
    fn fits(&self, found: Option<&usize>) -> bool {
        found.is_some_and(|&found| match self {
            Self::AtLeast(least, _) => found >= *least,
            Self::Exactly(length) | Self::Same(length, ..) => found == *length,
            Self::TokensOf(sequence) => found == sequence.tokens.len(),
            Self::Divides(heads, _) => found == *heads || found > 0 && heads.is_multiple_of(found),
        })
    }

    /// Where it is from.
    fn reason(&self) -> Option<String> {
        match self {
            Self::AtLeast(..) | Self::Exactly(_) => None,
            Self::TokensOf(sequence) => {
                Some(format!("sequence `{}` has {} tokens", sequence.name, sequence.tokens.len()))
            }
            Self::Same(length, word, of) => Some(format!("`{of}` has {length} {word}")),
            Self::Divides(heads, of) => Some(format!("`{of}` has {heads} heads")),
        }
    }
}

impl fmt::Display for Length<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(_, word) => formatter.write_str(word),
            Self::Exactly(length) | Self::Same(length, ..) => length.fmt(formatter),
            Self::TokensOf(sequence) => sequence.tokens.len().fmt(formatter),
            Self::Divides(heads, _) => write!(formatter, "a divisor of {heads}"),
        }
    }
}

/// How long each dimension may be. A side that means nothing for what there is one each of is left out, which a test of the
/// table would find.
fn lengths<'a>(
    kind: &TensorKind,
    document: &'a Document,
    owner: usize,
    member: usize,
    taken: &Tensors,
) -> Vec<Length<'a>> {
    let relevance = document.relevance.get(member).filter(|_| kind.each == Each::Relevance);
    let index = match kind.each {
        Each::Layer | Each::Statistics => Some(owner),
        Each::HeadMetric => document.head_metrics.get(member).map(|metric| metric.block),
        Each::Relevance => relevance.and_then(|relevance| relevance.block),
        Each::State | Each::Words | Each::Vocabulary | Each::Image => None,
    };
    let block = index.and_then(|index| Some((index, document.attention.get(index)?)));
    let sequence = match kind.each {
        Each::State => document.hidden.get(owner).map(|hidden| hidden.sequence),
        Each::Words => document.words.get(owner).map(|words| words.sequence),
        _ => relevance.map(|relevance| relevance.sequence),
    };
    let tokens_of = |sequence: usize| Length::TokensOf(&document.sequences[sequence]);
    // The tensor that gives a layer its heads and its dim.
    let first_of = |block: usize, layer: usize| {
        let is_there = |kind: &&TensorKind| taken.contains_key(&(kind.name, block, layer));
        [&ATTENTION, &QUERY].into_iter().find(is_there).unwrap_or(&ATTENTION)
    };
    let side = |block: usize, layer: usize, side: usize| {
        let tensor = taken.get(&(first_of(block, layer).name, block, layer));
        tensor.and_then(|tensor| tensor.shape.get(side)).copied().unwrap_or(0)
    };
    let name = |block: usize| first_of(block, member).tensor_name(document, block, member);
    let length = |named: &Side| match named {
        Side::Heads | Side::Dim | Side::Words | Side::Bytes => Some(Length::AtLeast(0, named.word())),
        Side::Height | Side::Width => Some(Length::AtLeast(1, named.word())),
        Side::Rgb => Some(Length::Exactly(3)),
        Side::Queries => block.map(|(_, block)| tokens_of(block.query)),
        Side::Keys => block.map(|(_, block)| tokens_of(block.key)),
        Side::Tokens => sequence.map(tokens_of),
        Side::Targets => relevance.map(|relevance| Length::Exactly(relevance.targets.len())),
        Side::Statistics => block.map(|(_, block)| Length::Exactly(block.statistics.len())),
        Side::SameWords => {
            let words = taken.get(&(WORDS.name, owner, member)).and_then(|words| words.shape.get(1));
            let name = WORDS.tensor_name(document, owner, member);
            Some(Length::Same(words.copied().unwrap_or(0), "words a token", name))
        }
        Side::Layers => block.map(|(_, block)| Length::Exactly(block.layers)),
        Side::SameHeads => block.map(|(index, _)| Length::Same(side(index, member, 0), named.word(), name(index))),
        Side::QueryDim => block.map(|(index, _)| Length::Same(side(index, member, 2), named.word(), name(index))),
        Side::KeyHeads => block.map(|(index, _)| Length::Divides(side(index, member, 0), name(index))),
        Side::MostHeads => block.map(|(index, block)| {
            Length::Exactly((0..block.layers).map(|layer| side(index, layer, 0)).max().unwrap_or(0))
        }),
    };
    kind.shape.iter().filter_map(length).collect()
}

fn check(kind: &TensorKind, name: &str, found: &Entry, lengths: &[Length<'_>]) -> Result<(), String> {
    let Entry { dtype, shape, .. } = found;
    if !kind.dtypes.contains(&dtype.as_str()) {
        return Err(format!("tensor `{name}` has dtype {dtype}, expected {}", one_of(kind.dtypes)));
    }
    let is_wrong = |(at, length): &(usize, &Length<'_>)| !length.fits(shape.get(*at));
    if shape.len() == lengths.len() && !lengths.iter().enumerate().any(|side| is_wrong(&side)) {
        return Ok(());
    }
    let expected = lengths.iter().map(Length::to_string).collect::<Vec<_>>().join(", ");
    // Why the first that does not fit should, or the last that has a reason.
    let sides = || lengths.iter().enumerate();
    let why = sides().filter(is_wrong).find_map(|(_, length)| length.reason());
    let why = why.or_else(|| lengths.iter().rev().find_map(Length::reason));
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    Err(format!("tensor `{name}` has shape {shape:?}, expected [{expected}]{why}"))
}

fn one_of(names: &[&str]) -> String {
    match names {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        names => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::kinds::{Of, TABLE, Values};
    use crate::trace::schema;
    use serde_json::json;

    /// Two tokens, two layers.
    fn document() -> Result<Document, String> {
        let document = json!({
            "format": 2, "images": 1, "sequences": {"main": {"tokens": [{"text": "a"}, {"text": "b"}]}},
            "attention": [{"name": "self", "query": "main", "key": "main", "layers": 2, "statistics": ["entropy"]}],
            "relevance": [{"name": "rollout", "sequence": "main", "targets": [1], "attention": "self"}],
            "words": [{"sequence": "main", "states": [0]}],
            "hidden": [{"sequence": "main", "states": 1}],
            "head_metrics": [{"name": "metric", "attention": "self"}],
        });
        schema::parse(&document.to_string())
    }

    #[test]
    fn the_sides_of_each_kind_mean_something() -> Result<(), String> {
        let document = document()?;
        for kind in &TABLE {
            let lengths = lengths(kind, &document, 0, 0, &Tensors::new());
            assert_eq!(lengths.len(), kind.shape.len(), "{}", kind.name);
        }
        Ok(())
    }

    /// The row that CONTRIBUTING.md adds.
    #[test]
    fn a_kind_that_is_not_required_is_there_for_all_layers_of_a_block_or_for_none() -> Result<(), String> {
        static OUTPUT_NORM: [TensorKind; 1] = [TensorKind {
            name: "output_norm",
            since: 2,
            each: Each::Layer,
            of: Of::All,
            shape: &[Side::Heads, Side::Queries],
            dtypes: &["F32", "F16"],
            is_required: false,
            values: Values::Finite,
        }];
        let document = document()?;
        let norms = |layers: &[usize], dtype: &str, shape: &[usize]| {
            let entry = || Entry { dtype: dtype.to_owned(), shape: shape.to_vec(), begin: 0, end: 0 };
            let entries = layers.iter().map(|layer| (format!("output_norm.self.{layer}"), entry())).collect();
            take(&OUTPUT_NORM, &document, entries).map(|taken| taken.len())
        };
        let refused = |message: &str| Err(message.to_owned());
        assert_eq!(norms(&[], "F16", &[3, 2]), Ok(0));
        assert_eq!(norms(&[0, 1], "F16", &[3, 2]), Ok(2));
        assert_eq!(
            norms(&[1], "F16", &[3, 2]),
            refused("tensor `output_norm.self.0` is missing: `attention[0].layers` is 2")
        );
        assert_eq!(
            norms(&[0, 1], "U8", &[3, 2]),
            refused("tensor `output_norm.self.0` has dtype U8, expected F32 or F16")
        );
        assert_eq!(
            norms(&[0, 1], "F32", &[3, 4]),
            refused("tensor `output_norm.self.0` has shape [3, 4], expected [heads, 2]: sequence `main` has 2 tokens")
        );
        Ok(())
    }
}
