//! The tensors of a trace, one row a kind: what the reader takes and refuses, what the writer names, and what
//! [`check`](super::check) asks of the values. The Python package reads the same rows from tensor_kinds.json.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Block, Document, FORMATS, Mask, Stored};

/// Tensors of one meaning.
#[derive(Debug, Serialize)]
pub struct TensorKind {
    /// What their names begin with.
    pub name: &'static str,
    /// The version of the format that brought it.
    pub since: u64,
    /// What there is one of each of; it ends their names.
    pub each: Each,
    /// Of which of these; always of all if these are not layers.
    pub of: Of,
    /// Outermost dimension first.
    pub shape: &'static [Side],
    /// As a safetensors header writes them.
    pub dtypes: &'static [&'static str],
    /// Whether they must be there. If not, a block has them for all these layers or for none.
    pub is_required: bool,
    /// What holds for the numbers.
    pub values: Values,
}

/// What a kind has one tensor of each of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Each {
    /// `<block>.<layer>`: of a block of `attention`, by the model's own number of the layer.
    Layer,
    /// `<sequence>.<state>`: of an entry of `hidden`.
    State,
    /// `<block>`: of the blocks of `attention` that name statistics.
    Statistics,
    /// `<sequence>.<state>`: of an entry of `words`.
    Words,
    /// `<name>`: of an entry of `relevance`.
    Relevance,
    /// One, if there are words.
    Vocabulary,
    /// `<i>`: of `images`.
    Image,
    /// `<i>`: of an entry of `head_metrics`.
    HeadMetric,
}

/// Which layers have a tensor of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// All.
    All,
    /// Those of blocks whose weights are stored.
    Weights,
    /// Those of blocks whose queries and keys are stored.
    QueriesKeys,
    /// Of these, those of blocks with `sink_share`.
    Sinks,
    /// Those whose mask is `"stored"`.
    StoredMask,
}

/// How long a dimension is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// As long as you like, the heads of this layer.
    Heads,
    /// Of a layer whose heads share keys: a number that divides that of its heads.
    KeyHeads,
    /// The heads of this layer, as another kind has them.
    SameHeads,
    /// The tokens of the block's query sequence.
    Queries,
    /// The tokens of the block's key sequence.
    Keys,
    /// The tokens of the sequence.
    Tokens,
    /// The outputs that a relevance is for.
    Targets,
    /// The statistics that the block names.
    Statistics,
    /// As long as you like, the same for both tensors of a state.
    Words,
    /// The same as of this state's words.
    SameWords,
    /// As long as you like.
    Bytes,
    /// As long as you like.
    Dim,
    /// The dim of this layer's queries.
    QueryDim,
    /// At least 1.
    Height,
    /// At least 1.
    Width,
    /// 3: red, green, blue.
    Rgb,
    /// The layers of the block. Left out where a relevance has no block.
    Layers,
    /// The heads of the layer of the block that has most. Left out where a relevance has no block.
    MostHeads,
}

/// What holds for the values of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Bytes, of which all are sound.
    Any,
    /// Finite, or −∞, as the logarithm of 0 is.
    FiniteOrNothing,
    /// The same, and not above 0.
    LogProbability,
    /// Finite, and not below 0 unless the relevance is signed.
    Relevance,
    /// Numbers that are in the vocabulary.
    InVocabulary,
    /// JSON: an object of strings by number.
    Vocabulary,
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
    since: 1,
    each: Each::Layer,
    of: Of::Weights,
    shape: &[Side::Heads, Side::Queries, Side::Keys],
    dtypes: FLOATS,
    is_required: true,
    values: Values::Rows,
};

/// `query.<block>.<layer>`
pub const QUERY: TensorKind = TensorKind {
    name: "query",
    since: 2,
    each: Each::Layer,
    of: Of::QueriesKeys,
    shape: &[Side::Heads, Side::Queries, Side::Dim],
    dtypes: FLOATS,
    is_required: true,
    values: Values::Finite,
};

/// `key.<block>.<layer>`
pub const KEY: TensorKind = TensorKind {
    name: "key",
    since: 2,
    each: Each::Layer,
    of: Of::QueriesKeys,
    shape: &[Side::KeyHeads, Side::Keys, Side::QueryDim],
    dtypes: FLOATS,
    is_required: true,
    values: Values::Finite,
};

/// `lse.<block>.<layer>`
pub const LOG_SUM_EXP: TensorKind = TensorKind {
    name: "lse",
    since: 2,
    each: Each::Layer,
    of: Of::QueriesKeys,
    shape: &[Side::SameHeads, Side::Queries],
    dtypes: &["F32"],
    is_required: false,
    values: Values::FiniteOrNothing,
};

