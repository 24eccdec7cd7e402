//! What the index says of each token, column by column, without its hidden states.

use std::collections::HashMap;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Int32Type, Int64Type};
use arrow_array::{Array, BooleanArray, RecordBatch, StringArray};

use crate::dataset::index::{Index, IndexError, Table};

/// In the order of the index; every column but the lists of names is `[tokens]`.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// The keys of the examples, in the order of their first tokens.
    pub examples: Vec<i64>,
    /// The example of each token, as a place in `examples`.
    pub example: Vec<u32>,
    /// The names of all sequences.
    pub sequences: Vec<String>,
    /// As a place in `sequences`.
    pub sequence: Vec<u32>,
    /// In its sequence.
    pub position: Vec<u32>,
    /// The texts of all tokens, each once.
    pub texts: Vec<String>,
    /// As a place in `texts`; `None` for an image token.
    pub text: Vec<Option<u32>>,
    /// The names of all segments.
    pub segments: Vec<String>,
    /// As a place in `segments`.
    pub segment: Vec<Option<u32>>,
    /// `[CLS]`, `[SEP]` and their kin.
    pub special: Vec<bool>,
    /// The image and the middle of the box on it, from 0 to 1; `None` for a text token.
    pub place: Vec<Option<(u32, [f32; 2])>>,
    /// The length of the last hidden state; not a number where there is none.
    pub norm: Vec<f32>,
}

pub(super) const COLUMNS: [&str; 12] =
    ["example", "sequence", "position", "text", "segment", "special", "image", "x0", "y0", "x1", "y1", "norm"];

/// Names as numbers, each name once.
#[derive(Default)]
struct Names {
    known: HashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.known.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.known.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }
}

/// Makes the columns of batches.
#[derive(Default)]
pub(super) struct Collector {
    tokens: Tokens,
    keys: HashMap<i64, u32>,
    sequences: Names,
    texts: Names,
    segments: Names,
}

impl Collector {
    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// If it lacks a column of the layout, or one has another type; the message names it.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), String> {
        let numbers = |name: &str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int32Type>().cloned());
            column.ok_or_else(|| format!("the column `{name}` holds no whole numbers"))
        };
        let reals = |name: &str| {
            let column =
                batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float32Type>().cloned());
            column.ok_or_else(|| format!("the column `{name}` holds no numbers"))
        };
        let strings = |name: &str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>().cloned());
            column.ok_or_else(|| format!("the column `{name}` holds no texts"))
        };
        let examples = batch.column_by_name("example").and_then(|column| column.as_primitive_opt::<Int64Type>());
        let examples = examples.ok_or("the column `example` holds no keys")?;
        let special: &BooleanArray = batch
            .column_by_name("special")
            .and_then(|column| column.as_boolean_opt())
            .ok_or("the column `special` holds no booleans")?;
        let (positions, images, norms) = (numbers("position")?, numbers("image")?, reals("norm")?);
        let sides = [reals("x0")?, reals("y0")?, reals("x1")?, reals("y1")?];
        let (sequences, texts, segments) = (strings("sequence")?, strings("text")?, strings("segment")?);
        let there = |column: &StringArray, row: usize| (!column.is_null(row)).then_some(row);
        for row in 0..batch.num_rows() {
            let key = examples.value(row);
            let tokens = &mut self.tokens;
            let example = *self.keys.entry(key).or_insert_with(|| {
                tokens.examples.push(key);
                tokens.examples.len() as u32 - 1
            });
            tokens.example.push(example);
            tokens.sequence.push(self.sequences.number(sequences.value(row)));
            tokens.position.push(u32::try_from(positions.value(row)).unwrap_or(0));
            tokens.text.push(there(&texts, row).map(|row| self.texts.number(texts.value(row))));
            tokens.segment.push(there(&segments, row).map(|row| self.segments.number(segments.value(row))));
            tokens.special.push(special.value(row));
            let [x0, y0, x1, y1] = [0, 1, 2, 3].map(|side: usize| sides[side].value(row));
            let image = (!images.is_null(row)).then(|| u32::try_from(images.value(row)).unwrap_or(0));
            tokens.place.push(image.map(|image| (image, [(x0 + x1) / 2.0, (y0 + y1) / 2.0])));
            tokens.norm.push(if norms.is_null(row) { f32::NAN } else { norms.value(row) });
        }
        Ok(())
    }

    pub fn finish(self) -> Tokens {
        Tokens {
            sequences: self.sequences.names,
            texts: self.texts.names,
            segments: self.segments.names,
            ..self.tokens
        }
    }
}

impl Tokens {
    /// Reads the tokens of all parts.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub fn read(index: &Index) -> Result<Self, IndexError> {
        let mut collector = Collector::default();
        each_batch(index, &COLUMNS, &mut |batch| collector.add(batch).map(|()| true))?;
        Ok(collector.finish())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.example.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.example.is_empty()
    }

    /// The key of a token's example.
    pub fn key(&self, token: usize) -> i64 {
        self.examples[self.example[token] as usize]
    }
}

/// Goes through the batches of the tokens' tables until `take` says no; whether it got to the end.
pub(super) fn each_batch(
    index: &Index,
    columns: &[&str],
    take: &mut dyn FnMut(&RecordBatch) -> Result<bool, String>,
) -> Result<bool, IndexError> {
    for part in index.parts() {
        let path = part.folder().join(Table::Tokens.file_name());
        let wrong = |message: String| IndexError::Table { doing: "read the index in", path: path.clone(), message };
        for batch in part.read(Table::Tokens, columns)? {
            let batch = batch.map_err(|error| wrong(error.to_string()))?;
            if !take(&batch).map_err(wrong)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
