//! The tensors of a trace, one row a kind: what the reader takes and refuses, what the writer names, and what
//! [`check`](super::check) asks of the values. The Python package reads the same rows from tensor_kinds.json.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use super::header::Entry;
use super::{Document, FORMAT, Sequence};

/// Tensors of one meaning.
#[derive(Debug, Serialize)]
pub struct TensorKind {
    /// What their names begin with.
    pub name: &'static str,
    /// What there is one of each of; it ends their names.
    pub each: Each,
    /// Outermost dimension first.
    pub shape: &'static [Side],
    /// As a safetensors header writes them.
    pub dtypes: &'static [&'static str],
    /// Whether a block or a sequence that the document names may do without.
    pub is_required: bool,
    /// What holds for the numbers.
    pub values: Values,
}

/// What a kind has one tensor of each of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Each {
    /// `<block>.<layer>`: of a block of `attention`.
    Layer,
    /// `<sequence>.<state>`: of an entry of `hidden`.
    State,
    /// `<i>`: of `images`.
    Image,
    /// `<i>`: of an entry of `head_metrics`.
    HeadMetric,
}

/// How long a dimension is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// As long as you like, the heads of this layer.
    Heads,
    /// The tokens of the block's query sequence.
    Queries,
    /// The tokens of the block's key sequence.
    Keys,
    /// The tokens of the sequence.
    Tokens,
    /// As long as you like.
    Dim,
    /// At least 1.
    Height,
    /// At least 1.
    Width,
    /// 3: red, green, blue.
    Rgb,
    /// The layers of the metric's block.
    Layers,
    /// The heads of the layer of the metric's block that has most.
    MostHeads,
}

/// What holds for the values of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Bytes, of which all are sound.
    Any,
    /// Finite.
    Finite,
    /// Finite, or NaN for 'no value'.
    FiniteOrNan,
    /// Rows of weights: finite, not negative, 0 on future keys of a causal block, with a sum of 1.
    Rows,
}

/// Numbers that shaders and the CPU decode.
const FLOATS: &[&str] = &["F32", "F16", "BF16"];

/// `attention.<block>.<layer>`
pub const ATTENTION: TensorKind = TensorKind {
    name: "attention",
    each: Each::Layer,
    shape: &[Side::Heads, Side::Queries, Side::Keys],
    dtypes: FLOATS,
    is_required: true,
    values: Values::Rows,
};

/// `hidden.<sequence>.<state>`
pub const HIDDEN: TensorKind = TensorKind {
    name: "hidden",
    each: Each::State,
    shape: &[Side::Tokens, Side::Dim],
    dtypes: FLOATS,
    is_required: true,
    values: Values::Finite,
};

/// `image.<i>`
pub const IMAGE: TensorKind = TensorKind {
    name: "image",
    each: Each::Image,
    shape: &[Side::Height, Side::Width, Side::Rgb],
    dtypes: &["U8"],
    is_required: true,
    values: Values::Any,
};

/// `head_metric.<i>`
pub const HEAD_METRIC: TensorKind = TensorKind {
    name: "head_metric",
    each: Each::HeadMetric,
    shape: &[Side::Layers, Side::MostHeads],
    dtypes: &["F32"],
    is_required: true,
    values: Values::FiniteOrNan,
};

/// All of them, in the order in which they are looked for.
pub static TABLE: [TensorKind; 4] = [ATTENTION, HIDDEN, IMAGE, HEAD_METRIC];

impl Side {
    /// As the document and messages name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Heads | Self::MostHeads => "heads",
            Self::Queries => "queries",
            Self::Keys => "keys",
            Self::Tokens => "tokens",
            Self::Dim => "dim",
            Self::Height => "height",
            Self::Width => "width",
            Self::Rgb => "3",
            Self::Layers => "layers",
        }
    }
}

impl Each {
    /// As the document writes the end of a name.
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Layer => "<block>.<layer>",
            Self::State => "<sequence>.<state>",
            Self::Image | Self::HeadMetric => "<i>",
        }
    }

    /// How many blocks, or sequences; 1 where names have no such part.
    fn owners(self, document: &Document) -> usize {
        match self {
            Self::Layer => document.attention.len(),
            Self::State => document.hidden.len(),
            Self::Image | Self::HeadMetric => 1,
        }
    }

    /// How many tensors one of them has.
    fn members(self, document: &Document, owner: usize) -> usize {
        match self {
            Self::Layer => document.attention[owner].layers,
            Self::State => document.hidden[owner].states,
            Self::Image => document.images,
            Self::HeadMetric => document.head_metrics.len(),
        }
    }

    /// The words of the document that ask for them.
    fn wanted_by(self, document: &Document, owner: usize) -> String {
        let count = self.members(document, owner);
        match self {
            Self::Layer => format!("`attention[{owner}].layers` is {count}"),
            Self::State => format!("`hidden[{owner}].states` is {count}"),
            Self::Image => format!("`images` is {count}"),
            Self::HeadMetric => format!("`head_metrics` has {count} entries"),
        }
    }
}

