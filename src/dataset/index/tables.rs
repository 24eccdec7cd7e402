//! From rows in memory to the four tables of a part.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array};
use arrow_array::{RecordBatch, StringArray};
use arrow_schema::ArrowError;
use serde_json::Value;

use super::columns::{self, Kind};
use super::rows::{Content, HiddenRows, Row};
use super::schema::{Table, metric_columns, statistic_column};
use crate::analysis::statistics::{HeadStatistics, TABLE};
use crate::dataset::text_line;
use crate::trace::{Area, Modality, Token};

/// A table of these rows, with these columns of free names.
pub(super) fn table(table: Table, rows: &[Row], free: &columns::Columns) -> Result<RecordBatch, ArrowError> {
    match table {
        Table::Examples => examples(rows, free),
        Table::HeadStats => head_stats(&sound(rows), free),
        Table::Tokens => tokens(&sound(rows)),
        Table::Thumbnails => thumbnails(&sound(rows)),
    }
}

type Columns = Vec<(String, ArrayRef)>;

fn batch(required: &[&str], columns: Columns) -> Result<RecordBatch, ArrowError> {
    let may_be_null = |(name, array): (String, ArrayRef)| {
        let nullable = !required.contains(&name.as_str());
        (name, array, nullable)
    };
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(may_be_null))
}

/// The key and the content of each sound trace.
fn sound(rows: &[Row]) -> Vec<(i64, &Content)> {
    rows.iter().filter_map(|row| Some((row.key.example, row.content.as_ref().ok()?))).collect()
}

fn examples(rows: &[Row], free: &columns::Columns) -> Result<RecordBatch, ArrowError> {
    fn of<'a, T>(rows: &'a [Row], value: impl Fn(&'a Content) -> Option<T>) -> Vec<Option<T>> {
        rows.iter().map(|row| value(row.content.as_ref().ok()?)).collect()
    }
    let count = |value: fn(&Content) -> usize| -> ArrayRef {
        let counts =
            of(rows, value_of(value)).into_iter().map(|count| count.and_then(|count| i32::try_from(count).ok()));
        Arc::new(counts.collect::<Int32Array>())
    };
    let text = |value: fn(&Content) -> Option<String>| -> ArrayRef { Arc::new(StringArray::from(of(rows, value))) };
    let version = |index: usize| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(row.key.version?[index])).collect::<Int64Array>())
    };
    let mut columns: Columns = vec![
        ("example".into(), Arc::new(rows.iter().map(|row| Some(row.key.example)).collect::<Int64Array>())),
        ("path".into(), Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.key.path)))),
        ("size".into(), version(0)),
        ("mtime_ns".into(), version(1)),
        ("error".into(), Arc::new(rows.iter().map(|row| row.content.as_ref().err()).collect::<StringArray>())),
        ("id".into(), text(|content| content.document.id.clone())),
        ("model".into(), text(|content| content.document.model.get("name").and_then(plain))),
        ("architecture".into(), text(|content| content.document.model.get("architecture").and_then(plain))),
        ("tokens".into(), count(|content| all_tokens(content).count())),
        ("text_tokens".into(), count(|content| all_tokens(content).filter(|t| t.modality() == Modality::Text).count())),
        (
            "image_tokens".into(),
            count(|content| all_tokens(content).filter(|t| t.modality() == Modality::Image).count()),
        ),
        ("images".into(), count(|content| content.document.images)),
        ("layers".into(), count(|content| content.document.attention.iter().map(|block| block.layers).sum())),
        (
            "heads".into(),
            count(|content| content.blocks.iter().flat_map(|block| &block.heads).copied().max().unwrap_or(0)),
        ),
        ("text".into(), text(|content| Some(text_line(&content.document)))),
        ("regions".into(), text(regions)),
    ];
    for kind in [Kind::Outputs, Kind::Attributes] {
        let mut values: BTreeMap<String, Vec<Option<&Value>>> = BTreeMap::new();
        let mut more = vec![String::new(); rows.len()];
        for (row, content) in of(rows, Some).into_iter().enumerate() {
            for (key, value) in content.and_then(|content| kind.map(content)).into_iter().flatten() {
                let name = format!("{}{key}", kind.prefix());
                if free.has(&name) {
                    values.entry(name).or_insert_with(|| vec![None; rows.len()])[row] = Some(value);
                } else if !value.is_null() {
                    append(&mut more[row], key, value);
                }
            }
        }
        columns.extend(values.into_iter().filter_map(|(name, values)| Some((name, free_column(&values)?))));
        columns.extend(column_of_more(kind, more));
    }
    batch(&["example", "path"], columns)
}

fn value_of<'a, T>(value: impl Fn(&'a Content) -> T) -> impl Fn(&'a Content) -> Option<T> {
    move |content| Some(value(content))
}

