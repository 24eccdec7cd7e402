//! The names and the schema of the trace format, versions 1 and 2 (docs/trace-format.md).
//!
//! A trace is a safetensors file whose `__metadata__` holds one key, [`METADATA_KEY`], with a JSON document.
//! The types here are that document after it was checked: a box lies in its image, a name that is used exists.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::Mask;

/// The key of `__metadata__` under which the JSON document lies.
pub const METADATA_KEY: &str = "vlscope";
/// The versions of the format that this crate reads. What is written has the first one that can hold it.
pub const FORMATS: RangeInclusive<u64> = 1..=2;

/// What one model did on one input, without the tensors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// The version of the format that it is in.
    pub format: u64,
    /// The trace's name, unique in its dataset.
    pub id: Option<String>,
    /// `name`, `architecture` and whatever else the author says of the model.
    pub model: Map<String, Value>,
    /// In the order of the file.
    pub sequences: Vec<Sequence>,
    /// In the order of the file.
    pub attention: Vec<Block>,
    /// Which sequences come with hidden states.
    pub hidden: Vec<Hidden>,
    /// How many images the trace holds.
    pub images: usize,
    /// When each image was taken, in seconds, for frames of a video; empty if none is one.
    pub image_times: Vec<Option<f32>>,
    /// Labelled parts of the images.
    pub regions: Vec<Region>,
    /// Numbers per head that the author computed.
    pub head_metrics: Vec<HeadMetric>,
    /// What made the model say what it said, by methods other than attention.
    pub relevance: Vec<Relevance>,
    /// What hidden states decode to.
    pub words: Vec<Words>,
    /// Free: what the model put out.
    pub outputs: Map<String, Value>,
    /// Free: what the example is.
    pub attributes: Map<String, Value>,
}

/// An ordered list of tokens that a part of the model reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// The name that attention blocks and hidden states use.
    pub name: String,
    /// In the model's order.
    pub tokens: Vec<Token>,
}

/// One position of a sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Text, a part of an image, or what else the model reads.
    pub content: Content,
    /// `[CLS]`, `[SEP]` and their kin.
    pub special: bool,
    /// `question`, `answer`, `prompt`, ...: free.
    pub segment: Option<String>,
    /// Whether it is an image token that saw nothing of the picture.
    pub padding: bool,
}

/// What a token stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A piece of text as the tokenizer gives it.
    Text(String),
    /// A part of images.
    Image {
        /// Indices of the images: none if they are not in the trace, several where frames were merged.
        images: Vec<usize>,
        /// Which part of each; none for an image's `[CLS]`, and for padding.
        area: Option<Area>,
    },
    /// A learned query, of a Q-former or a resampler, with its label, which may be empty.
    Latent(String),
    /// A piece of sound, with its label, which may be empty.
    Audio(String),
}

/// What kind of input a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Modality {
    /// A text token.
    Text,
    /// An image token.
    Image,
    /// A learned query.
    Latent,
    /// A piece of sound.
    Audio,
}

/// A box on an image, normalised to its width and height, origin top left: `0 <= x0 < x1 <= 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left.
    pub x0: f32,
    /// Top.
    pub y0: f32,
    /// Right.
    pub x1: f32,
    /// Bottom.
    pub y1: f32,
}

/// A stack of layers in which one sequence (query) attends to one (key).
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its name in `attention.<name>.<layer>`.
    pub name: String,
    /// Index of the query sequence in [`Document::sequences`].
    pub query: usize,
    /// Index of the key sequence in [`Document::sequences`].
    pub key: usize,
    /// How many layers.
    pub layers: usize,
    /// The model's own numbers of the layers, ascending; `None` where they are 0 to `layers - 1`.
    pub numbers: Option<Vec<usize>>,
    /// One for all layers, or one a layer.
    pub masks: Vec<Mask>,
    /// What the trace holds of a layer.
    pub stored: Stored,
    /// Whether rows may sum to less than 1, the rest being the sink's own.
    pub sink_share: bool,
    /// The names of the statistics in `statistics.<block>`, `[layers, heads, names]`, which were computed at capture.
    pub statistics: Vec<String>,
}