/// How long a dimension of one tensor may be.
enum Length<'a> {
    AtLeast(usize, &'static str),
    Exactly(usize),
    TokensOf(&'a Sequence),
}

impl Length<'_> {
    fn fits(&self, found: Option<&usize>) -> bool {
        found.is_some_and(|&found| match self {
            Self::AtLeast(least, _) => found >= *least,
            Self::Exactly(length) => found == *length,
            Self::TokensOf(sequence) => found == sequence.tokens.len(),
        })
    }
}

impl fmt::Display for Length<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(_, word) => formatter.write_str(word),
            Self::Exactly(length) => length.fmt(formatter),
            Self::TokensOf(sequence) => sequence.tokens.len().fmt(formatter),
        }
    }
}

/// The tensors that a document names, by the name of their kind, block or sequence, and number.
pub(super) type Tensors = HashMap<&'static str, Vec<Vec<Entry>>>;

/// Takes what a document names out of a file's tensors; what it does not name is ignored.
pub(super) fn take(
    table: &'static [TensorKind],
    document: &Document,
    mut entries: HashMap<String, Entry>,
) -> Result<Tensors, String> {
    let mut taken = Tensors::new();
    for kind in table {
        let mut owners = Vec::new();
        for owner in 0..kind.each.owners(document) {
            let names =
                || (0..kind.each.members(document, owner)).map(move |member| kind.tensor_name(document, owner, member));
            let is_wanted = kind.is_required || names().any(|name| entries.contains_key(&name));
            let found = names().enumerate().take_while(|_| is_wanted).map(|(member, name)| {
                let entry = entries
                    .remove(&name)
                    .ok_or_else(|| format!("tensor `{name}` is missing: {}", kind.each.wanted_by(document, owner)))?;
                kind.check(&name, &entry, &kind.lengths(document, owner, member, &taken))?;
                Ok(entry)
            });
            owners.push(found.collect::<Result<_, String>>()?);
        }
        taken.insert(kind.name, owners);
    }
    Ok(taken)
}

impl TensorKind {
    /// The name of one of them: the block or the sequence by its place in the document.
    pub fn tensor_name(&self, document: &Document, owner: usize, member: usize) -> String {
        let Self { name, each, .. } = self;
        match each {
            Each::Layer => format!("{name}.{}.{member}", document.attention[owner].name),
            Each::State => format!("{name}.{}.{member}", document.sequences[document.hidden[owner].sequence].name),
            Each::Image | Each::HeadMetric => format!("{name}.{member}"),
        }
    }