/// BOOLEAN or DOUBLE if all values are such, else TEXT: a string as it is, all other values as JSON. None if there is no
/// value: a column has one type in all parts, and here nothing says which.
fn free_column(values: &[Option<&Value>]) -> Option<ArrayRef> {
    let present = || values.iter().flatten().filter(|value| !value.is_null());
    present().next()?;
    if present().all(|value| value.is_boolean()) {
        return Some(Arc::new(values.iter().map(|value| value.and_then(Value::as_bool)).collect::<BooleanArray>()));
    }
    if present().all(|value| value.is_number()) {
        return Some(Arc::new(values.iter().map(|value| value.and_then(Value::as_f64)).collect::<Float64Array>()));
    }
    Some(Arc::new(values.iter().map(|value| value.and_then(plain)).collect::<StringArray>()))
}

/// Adds a value to a JSON object that is not closed yet, or not even begun.
fn append(object: &mut String, key: &str, value: impl fmt::Display) {
    let begin = if object.is_empty() { '{' } else { ',' };
    // Text has no errors.
    let _ = write!(object, "{begin}{}:{value}", Value::from(key));
}

/// By row, what has no column of its own; no column where no row has any.
fn column_of_more(kind: Kind, objects: Vec<String>) -> Option<(String, ArrayRef)> {
    let is_empty = objects.iter().all(String::is_empty);
    let closed = objects.into_iter().map(|object| (!object.is_empty()).then_some(object + "}"));
    (!is_empty).then(|| (kind.more().to_owned(), Arc::new(closed.collect::<StringArray>()) as ArrayRef))
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn regions(content: &Content) -> Option<String> {
    let region = |region: &crate::trace::Region| {
        let Area { x0, y0, x1, y1 } = region.area;
        serde_json::json!({"label": region.label, "image": region.image, "box": [x0, y0, x1, y1]})
    };
    let regions: Vec<Value> = content.document.regions.iter().map(region).collect();
    (!regions.is_empty()).then(|| Value::Array(regions).to_string())
}

fn all_tokens(content: &Content) -> impl Iterator<Item = &Token> {
    content.document.sequences.iter().flat_map(|sequence| &sequence.tokens)
}

fn head_stats(rows: &[(i64, &Content)], free: &columns::Columns) -> Result<RecordBatch, ArrowError> {
    let (mut examples, mut names, mut layers, mut heads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut left_out: Vec<Option<i32>> = Vec::new();
    let mut statistics = vec![Vec::new(); TABLE.len()];
    let mut metrics: BTreeMap<String, Vec<Option<f32>>> = BTreeMap::new();
    let mut more = Vec::new();
    for (example, content) in rows {
        for (index, (block, found)) in content.document.attention.iter().zip(&content.blocks).enumerate() {
            let first = examples.len();
            for (layer, &count) in found.heads.iter().enumerate() {
                for head in 0..count {
                    examples.push(*example);
                    names.push(block.name.as_str());
                    layers.push(i32::try_from(block.layer_number(layer)).unwrap_or(i32::MAX));
                    heads.push(head as i32);
                    let rows = found.statistics.first().and_then(|first| first.rows_left_out(layer, head));
                    left_out.push(rows.and_then(|rows| rows.try_into().ok()));
                    let values = found.statistics.iter().map(|statistic| finite(statistic.value(layer, head)));
                    statistics.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
                }
            }
            let titles = content.document.head_metrics.iter().filter(|metric| metric.block == index);
            let names = metric_columns(titles.map(|metric| metric.name.as_str()));
            more.resize(examples.len(), String::new());
            for (name, values) in names.into_iter().zip(&found.metrics) {
                let values = each_head(values, &found.heads);
                if free.has(&name) {
                    let column = metrics.entry(name).or_default();
                    column.resize(first, None);
                    column.extend(values);
                } else {
                    for (row, value) in more[first..].iter_mut().zip(values) {
                        value.into_iter().for_each(|value| append(row, &name, value));
                    }
                }
            }
        }
    }
    let mut columns: Columns = vec![
        ("example".into(), Arc::new(Int64Array::from(examples))),
        ("block".into(), Arc::new(StringArray::from(names))),
        ("layer".into(), Arc::new(Int32Array::from(layers))),
        ("head".into(), Arc::new(Int32Array::from(heads))),
        ("rows_left_out".into(), Arc::new(Int32Array::from(left_out))),
    ];
    let rows = columns[0].1.len();
    for (statistic, values) in TABLE.iter().zip(statistics) {
        columns.push((statistic_column(statistic.name), Arc::new(Float32Array::from(values))));
    }
    for (name, mut values) in metrics {
        values.resize(rows, None);
        columns.push((name, Arc::new(Float32Array::from(values))));
    }
    columns.extend(column_of_more(Kind::Metrics, more));
    batch(&["example", "block", "layer", "head"], columns)
}

fn each_head(statistic: &HeadStatistics, heads: &[usize]) -> impl Iterator<Item = Option<f32>> {
    let of_layer =
        move |(layer, &count): (usize, &usize)| (0..count).map(move |head| finite(statistic.value(layer, head)));
    heads.iter().enumerate().flat_map(of_layer)
}

fn finite(value: f32) -> Option<f32> {
    value.is_finite().then_some(value)
}

/// The columns of `tokens` as they grow.
#[derive(Default)]
struct TokenColumns<'a> {
    examples: Vec<i64>,
    sequences: Vec<&'a str>,
    positions: Vec<i32>,
    texts: Vec<Option<&'a str>>,
    modalities: Vec<&'a str>,
    segments: Vec<Option<&'a str>>,
    specials: Vec<bool>,
    images: Vec<Option<i32>>,
    areas: Vec<Option<Area>>,
    sizes: Vec<Option<i32>>,
    norms: Vec<Option<f32>>,
    states: BTreeMap<usize, ListBuilder<Float32Builder>>,
}

impl<'a> TokenColumns<'a> {
    fn add(&mut self, example: i64, sequence: &'a str, tokens: &'a [Token], hidden: Option<&HiddenRows>) {
        let first = self.examples.len();
        for (position, token) in tokens.iter().enumerate() {
            let image = token.image_area();
            self.examples.push(example);
            self.sequences.push(sequence);
            self.positions.push(position as i32);
            self.texts.push(token.text());
            self.modalities.push(token.modality().name());
            self.segments.push(token.segment.as_deref());
            self.specials.push(token.special);
            self.images.push(image.map(|(image, _)| image as i32));
            self.areas.push(image.map(|(_, area)| area));
            self.sizes.push(hidden.and_then(|hidden| i32::try_from(hidden.size).ok()));
            self.norms.push(hidden.and_then(|hidden| finite(*hidden.norms.get(position)?)));
        }
        for state in hidden.into_iter().flat_map(|hidden| &hidden.states) {
            let column = self.states.entry(state.state).or_default();
            pad(column, first);
            for position in 0..tokens.len() {
                column.values().append_slice(&state.values[position * state.dim..(position + 1) * state.dim]);
                column.append(true);
            }
        }
    }
}

/// Nulls up to a number of rows.
fn pad(column: &mut ListBuilder<Float32Builder>, rows: usize) {
    use arrow_array::builder::ArrayBuilder;
    (column.len()..rows).for_each(|_| column.append(false));
}

fn tokens(rows: &[(i64, &Content)]) -> Result<RecordBatch, ArrowError> {
    let mut all = TokenColumns::default();
    for (example, content) in rows {
        for (index, sequence) in content.document.sequences.iter().enumerate() {
            let described = content.document.hidden.iter().position(|hidden| hidden.sequence == index);
            let hidden = described.and_then(|index| content.hidden.get(index));
            all.add(*example, &sequence.name, &sequence.tokens, hidden);
        }
    }
    let rows = all.examples.len();
    let side = |side: fn(&Area) -> f32| -> ArrayRef {
        Arc::new(all.areas.iter().map(|area| area.as_ref().map(side)).collect::<Float32Array>())
    };
    let mut columns: Columns = vec![
        ("example".into(), Arc::new(Int64Array::from(all.examples))),
        ("sequence".into(), Arc::new(StringArray::from(all.sequences))),
        ("position".into(), Arc::new(Int32Array::from(all.positions))),
        ("text".into(), Arc::new(StringArray::from(all.texts))),
        ("modality".into(), Arc::new(StringArray::from(all.modalities))),
        ("segment".into(), Arc::new(StringArray::from(all.segments))),
        ("special".into(), Arc::new(BooleanArray::from(all.specials))),
        ("image".into(), Arc::new(Int32Array::from(all.images))),
        ("x0".into(), side(|area| area.x0)),
        ("y0".into(), side(|area| area.y0)),
        ("x1".into(), side(|area| area.x1)),
        ("y1".into(), side(|area| area.y1)),
        ("hidden_size".into(), Arc::new(Int32Array::from(all.sizes))),
        ("norm".into(), Arc::new(Float32Array::from(all.norms))),
    ];
    for (state, mut column) in all.states {
        pad(&mut column, rows);
        columns.push((format!("hidden_{state}"), Arc::new(column.finish())));
    }
    batch(&["example", "sequence", "position", "modality", "special"], columns)
}

fn thumbnails(rows: &[(i64, &Content)]) -> Result<RecordBatch, ArrowError> {
    let images = rows.iter().flat_map(|(example, content)| {
        content.thumbnails.iter().enumerate().map(|(image, png)| (*example, image as i32, png.as_slice()))
    });
    let images: Vec<_> = images.collect();
    let columns: Columns = vec![
        ("example".into(), Arc::new(images.iter().map(|&(example, ..)| Some(example)).collect::<Int64Array>())),
        ("image".into(), Arc::new(images.iter().map(|&(_, image, _)| Some(image)).collect::<Int32Array>())),
        ("png".into(), Arc::new(BinaryArray::from_iter_values(images.iter().map(|&(.., png)| png)))),
    ];
    batch(&["example", "image", "png"], columns)
}