/// What a trace holds of the layers of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stored {
    /// The weights: `attention.<block>.<layer>`.
    Weights,
    /// Queries and keys: `query.<block>.<layer>` and `key.<block>.<layer>`. The weights are
    /// `softmax(mask(softcap · tanh(scale · q·k / softcap)))`.
    QueriesKeys {
        /// Of the products; `None` for one over the square root of the layer's dim.
        scale: Option<f32>,
        /// Above 0; `None` where the logits have no cap.
        softcap: Option<f32>,
    },
}

/// The hidden states of one sequence: state 0 is the embedding, state `i` is what layer `i - 1` put out.
#[derive(Clone, Debug, PartialEq)]
pub struct Hidden {
    /// Index in [`Document::sequences`].
    pub sequence: usize,
    /// How many states.
    pub states: usize,
}

/// A labelled part of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// What is there.
    pub label: String,
    /// Index of the image.
    pub image: usize,
    /// Where.
    pub area: Area,
}

/// A number per head of a block, `[layers, heads]`, in `head_metric.<i>`.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadMetric {
    /// As it is shown.
    pub name: String,
    /// Index of the block in [`Document::attention`].
    pub block: usize,
}

/// How much each token contributed to outputs: `relevance.<name>`, `[targets, tokens]`, or `[targets, layers, heads, tokens]` of
/// a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Relevance {
    /// As it is shown.
    pub name: String,
    /// Index of the sequence whose tokens have a relevance.
    pub sequence: usize,
    /// Index of the sequence of the targets: mostly the same.
    pub target_sequence: usize,
    /// For which tokens' output it is.
    pub targets: Vec<usize>,
    /// The block whose layers and heads it is divided among.
    pub block: Option<usize>,
    /// Whether a negative value speaks against the output; else none is.
    pub signed: bool,
    /// The method and its paper.
    pub source: Option<String>,
}

/// What hidden states of a sequence decode to through the model's own head: `words.<sequence>.<state>`, numbers into the
/// vocabulary, and `word_scores.<sequence>.<state>`, their log-probabilities, `[tokens, k]` both, the best first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Index in [`Document::sequences`].
    pub sequence: usize,
    /// Ascending, the output last.
    pub states: Vec<WordState>,
}

/// A hidden state by its number, or the model's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WordState {
    /// Numbered as in [`Hidden`].
    Hidden(usize),
    /// The output itself, with the alternatives of each step.
    Logits,
}

impl fmt::Display for WordState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden(state) => state.fmt(formatter),
            Self::Logits => formatter.write_str("logits"),
        }
    }
}

impl Modality {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Text, Self::Image, Self::Latent, Self::Audio];

    /// As a document writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Latent => "latent",
            Self::Audio => "audio",
        }
    }
}

impl Token {
    /// A token that is nothing but its content.
    pub fn new(content: Content) -> Self {
        Self { content, special: false, segment: None, padding: false }
    }

    /// A piece of text.
    pub fn of_text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(text.into()))
    }

    /// A part of one image.
    pub fn of_image(image: usize, area: Area) -> Self {
        Self::new(Content::Image { images: vec![image], area: Some(area) })
    }

    /// What kind of input it is.
    pub fn modality(&self) -> Modality {
        match self.content {
            Content::Text(_) => Modality::Text,
            Content::Image { .. } => Modality::Image,
            Content::Latent(_) => Modality::Latent,
            Content::Audio(_) => Modality::Audio,
        }
    }

    /// The text of a text token.
    pub fn text(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content { Some(text) } else { None }
    }

    /// The text of a text token, or the label of one that has one.
    pub fn label(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Latent(label) | Content::Audio(label) => Some(label.as_str()).filter(|label| !label.is_empty()),
            Content::Image { .. } => None,
        }
    }

    /// The first image and the box of an image token that has a place.
    pub fn image_area(&self) -> Option<(usize, Area)> {
        match &self.content {
            Content::Image { images, area } => Some((*images.first()?, (*area)?)),
            _ => None,
        }
    }

    /// The box of an image token on one of its images.
    pub fn area_on(&self, image: usize) -> Option<Area> {
        match &self.content {
            Content::Image { images, area } if images.contains(&image) => *area,
            _ => None,
        }
    }
}