/// `sink.<block>.<layer>`
pub const SINK: TensorKind = TensorKind {
    name: "sink",
    since: 2,
    each: Each::Layer,
    of: Of::Sinks,
    shape: &[Side::SameHeads],
    dtypes: &["F32"],
    is_required: true,
    values: Values::Finite,
};

/// `mask.<block>.<layer>`
pub const MASK: TensorKind = TensorKind {
    name: "mask",
    since: 2,
    each: Each::Layer,
    of: Of::StoredMask,
    shape: &[Side::Queries, Side::Keys],
    dtypes: &["U8"],
    is_required: true,
    values: Values::Any,
};

/// `value_norm.<block>.<layer>`
pub const VALUE_NORM: TensorKind = TensorKind {
    name: "value_norm",
    since: 2,
    each: Each::Layer,
    of: Of::All,
    shape: &[Side::SameHeads, Side::Keys],
    dtypes: &["F32", "F16"],
    is_required: false,
    values: Values::Finite,
};

/// `hidden.<sequence>.<state>`
pub const HIDDEN: TensorKind = TensorKind {
    name: "hidden",
    since: 1,
    each: Each::State,
    of: Of::All,
    shape: &[Side::Tokens, Side::Dim],
    dtypes: FLOATS,
    is_required: true,
    values: Values::Finite,
};

/// `image.<i>`
pub const IMAGE: TensorKind = TensorKind {
    name: "image",
    since: 1,
    each: Each::Image,
    of: Of::All,
    shape: &[Side::Height, Side::Width, Side::Rgb],
    dtypes: &["U8"],
    is_required: true,
    values: Values::Any,
};

/// `head_metric.<i>`
pub const HEAD_METRIC: TensorKind = TensorKind {
    name: "head_metric",
    since: 1,
    each: Each::HeadMetric,
    of: Of::All,
    shape: &[Side::Layers, Side::MostHeads],
    dtypes: &["F32"],
    is_required: true,
    values: Values::FiniteOrNan,
};

/// `statistics.<block>`
pub const STATISTICS: TensorKind = TensorKind {
    name: "statistics",
    since: 2,
    each: Each::Statistics,
    of: Of::All,
    shape: &[Side::Layers, Side::MostHeads, Side::Statistics],
    dtypes: &["F32"],
    is_required: true,
    values: Values::FiniteOrNan,
};

/// `relevance.<name>`
pub const RELEVANCE: TensorKind = TensorKind {
    name: "relevance",
    since: 2,
    each: Each::Relevance,
    of: Of::All,
    shape: &[Side::Targets, Side::Layers, Side::MostHeads, Side::Tokens],
    dtypes: &["F32", "F16"],
    is_required: true,
    values: Values::Relevance,
};

/// `words.<sequence>.<state>`
pub const WORDS: TensorKind = TensorKind {
    name: "words",
    since: 2,
    each: Each::Words,
    of: Of::All,
    shape: &[Side::Tokens, Side::Words],
    dtypes: &["I32"],
    is_required: true,
    values: Values::InVocabulary,
};

/// `word_scores.<sequence>.<state>`
pub const WORD_SCORES: TensorKind = TensorKind {
    name: "word_scores",
    since: 2,
    each: Each::Words,
    of: Of::All,
    shape: &[Side::Tokens, Side::SameWords],
    dtypes: &["F16", "F32"],
    is_required: true,
    values: Values::LogProbability,
};

/// `vocabulary`
pub const VOCABULARY: TensorKind = TensorKind {
    name: "vocabulary",
    since: 2,
    each: Each::Vocabulary,
    of: Of::All,
    shape: &[Side::Bytes],
    dtypes: &["U8"],
    is_required: true,
    values: Values::Vocabulary,
};

/// All of them, in the order in which they are looked for.
pub static TABLE: [TensorKind; 15] = [
    ATTENTION,
    QUERY,
    KEY,
    LOG_SUM_EXP,
    SINK,
    MASK,
    VALUE_NORM,
    STATISTICS,
    HIDDEN,
    IMAGE,
    HEAD_METRIC,
    RELEVANCE,
    WORDS,
    WORD_SCORES,
    VOCABULARY,
];

