//! The names and the schema of the trace format, version 1 (docs/trace-format.md).
//!
//! A trace is a safetensors file whose `__metadata__` holds one key, [`METADATA_KEY`], with a JSON document.
//! The types here are that document after it was checked: a box lies in its image, a name that is used exists.

use serde_json::{Map, Value};

/// The key of `__metadata__` under which the JSON document lies.
pub const METADATA_KEY: &str = "vlscope";
/// The version of the format that this crate reads and writes.
pub const FORMAT: u64 = 1;

/// What one model did on one input, without the tensors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
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
    /// Labelled parts of the images.
    pub regions: Vec<Region>,
    /// Numbers per head that the author computed.
    pub head_metrics: Vec<HeadMetric>,
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
    /// Text, or a box on an image.
    pub content: Content,
    /// `[CLS]`, `[SEP]` and their kin.
    pub special: bool,
    /// `question`, `answer`, `prompt`, ...: free.
    pub segment: Option<String>,
}

/// What a token stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A piece of text as the tokenizer gives it.
    Text(String),
    /// A part of an image.
    Image {
        /// Index of the image.
        image: usize,
        /// Which part of it.
        area: Area,
    },
}

/// Text or image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Modality {
    /// A text token.
    Text,
    /// An image token.
    Image,
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
    /// Whether a query sees no key behind itself.
    pub causal: bool,
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

impl Token {
    /// Text or image.
    pub fn modality(&self) -> Modality {
        match self.content {
            Content::Text(_) => Modality::Text,
            Content::Image { .. } => Modality::Image,
        }
    }

    /// The image and the box of an image token.
    pub fn image_area(&self) -> Option<(usize, Area)> {
        match self.content {
            Content::Image { image, area } => Some((image, area)),
            Content::Text(_) => None,
        }
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
