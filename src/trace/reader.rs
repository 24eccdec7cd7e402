//! Opens a trace: the header is read and checked, the values are not.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;

use super::header::{self, Entry, Header};
use super::stamp::Stamp;
use super::{Document, Dtype, TensorView, TraceError, schema};

/// An open trace; views borrow from its bytes.
#[derive(Debug)]
pub struct Trace {
    serial: u64,
    path: PathBuf,
    bytes: Bytes,
    document: Document,
    /// `[block][layer]`.
    attention: Vec<Vec<Place>>,
    /// `[index in Document::hidden][state]`.
    hidden: Vec<Vec<Place>>,
    images: Vec<Entry>,
    head_metrics: Vec<Place>,
}

/// All of a file.
#[derive(Debug)]
enum Bytes {
    /// With what the file was then.
    Mapped(Mmap, Stamp),
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
        // SAFETY: the map is only read, and no reference to it outlives the trace. If another process shortens the
        // file while it is read, reading beyond its end ends this process (SIGBUS): the price of opening in no time.
        // `check_unchanged` before each walk leaves only the time of that walk for it.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| TraceError::io(path, "read", &error))?;
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
        let Header { mut entries, document: text } = header::read(&bytes)?;
        let document = schema::parse(&text)?;
        let mut take = |name: &str, wanted_by: fmt::Arguments<'_>| {
            entries.remove(name).ok_or_else(|| format!("tensor `{name}` is missing: {wanted_by}"))
        };

        let mut attention = Vec::new();
        for (index, block) in document.attention.iter().enumerate() {
            let [query, key] = [block.query, block.key].map(|sequence| &document.sequences[sequence]);
            let layers = (0..block.layers).map(|layer| {
                let name = format!("attention.{}.{layer}", block.name);
                let entry = take(&name, format_args!("`attention[{index}].layers` is {}", block.layers))?;
                let dtype = weight_dtype(&name, &entry)?;
                let [queries, keys] = [query, key].map(|sequence| sequence.tokens.len());
                match *entry.shape {
                    [_, rows, columns] if rows == queries && columns == keys => Ok(Place { dtype, entry }),
                    ref found => {
                        let culprit = if found.get(1) == Some(&queries) { key } else { query };
                        Err(format!(
                            "tensor `{name}` has shape {found:?}, expected [heads, {queries}, {keys}]: sequence `{}` has {} tokens",
                            culprit.name,
                            culprit.tokens.len()
                        ))
                    }
                }
            });
            attention.push(layers.collect::<Result<_, String>>()?);
        }

        let mut hidden = Vec::new();
        for (index, wanted) in document.hidden.iter().enumerate() {
            let sequence = &document.sequences[wanted.sequence];
            let states = (0..wanted.states).map(|state| {
                let name = format!("hidden.{}.{state}", sequence.name);
                let entry = take(&name, format_args!("`hidden[{index}].states` is {}", wanted.states))?;
                let dtype = weight_dtype(&name, &entry)?;
                let tokens = sequence.tokens.len();
                match *entry.shape {
                    [rows, _] if rows == tokens => Ok(Place { dtype, entry }),
                    ref found => Err(format!(
                        "tensor `{name}` has shape {found:?}, expected [{tokens}, dim]: sequence `{}` has {tokens} tokens",
                        sequence.name
                    )),
                }
            });
            hidden.push(states.collect::<Result<_, String>>()?);
        }

        let images = (0..document.images).map(|index| {
            let name = format!("image.{index}");
            let entry = take(&name, format_args!("`images` is {}", document.images))?;
            if entry.dtype != "U8" {
                return Err(format!("tensor `{name}` has dtype {}, expected U8", entry.dtype));
            }
            match *entry.shape {
                [height, width, 3] if height > 0 && width > 0 => Ok(entry),
                ref found => Err(format!("tensor `{name}` has shape {found:?}, expected [height, width, 3]")),
            }
        });
        let images = images.collect::<Result<_, String>>()?;

        let head_metrics = document.head_metrics.iter().enumerate().map(|(index, metric)| {
            let name = format!("head_metric.{index}");
            let entry = take(&name, format_args!("`head_metrics` has {} entries", document.head_metrics.len()))?;
            if entry.dtype != "F32" {
                return Err(format!("tensor `{name}` has dtype {}, expected F32", entry.dtype));
            }
            let places: &Vec<Place> = &attention[metric.block];
            let heads = places.iter().map(|place| place.entry.shape[0]).max().unwrap_or(0);
            let expected = [document.attention[metric.block].layers, heads];
            if entry.shape != expected {
                return Err(format!("tensor `{name}` has shape {:?}, expected {expected:?}", entry.shape));
            }
            Ok(Place { dtype: Dtype::F32, entry })
        });
        let head_metrics = head_metrics.collect::<Result<_, String>>()?;
        static NEXT_SERIAL: AtomicU64 = AtomicU64::new(0);
        let serial = NEXT_SERIAL.fetch_add(1, Ordering::Relaxed);
        Ok(Self { serial, path: path.to_owned(), bytes, document, attention, hidden, images, head_metrics })
    }

    /// A number that no other trace of this process has: what was computed from a trace is kept under it.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a file that is mapped is still what was opened. Asked before each walk over the weights.
    ///
    /// # Errors
    /// If it is gone, or its size, its time or its identity has changed.
    pub fn check_unchanged(&self) -> Result<(), TraceError> {
        let Bytes::Mapped(_, stamp) = &self.bytes else { return Ok(()) };
        match std::fs::metadata(&self.path) {
            Ok(found) if Stamp::of(&found) == *stamp => Ok(()),
            Ok(_) => Err(TraceError::new(&self.path, "changed on disk since it was opened")),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(TraceError::new(&self.path, "is gone since it was opened"))
            }
            Err(error) => Err(TraceError::io(&self.path, "read", &error)),
        }
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
        self.view(&self.attention[block][layer])
    }

    /// How many heads a layer has. Panics if there is no such block or layer.
    pub fn heads(&self, block: usize, layer: usize) -> usize {
        self.attention[block][layer].entry.shape[0]
    }

    /// The largest number of heads in a layer of a block. Panics if there is no such block.
    pub fn max_heads(&self, block: usize) -> usize {
        self.attention[block].iter().map(|place| place.entry.shape[0]).max().unwrap_or(0)
    }

    /// One state of [`Document::hidden`]`[index]`, `[tokens, dim]`. Panics if there is no such state.
    pub fn hidden(&self, index: usize, state: usize) -> TensorView<'_> {
        self.view(&self.hidden[index][state])
    }

    /// An image. Panics if there is no such image.
    pub fn image(&self, index: usize) -> ImageView<'_> {
        let entry = &self.images[index];
        ImageView { width: entry.shape[1], height: entry.shape[0], rgb: &self.bytes[entry.begin..entry.end] }
    }

    /// `[layers, heads]` of [`Document::head_metrics`]`[index]`. Panics if there is no such metric.
    pub fn head_metric(&self, index: usize) -> TensorView<'_> {
        self.view(&self.head_metrics[index])
    }

    fn view(&self, place: &Place) -> TensorView<'_> {
        let Entry { shape, begin, end, .. } = &place.entry;
        TensorView { dtype: place.dtype, shape: shape.clone(), bytes: &self.bytes[*begin..*end] }
    }
}

fn open_file(path: &Path) -> Result<File, TraceError> {
    let file = File::open(path).map_err(|error| TraceError::io(path, "open", &error))?;
    if file.metadata().is_ok_and(|found| found.is_dir()) {
        return Err(TraceError::new(path, "cannot read: it is a folder"));
    }
    Ok(file)
}

fn weight_dtype(name: &str, entry: &Entry) -> Result<Dtype, String> {
    let found = &entry.dtype;
    Dtype::from_name(found).ok_or_else(|| format!("tensor `{name}` has dtype {found}, expected F32, F16 or BF16"))
}