impl Block {
    /// A block of stored weights, without a mask, whose layers are counted from 0.
    pub fn new(name: impl Into<String>, query: usize, key: usize, layers: usize) -> Self {
        Self {
            name: name.into(),
            query,
            key,
            layers,
            numbers: None,
            masks: vec![Mask::Full],
            stored: Stored::Weights,
            sink_share: false,
            statistics: Vec::new(),
        }
    }

    /// The model's own number of a layer, which labels show and tensors are named by.
    pub fn layer_number(&self, layer: usize) -> usize {
        self.numbers.as_ref().and_then(|numbers| numbers.get(layer)).copied().unwrap_or(layer)
    }

    /// The place of a layer by the model's own number.
    pub fn layer_index(&self, number: usize) -> Option<usize> {
        match &self.numbers {
            Some(numbers) => numbers.binary_search(&number).ok(),
            None => Some(number).filter(|layer| *layer < self.layers),
        }
    }

    /// The numbers of its layers, as a sentence says them: `0 to 11`, or `3, 7, 11`.
    pub fn layers_in_words(&self) -> String {
        match &self.numbers {
            Some(numbers) => numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
            None => format!("0 to {}", self.layers.saturating_sub(1)),
        }
    }

    /// Which keys the queries of a layer see.
    pub fn mask(&self, layer: usize) -> &Mask {
        self.masks.get(layer).or_else(|| self.masks.first()).unwrap_or(&Mask::Full)
    }

    /// Whether in no layer a query sees a future key.
    pub fn is_causal(&self) -> bool {
        self.masks.iter().all(|mask| matches!(mask, Mask::Causal | Mask::Sliding(_)))
    }

    /// Whether its queries come one after another, as a decoder's do: in no layer does a query see a future key, but for those of a
    /// prefix, or of a span of its own, such as an image.
    pub fn is_decoder(&self) -> bool {
        let is_ordered =
            |mask: &Mask| matches!(mask, Mask::Causal | Mask::Sliding(_) | Mask::Prefix(_) | Mask::CausalBut(_));
        self.masks.iter().all(is_ordered)
    }
}

impl Area {
    /// The middle, `[x, y]`.
    pub fn center(&self) -> [f32; 2] {
        [(self.x0 + self.x1) / 2.0, (self.y0 + self.y1) / 2.0]
    }

    /// The share of this box that lies inside `other`, from 0 to 1.
    pub fn share_inside(&self, other: &Self) -> f32 {
        let width = (self.x1.min(other.x1) - self.x0.max(other.x0)).max(0.0);
        let height = (self.y1.min(other.y1) - self.y0.max(other.y0)).max(0.0);
        width * height / ((self.x1 - self.x0) * (self.y1 - self.y0))
    }
}

impl Document {
    /// The index of a block by its name.
    pub fn block_index(&self, name: &str) -> Option<usize> {
        self.attention.iter().position(|block| block.name == name)
    }

    /// The tokens that a block's rows stand for.
    pub fn query_tokens(&self, block: &Block) -> &[Token] {
        &self.sequences[block.query].tokens
    }

    /// The tokens that a block's columns stand for.
    pub fn key_tokens(&self, block: &Block) -> &[Token] {
        &self.sequences[block.key].tokens
    }
}
