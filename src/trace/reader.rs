//! Opens a trace: the header is read and checked, the values are not.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::header::{self, Entry, Header};
use super::kinds::{self, ATTENTION, HEAD_METRIC, HIDDEN, IMAGE, TensorKind};
use super::map::Map;
use super::stamp::Stamp;
use super::{Document, Dtype, TensorView, TraceError, schema};

/// An open trace; views borrow from its bytes.
#[derive(Debug)]
pub struct Trace {
    serial: u64,
    path: PathBuf,
    bytes: Bytes,
    document: Document,
    /// The tensors of numbers, by kind: `[block][layer]`, `[index in Document::hidden][state]`, `[0][head metric]`.
    numbers: HashMap<&'static str, Vec<Vec<Place>>>,
    images: Vec<Entry>,
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

/// A tensor of weights in the file.
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
        let mut tensors = kinds::take(&kinds::TABLE, &document, entries)?;
        let images = tensors.remove(IMAGE.name).unwrap_or_default().concat();
        let numbers =
            tensors.into_iter().map(|(kind, owners)| (kind, owners.into_iter().map(places).collect())).collect();
        static NEXT_SERIAL: AtomicU64 = AtomicU64::new(0);
        let serial = NEXT_SERIAL.fetch_add(1, Ordering::Relaxed);
        Ok(Self { serial, path: path.to_owned(), bytes, document, numbers, images })
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

    /// One layer of a block, `[heads, queries, keys]`. Panics if there is no such block or layer.
    pub fn attention(&self, block: usize, layer: usize) -> TensorView<'_> {
        self.view(&self.numbers[ATTENTION.name][block][layer])
    }

    /// How many heads a layer has. Panics if there is no such block or layer.
    pub fn heads(&self, block: usize, layer: usize) -> usize {
        self.numbers[ATTENTION.name][block][layer].entry.shape[0]
    }

    /// The largest number of heads in a layer of a block. Panics if there is no such block.
    pub fn max_heads(&self, block: usize) -> usize {
        self.numbers[ATTENTION.name][block].iter().map(|place| place.entry.shape[0]).max().unwrap_or(0)
    }

    /// One state of [`Document::hidden`]`[index]`, `[tokens, dim]`. Panics if there is no such state.
    pub fn hidden(&self, index: usize, state: usize) -> TensorView<'_> {
        self.view(&self.numbers[HIDDEN.name][index][state])
    }

    /// An image. Panics if there is no such image.
    pub fn image(&self, index: usize) -> ImageView<'_> {
        let entry = &self.images[index];
        ImageView { width: entry.shape[1], height: entry.shape[0], rgb: &self.bytes[entry.begin..entry.end] }
    }

    /// `[layers, heads]` of [`Document::head_metrics`]`[index]`. Panics if there is no such metric.
    pub fn head_metric(&self, index: usize) -> TensorView<'_> {
        self.view(&self.numbers[HEAD_METRIC.name][0][index])
    }

    /// All tensors of numbers, each with its kind, its name, and the index of its block or sequence.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (&'static TensorKind, String, usize, TensorView<'_>)> {
        kinds::TABLE.iter().flat_map(move |kind| {
            let owners = self.numbers.get(kind.name).into_iter().flatten().enumerate();
            owners.flat_map(move |(owner, places)| {
                let name = move |member| kind.tensor_name(&self.document, owner, member);
                let of_owner = places.iter().enumerate();
                of_owner.map(move |(member, place)| (kind, name(member), owner, self.view(place)))
            })
        })
    }

    fn view(&self, place: &Place) -> TensorView<'_> {
        let Entry { shape, begin, end, .. } = &place.entry;
        TensorView { dtype: place.dtype, shape: shape.clone(), bytes: &self.bytes[*begin..*end] }
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

/// Where tensors of numbers lie. Their kind has no dtype that is none of ours.
fn places(entries: Vec<Entry>) -> Vec<Place> {
    entries.into_iter().filter_map(|entry| Some(Place { dtype: Dtype::from_name(&entry.dtype)?, entry })).collect()
}