impl Side {
    /// As the document and messages name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Heads | Self::SameHeads | Self::MostHeads => "heads",
            Self::KeyHeads => "key heads",
            Self::Queries => "queries",
            Self::Keys => "keys",
            Self::Tokens => "tokens",
            Self::Targets => "targets",
            Self::Statistics => "statistics",
            Self::Words | Self::SameWords => "k",
            Self::Bytes => "bytes",
            Self::Dim | Self::QueryDim => "dim",
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
            Self::Statistics => "<block>",
            Self::State | Self::Words => "<sequence>.<state>",
            Self::Relevance => "<name>",
            Self::Image | Self::HeadMetric => "<i>",
            Self::Vocabulary => "",
        }
    }

    /// How many blocks, or sequences; 1 where names have no such part.
    pub(super) fn owners(self, document: &Document) -> usize {
        match self {
            Self::Layer | Self::Statistics => document.attention.len(),
            Self::State => document.hidden.len(),
            Self::Words => document.words.len(),
            Self::Image | Self::HeadMetric | Self::Relevance | Self::Vocabulary => 1,
        }
    }

    /// How many tensors one of them has.
    fn members(self, document: &Document, owner: usize) -> usize {
        match self {
            Self::Layer => document.attention[owner].layers,
            Self::Statistics => usize::from(!document.attention[owner].statistics.is_empty()),
            Self::State => document.hidden[owner].states,
            Self::Words => document.words[owner].states.len(),
            Self::Relevance => document.relevance.len(),
            Self::Vocabulary => usize::from(!document.words.is_empty()),
            Self::Image => document.images,
            Self::HeadMetric => document.head_metrics.len(),
        }
    }

    /// The words of the document that ask for one of them.
    pub(super) fn wanted_by(self, of: Of, document: &Document, owner: usize, member: usize) -> String {
        let count = self.members(document, owner);
        match self {
            Self::Layer if of == Of::QueriesKeys => format!("`attention[{owner}].stored` is \"queries_keys\""),
            Self::Layer if of == Of::Sinks => format!("`attention[{owner}].sink_share` is true"),
            Self::Layer if of == Of::StoredMask => match document.attention[owner].masks.as_slice() {
                [_] => format!("`attention[{owner}].mask` is \"stored\""),
                _ => format!("`attention[{owner}].mask[{member}]` is \"stored\""),
            },
            Self::Layer => match &document.attention[owner].numbers {
                Some(numbers) => format!("`attention[{owner}].layers[{member}]` is {}", numbers[member]),
                None => format!("`attention[{owner}].layers` is {count}"),
            },
            Self::Statistics => format!("`attention[{owner}].statistics` names some"),
            Self::State => format!("`hidden[{owner}].states` is {count}"),
            Self::Words => format!("`words[{owner}].states[{member}]` is {}", document.words[owner].states[member]),
            Self::Relevance => format!("`relevance[{member}].name` is \"{}\"", document.relevance[member].name),
            Self::Vocabulary => "the document has `words`".to_owned(),
            Self::Image => format!("`images` is {count}"),
            Self::HeadMetric => format!("`head_metrics` has {count} entries"),
        }
    }
}

impl Of {
    fn includes(self, block: &Block, layer: usize) -> bool {
        let has_weights = block.stored == Stored::Weights;
        match self {
            Self::All => true,
            Self::Weights => has_weights,
            Self::QueriesKeys => !has_weights,
            Self::Sinks => !has_weights && block.sink_share,
            Self::StoredMask => *block.mask(layer) == Mask::Stored,
        }
    }
}

impl TensorKind {
    /// The name of one of them: the block or the sequence by its place in the document.
    pub fn tensor_name(&self, document: &Document, owner: usize, member: usize) -> String {
        let Self { name, each, .. } = self;
        match each {
            Each::Layer => {
                let block = &document.attention[owner];
                format!("{name}.{}.{}", block.name, block.layer_number(member))
            }
            Each::State => format!("{name}.{}.{member}", document.sequences[document.hidden[owner].sequence].name),
            Each::Words => {
                let words = &document.words[owner];
                format!("{name}.{}.{}", document.sequences[words.sequence].name, words.states[member])
            }
            Each::Statistics => format!("{name}.{}", document.attention[owner].name),
            Each::Relevance => format!("{name}.{}", document.relevance[member].name),
            Each::Vocabulary => (*name).to_owned(),
            Each::Image | Each::HeadMetric => format!("{name}.{member}"),
        }
    }

    /// Those that a block or a sequence has, or may have.
    pub(super) fn members<'a>(&self, document: &'a Document, owner: usize) -> impl Iterator<Item = usize> + use<'a> {
        let block = document.attention.get(owner).filter(|_| self.each == Each::Layer);
        let of = self.of;
        (0..self.each.members(document, owner))
            .filter(move |member| block.is_none_or(|block| of.includes(block, *member)))
    }
}

/// The table as the Python package has it.
pub fn as_json() -> Value {
    json!({"formats": FORMATS.collect::<Vec<_>>(), "tensors": TABLE})
}
