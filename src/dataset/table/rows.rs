//! A table out of Arrow: the `examples` of all parts of an index, whose columns need not agree. Where one part has numbers
//! and another texts in a column, it is one of texts.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use rayon::prelude::*;

use super::{Column, Table, Texts, Values};
use crate::dataset::index::example_key;
use crate::dataset::path_in;

/// Columns that the table keeps apart from those that a person reads.
const KEPT_APART: [&str; 2] = ["example", "mtime_ns"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Flag,
}

/// A row: which batch, and which of its rows.
type Place = (usize, usize);

impl Table {
    /// What is known of files before their headers are read.
    pub fn of_files(root: &Path, files: &[PathBuf]) -> Self {
        let mut paths: Vec<String> = files.iter().map(|file| path_in(root, file)).collect();
        paths.sort_unstable();
        let keys = paths.iter().map(|path| example_key(path)).collect();
        let values = Values::Text(Texts::of(paths.iter().map(|path| Some(path.as_str()))));
        let columns = vec![Column { name: "path".to_owned(), values }];
        Self { root: root.to_owned(), keys, stamps: vec![[0; 2]; paths.len()], columns, odd: OnceLock::new() }
            .with_notes()
    }

    /// From the `examples` of all parts of the dataset in `root`.
    pub fn from_batches(root: &Path, batches: &[RecordBatch]) -> Self {
        let rows = batches.iter().enumerate();
        let mut places: Vec<Place> =
            rows.flat_map(|(batch, rows)| (0..rows.num_rows()).map(move |row| (batch, row))).collect();
        let paths: Vec<Option<Cow<'_, StringArray>>> =
            batches.iter().map(|batch| batch.column_by_name("path").map(|paths| strings(paths))).collect();
        let path = |&(batch, row): &Place| paths[batch].as_ref().map(|paths| paths.value(row));
        if !places.is_sorted_by_key(path) {
            places.par_sort_by_key(path);
        }
        // Two runs on a file system without locks may have left two rows of one example.
        places.dedup_by_key(|place| path(place));
        let mut known = HashSet::from(KEPT_APART);
        let fields = batches.iter().flat_map(|batch| batch.schema_ref().fields());
        let names: Vec<&str> = fields.map(|field| field.name().as_str()).filter(|name| known.insert(name)).collect();
        let columns =
            names.into_par_iter().map(|name| Column { name: name.to_owned(), values: values(batches, &places, name) });
        let keys = integers(batches, &places, "example");
        let sizes = integers(batches, &places, "size");
        let times = integers(batches, &places, "mtime_ns");
        Self {
            root: root.to_owned(),
            keys,
            stamps: sizes.into_iter().zip(times).map(|(size, time)| [size, time]).collect(),
            columns: columns.collect(),
            odd: OnceLock::new(),
        }
        .with_notes()
    }
}

fn kind(array: &dyn Array) -> Option<Kind> {
    match array.data_type() {
        // A part in which a key has no value says nothing of its type.
        _ if array.null_count() == array.len() => None,
        DataType::Null => None,
        DataType::Boolean => Some(Kind::Flag),
        DataType::Int32 | DataType::Int64 | DataType::Float32 | DataType::Float64 => Some(Kind::Number),
        _ => Some(Kind::Text),
    }
}

fn values(batches: &[RecordBatch], places: &[Place], name: &str) -> Values {
    let arrays: Vec<Option<&dyn Array>> =
        batches.iter().map(|batch| batch.column_by_name(name).map(|array| &**array)).collect();
    let mut kinds: Vec<Kind> = arrays.iter().flatten().filter_map(|array| kind(*array)).collect();
    kinds.dedup();
    match kinds[..] {
        [Kind::Number] => {
            let arrays: Vec<_> = arrays.into_iter().map(|array| array.map(numbers)).collect();
            let number = |&(batch, row): &Place| arrays[batch].as_ref().map_or(f64::NAN, |numbers| numbers[row]);
            Values::Number(places.iter().map(number).collect())
        }
        [Kind::Flag] => {
            let arrays: Vec<_> =
                arrays.into_iter().map(|array| array.and_then(|array| array.as_boolean_opt())).collect();
            let flag =
                |&(batch, row): &Place| arrays[batch].filter(|flags| flags.is_valid(row)).map(|flags| flags.value(row));
            Values::Flag(places.iter().map(flag).collect())
        }
        _ => {
            let arrays: Vec<_> = arrays.into_iter().map(|array| array.map(strings)).collect();
            let text = |&(batch, row): &Place| {
                arrays[batch].as_ref().filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row))
            };
            Values::Text(Texts::of(places.iter().map(text)))
        }
    }
}

/// Not a number where there is none.
fn numbers(array: &dyn Array) -> Vec<f64> {
    let or_nan = |number: Option<f64>| number.unwrap_or(f64::NAN);
    match array.data_type() {
        DataType::Int32 => array.as_primitive::<Int32Type>().iter().map(|n| or_nan(n.map(f64::from))).collect(),
        DataType::Int64 => array.as_primitive::<Int64Type>().iter().map(|n| or_nan(n.map(|n| n as f64))).collect(),
        DataType::Float32 => array.as_primitive::<Float32Type>().iter().map(|n| or_nan(n.map(f64::from))).collect(),
        DataType::Float64 => array.as_primitive::<Float64Type>().iter().map(or_nan).collect(),
        _ => vec![f64::NAN; array.len()],
    }
}

/// Any column as texts.
fn strings(array: &dyn Array) -> Cow<'_, StringArray> {
    match array.data_type() {
        DataType::Utf8 => Cow::Borrowed(array.as_string::<i32>()),
        DataType::LargeUtf8 => Cow::Owned(array.as_string::<i64>().iter().collect()),
        DataType::Utf8View => Cow::Owned(array.as_string_view().iter().collect()),
        DataType::Boolean => {
            Cow::Owned(array.as_boolean().iter().map(|flag| flag.map(|flag| flag.to_string())).collect())
        }
        _ => {
            let shown = |number: f64| (!number.is_nan()).then(|| number.to_string());
            Cow::Owned(numbers(array).into_iter().map(shown).collect())
        }
    }
}

/// Exactly, unlike [`numbers`]; 0 where there is none.
fn integers(batches: &[RecordBatch], places: &[Place], name: &str) -> Vec<i64> {
    let arrays: Vec<_> = batches
        .iter()
        .map(|batch| batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<Int64Type>()))
        .collect();
    let integer = |&(batch, row): &Place| {
        arrays[batch].filter(|values| values.is_valid(row)).map_or(0, |values| values.value(row))
    };
    places.iter().map(integer).collect()
}