    /// How long each dimension may be. A side that means nothing for what there is one each of is left out, which a test
    /// of the table would find.
    fn lengths<'a>(&self, document: &'a Document, owner: usize, member: usize, taken: &Tensors) -> Vec<Length<'a>> {
        let index = match self.each {
            Each::Layer => Some(owner),
            Each::HeadMetric => document.head_metrics.get(member).map(|metric| metric.block),
            Each::State | Each::Image => None,
        };
        let block = index.and_then(|index| document.attention.get(index));
        let hidden = document.hidden.get(owner).filter(|_| self.each == Each::State);
        let tokens_of = |sequence: usize| Length::TokensOf(&document.sequences[sequence]);
        let most_heads = |block: usize| {
            let layers = taken.get(ATTENTION.name).and_then(|blocks| blocks.get(block)).into_iter().flatten();
            layers.filter_map(|layer| layer.shape.first()).copied().max().unwrap_or(0)
        };
        let length = |side: &Side| match side {
            Side::Heads | Side::Dim => Some(Length::AtLeast(0, side.word())),
            Side::Height | Side::Width => Some(Length::AtLeast(1, side.word())),
            Side::Rgb => Some(Length::Exactly(3)),
            Side::Queries => block.map(|block| tokens_of(block.query)),
            Side::Keys => block.map(|block| tokens_of(block.key)),
            Side::Tokens => hidden.map(|hidden| tokens_of(hidden.sequence)),
            Side::Layers => block.map(|block| Length::Exactly(block.layers)),
            Side::MostHeads => index.map(most_heads).map(Length::Exactly),
        };
        self.shape.iter().filter_map(length).collect()
    }

    fn check(&self, name: &str, found: &Entry, lengths: &[Length<'_>]) -> Result<(), String> {
        let Entry { dtype, shape, .. } = found;
        if !self.dtypes.contains(&dtype.as_str()) {
            return Err(format!("tensor `{name}` has dtype {dtype}, expected {}", one_of(self.dtypes)));
        }
        let is_wrong = |(at, length): &(usize, &Length<'_>)| !length.fits(shape.get(*at));
        if shape.len() == lengths.len() && !lengths.iter().enumerate().any(|side| is_wrong(&side)) {
            return Ok(());
        }
        let expected = lengths.iter().map(Length::to_string).collect::<Vec<_>>().join(", ");
        // Whose tokens were counted otherwise: the first that does not fit, or the last.
        let mut counted = lengths.iter().enumerate().filter_map(|(at, length)| match length {
            Length::TokensOf(sequence) => Some((at, length, sequence)),
            _ => None,
        });
        let last = counted.clone().next_back();
        let culprit = counted.find(|(at, length, _)| is_wrong(&(*at, *length))).or(last);
        let why = culprit.map_or_else(String::new, |(_, length, sequence)| {
            format!(": sequence `{}` has {length} tokens", sequence.name)
        });
        Err(format!("tensor `{name}` has shape {shape:?}, expected [{expected}]{why}"))
    }
}

fn one_of(names: &[&str]) -> String {
    match names {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        names => names.concat(),
    }
}

/// The table as the Python package has it.
pub fn as_json() -> Value {
    json!({"format": FORMAT, "tensors": TABLE})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::schema;

    /// Two tokens, two layers.
    fn document() -> Result<Document, String> {
        let document = json!({
            "format": 1, "images": 1, "sequences": {"main": {"tokens": [{"text": "a"}, {"text": "b"}]}},
            "attention": [{"name": "self", "query": "main", "key": "main", "layers": 2}],
            "hidden": [{"sequence": "main", "states": 1}],
            "head_metrics": [{"name": "metric", "attention": "self"}],
        });
        schema::parse(&document.to_string())
    }

    #[test]
    fn the_sides_of_each_kind_mean_something() -> Result<(), String> {
        let document = document()?;
        for kind in &TABLE {
            assert_eq!(kind.lengths(&document, 0, 0, &Tensors::new()).len(), kind.shape.len(), "{}", kind.name);
        }
        Ok(())
    }

    /// The row that CONTRIBUTING.md adds.
    #[test]
    fn a_kind_that_is_not_required_is_there_for_all_layers_of_a_block_or_for_none() -> Result<(), String> {
        static VALUE_NORM: [TensorKind; 1] = [TensorKind {
            name: "value_norm",
            each: Each::Layer,
            shape: &[Side::Heads, Side::Keys],
            dtypes: &["F32", "F16"],
            is_required: false,
            values: Values::Finite,
        }];
        let document = document()?;
        let norms = |layers: &[usize], dtype: &str, shape: &[usize]| {
            let entry = || Entry { dtype: dtype.to_owned(), shape: shape.to_vec(), begin: 0, end: 0 };
            let entries = layers.iter().map(|layer| (format!("value_norm.self.{layer}"), entry())).collect();
            take(&VALUE_NORM, &document, entries).map(|taken| taken["value_norm"][0].len())
        };
        let refused = |message: &str| Err(message.to_owned());
        assert_eq!(norms(&[], "F16", &[3, 2]), Ok(0));
        assert_eq!(norms(&[0, 1], "F16", &[3, 2]), Ok(2));
        assert_eq!(
            norms(&[1], "F16", &[3, 2]),
            refused("tensor `value_norm.self.0` is missing: `attention[0].layers` is 2")
        );
        assert_eq!(
            norms(&[0, 1], "U8", &[3, 2]),
            refused("tensor `value_norm.self.0` has dtype U8, expected F32 or F16")
        );
        assert_eq!(
            norms(&[0, 1], "F32", &[3, 4]),
            refused("tensor `value_norm.self.0` has shape [3, 4], expected [heads, 2]: sequence `main` has 2 tokens")
        );
        Ok(())
    }
}
