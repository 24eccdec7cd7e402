//! Opens a trace: the header is read and checked, the values are not.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::header::{self, Entry, Header};
use super::kinds::{
    ATTENTION, HEAD_METRIC, HIDDEN, IMAGE, KEY, LOG_SUM_EXP, MASK, QUERY, RELEVANCE, SINK, STATISTICS, TABLE,
    TensorKind, VALUE_NORM, VOCABULARY, WORD_SCORES, WORDS,
};
use super::map::Map;
use super::stamp::Stamp;
use super::take::{Key, take};
use super::{Document, Dtype, LayerMask, Stored, TensorView, TraceError, Vocabulary, WordsView, schema};

/// An open trace; views borrow from its bytes.
#[derive(Debug)]
pub struct Trace {
    serial: u64,
    path: PathBuf,
    bytes: Bytes,
    document: Document,
    /// The tensors of numbers.
    numbers: HashMap<Key, Place>,
    /// All others.
    others: HashMap<Key, Entry>,
}

/// All of a file.
#[derive(Debug)]
enum Bytes {
    /// With what the file was then.
    Mapped(Map, Stamp),
    Read(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map, _) => map,
            Self::Read(bytes) => bytes,
        }
    }
}

/// A tensor of numbers in the file.
#[derive(Debug)]
struct Place {
    dtype: Dtype,
    entry: Entry,
}

/// An RGB image of a trace.
#[derive(Clone, Copy, Debug)]
pub struct ImageView<'a> {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// `[height, width, 3]`.
    pub rgb: &'a [u8],
}

/// What a trace holds of one layer of a block.
#[derive(Clone, Debug)]
pub enum LayerTensors<'a> {
    /// `[heads, queries, keys]`.
    Weights(TensorView<'a>),
    /// What they are computed from.
    QueriesKeys(QueriesKeys<'a>),
}

/// The weights of query `q` in a head are `softmax(mask(softcap · tanh(scale · q·k / softcap)))` over the keys, the sink's
/// logit among those of the keys where there is one.
#[derive(Clone, Debug)]
pub struct QueriesKeys<'a> {
    /// `[heads, queries, dim]`.
    pub query: TensorView<'a>,
    /// `[key heads, keys, dim]`; heads are a multiple of key heads, and as many heads in a row share one.
    pub key: TensorView<'a>,
    /// `[heads, queries]`: the logarithm of each row's sum of exponentials, the sink's among them.
    pub lse: Option<TensorView<'a>>,
    /// `[heads]`: a logit.
    pub sink: Option<TensorView<'a>>,
    /// Of the products.
    pub scale: f32,
    /// Above 0; `None` where the logits have no cap.
    pub softcap: Option<f32>,
    /// Which keys the queries see.
    pub mask: LayerMask<'a>,
}

impl Trace {
    /// Opens a file by memory map, in time that does not depend on its size.
    ///
    /// # Errors
    /// If it cannot be read or is not a sound trace; the message names what was found and what was expected.
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        let file = open_file(path)?;
        let stamp = Stamp::of(&file.metadata().map_err(|error| TraceError::io(path, "read", &error))?);
        let map = Map::of(&file).map_err(|error| TraceError::io(path, "read", &error))?;
        Self::from_bytes(path, Bytes::Mapped(map, stamp)).map_err(|message| TraceError::new(path, message))
    }

    /// Reads all of a file into memory: for many small files, and where another process may shorten the file, which
    /// is then an error.
    ///
    /// # Errors
    /// As [`Trace::open`].
    pub fn read(path: &Path) -> Result<Self, TraceError> {
        let mut bytes = Vec::new();
        open_file(path)?.read_to_end(&mut bytes).map_err(|error| TraceError::io(path, "read", &error))?;
        Self::from_bytes(path, Bytes::Read(bytes)).map_err(|message| TraceError::new(path, message))
    }

    fn from_bytes(path: &Path, bytes: Bytes) -> Result<Self, String> {
        let Header { entries, document: text } = header::read(&bytes)?;
        let document = schema::parse(&text)?;
        let (mut numbers, mut others) = (HashMap::new(), HashMap::new());
        for (key, entry) in take(&TABLE, &document, entries)? {
            match Dtype::from_name(&entry.dtype) {
                Some(dtype) => drop(numbers.insert(key, Place { dtype, entry })),
                None => drop(others.insert(key, entry)),
            }
        }
        static NEXT_SERIAL: AtomicU64 = AtomicU64::new(0);
        let serial = NEXT_SERIAL.fetch_add(1, Ordering::Relaxed);
        Ok(Self { serial, path: path.to_owned(), bytes, document, numbers, others })
    }

    /// A number that no other trace of this process has: what was computed from a trace is kept under it.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a file that is mapped is still what was opened. What was read is sound only if this holds afterwards:
    /// where the file was shortened, zeros were read. Long walks ask before each layer as well, to end early.
    ///
    /// # Errors
    /// If it is gone, or its size, its time or its identity has changed.
    pub fn check_unchanged(&self) -> Result<(), TraceError> {
        let Bytes::Mapped(map, stamp) = &self.bytes else { return Ok(()) };
        match std::fs::metadata(&self.path) {
            Ok(found) if Stamp::of(&found) == *stamp && !map.is_torn() => Ok(()),
            Ok(_) => Err(TraceError::new(&self.path, "changed on disk since it was opened")),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(TraceError::new(&self.path, "is gone since it was opened"))
            }
            Err(error) => Err(TraceError::io(&self.path, "read", &error)),
        }
    }

    /// Whether something was read that another process has cut off since: what a long walk asks at each step to end
    /// early, since it costs nothing. Only [`Self::check_unchanged`] knows whether what was read is sound.
    pub fn is_torn(&self) -> bool {
        matches!(&self.bytes, Bytes::Mapped(map, _) if map.is_torn())
    }

    /// Size of the file.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Tokens, blocks, outputs: all but the tensors.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The same without the tensors.
    pub fn into_document(self) -> Document {
        self.document
    }

    /// The stored weights of one layer, `[heads, queries, keys]`. Panics if there is no such block or layer, or the block stores
    /// queries and keys.
    pub fn attention(&self, block: usize, layer: usize) -> TensorView<'_> {
        self.view(&self.numbers[&(ATTENTION.name, block, layer)])
    }

    /// What is stored of one layer. Panics if there is no such block or layer.
    pub fn layer(&self, block: usize, layer: usize) -> LayerTensors<'_> {
        let described = &self.document.attention[block];
        match described.stored {
            Stored::Weights => LayerTensors::Weights(self.attention(block, layer)),
            Stored::QueriesKeys { scale, softcap } => {
                let query = self.view(&self.numbers[&(QUERY.name, block, layer)]);
                let default_scale = 1.0 / (query.shape[2].max(1) as f32).sqrt();
                LayerTensors::QueriesKeys(QueriesKeys {
                    key: self.view(&self.numbers[&(KEY.name, block, layer)]),
                    lse: self.found(&LOG_SUM_EXP, block, layer),
                    sink: self.found(&SINK, block, layer),
                    scale: scale.unwrap_or(default_scale),
                    softcap,
                    mask: self.mask(block, layer),
                    query,
                })
            }
        }
    }

    /// Which keys the queries of a layer see. Panics if there is no such block or layer.
    pub fn mask(&self, block: usize, layer: usize) -> LayerMask<'_> {
        let described = &self.document.attention[block];
        let cells = self.others.get(&(MASK.name, block, layer)).map_or(&[][..], |entry| self.bytes_of(entry));
        LayerMask::new(described.mask(layer), self.document.key_tokens(described).len(), cells)
    }

    /// The norms of what each head adds for each key, ‖W_O v‖: `[heads, keys]` of one layer.
    pub fn value_norm(&self, block: usize, layer: usize) -> Option<TensorView<'_>> {
        self.found(&VALUE_NORM, block, layer)
    }

    /// `[layers, heads, names]` of the statistics that a block names.
    pub fn statistics(&self, block: usize) -> Option<TensorView<'_>> {
        self.found(&STATISTICS, block, 0)
    }

    /// Of [`Document::relevance`]`[index]`: `[targets, tokens]`, or `[targets, layers, heads, tokens]` if it has a block.
    pub fn relevance(&self, index: usize) -> Option<TensorView<'_>> {
        self.found(&RELEVANCE, 0, index)
    }

    /// State `state` of [`Document::words`]`[index]`, counted in its own list.
    pub fn words(&self, index: usize, state: usize) -> Option<WordsView<'_>> {
        let numbers = self.others.get(&(WORDS.name, index, state))?;
        let scores = self.found(&WORD_SCORES, index, state)?;
        Some(WordsView::new(scores.shape[1], self.bytes_of(numbers), scores))
    }

    /// The strings of the words; empty if there are no words.
    ///
    /// # Errors
    /// If they are not as the format says: that is looked at here, not at opening.
    pub fn vocabulary(&self) -> Result<Vocabulary, TraceError> {
        let Some(entry) = self.others.get(&(VOCABULARY.name, 0, 0)) else { return Ok(Vocabulary::default()) };
        Vocabulary::parse(self.bytes_of(entry)).map_err(|message| TraceError::new(&self.path, message))
    }

    /// How many heads a layer has. Panics if there is no such block or layer.
    pub fn heads(&self, block: usize, layer: usize) -> usize {
        let kind = if self.document.attention[block].stored == Stored::Weights { ATTENTION } else { QUERY };
        self.numbers[&(kind.name, block, layer)].entry.shape[0]
    }

    /// The largest number of heads in a layer of a block. Panics if there is no such block.
    pub fn max_heads(&self, block: usize) -> usize {
        (0..self.document.attention[block].layers).map(|layer| self.heads(block, layer)).max().unwrap_or(0)
    }

    /// One state of [`Document::hidden`]`[index]`, `[tokens, dim]`. Panics if there is no such state.
    pub fn hidden(&self, index: usize, state: usize) -> TensorView<'_> {
        self.view(&self.numbers[&(HIDDEN.name, index, state)])
    }

    /// An image. Panics if there is no such image.
    pub fn image(&self, index: usize) -> ImageView<'_> {
        let entry = &self.others[&(IMAGE.name, 0, index)];
        ImageView { width: entry.shape[1], height: entry.shape[0], rgb: self.bytes_of(entry) }
    }

    /// `[layers, heads]` of [`Document::head_metrics`]`[index]`. Panics if there is no such metric.
    pub fn head_metric(&self, index: usize) -> TensorView<'_> {
        self.view(&self.numbers[&(HEAD_METRIC.name, 0, index)])
    }

    /// The document as JSON, with keys that we do not know.
    pub(super) fn json(&self) -> Result<Value, String> {
        let Header { document, .. } = header::read(&self.bytes)?;
        serde_json::from_str(&document).map_err(|error| error.to_string())
    }

    /// One tensor as it is stored: its dtype, its shape and its bytes.
    pub(super) fn stored(&self, kind: &TensorKind, owner: usize, member: usize) -> Option<(&str, &[usize], &[u8])> {
        let key = (kind.name, owner, member);
        let entry = self.numbers.get(&key).map(|place| &place.entry).or_else(|| self.others.get(&key))?;
        Some((&entry.dtype, &entry.shape, self.bytes_of(entry)))
    }

    /// All tensors of numbers, each with its kind, its name, the index of its block or sequence, and which it is of that.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (&'static TensorKind, String, usize, usize, TensorView<'_>)> {
        TABLE.iter().flat_map(move |kind| {
            let owners = 0..kind.each.owners(&self.document);
            owners.flat_map(move |owner| {
                kind.members(&self.document, owner).filter_map(move |member| {
                    let place = self.numbers.get(&(kind.name, owner, member))?;
                    Some((kind, kind.tensor_name(&self.document, owner, member), owner, member, self.view(place)))
                })
            })
        })
    }

    fn found(&self, kind: &TensorKind, owner: usize, member: usize) -> Option<TensorView<'_>> {
        self.numbers.get(&(kind.name, owner, member)).map(|place| self.view(place))
    }

    fn view(&self, place: &Place) -> TensorView<'_> {
        TensorView { dtype: place.dtype, shape: place.entry.shape.clone(), bytes: self.bytes_of(&place.entry) }
    }

    fn bytes_of(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.begin..entry.end]
    }
}

fn open_file(path: &Path) -> Result<File, TraceError> {
    let cannot_open = |error| TraceError::io(path, "open", &error);
    // Opening a FIFO would wait for somebody who writes to it.
    match std::fs::metadata(path).map_err(cannot_open)? {
        found if found.is_file() => File::open(path).map_err(cannot_open),
        found if found.is_dir() => Err(TraceError::new(path, "cannot read: it is a folder")),
        _ => Err(TraceError::new(path, "cannot read: it is no regular file")),
    }
}
