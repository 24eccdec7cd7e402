//! The numbers behind a view: one array with named axes.

use std::path::Path;

use anyhow::{Context as _, Error, Result, bail, ensure};
use ndarray::{ArrayD, IxDyn};
use ndarray_npy::{WriteNpyError, WriteNpyExt as _};
use serde::Serialize;
use serde_json::{Value, json};

use super::Format;
use super::file::write_file;
use crate::analysis::Direction;
use crate::analysis::timeline::TokenGroup;
use crate::trace::Block;
use crate::view::{Inputs, View, token_names};

/// One direction of an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Axis {
    /// What is counted along it: `layer`, `head`, `query`, `key`, `token` or `component`.
    pub name: &'static str,
    /// What each place is called; empty where it is its number.
    pub labels: Vec<String>,
    /// How many places there are.
    pub length: usize,
}

/// An array whose axes have names.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// Which view shows them.
    pub view: View,
    /// The trace's name, if it has one.
    pub id: Option<String>,
    /// What the values are.
    pub quantity: String,
    /// Empty if they have none.
    pub unit: String,
    /// The first varies slowest.
    pub axes: Vec<Axis>,
    /// As many as the product of the axes' lengths; not a number where there is no value.
    pub values: Vec<f32>,
}

impl Axis {
    fn counted(name: &'static str, length: usize) -> Self {
        Self { name, labels: Vec::new(), length }
    }

    fn named(name: &'static str, labels: Vec<String>) -> Self {
        Self { name, length: labels.len(), labels }
    }
}

/// What a view shows, as numbers:
///
/// | view | axes |
/// | --- | --- |
/// | heads | `[layer, head]`, the statistic |
/// | image, text | `[key]` or, where the selection is attended by, `[query]`: the weights as they are coloured |
/// | matrix, links | `[query, key]` |
/// | embedding | `[token, component]` |
/// | thumbnails | `[layer, head]`, the largest pooled weight |
/// | overlays | `[head, key]` or `[head, query]` |
/// | timeline | `[layer, token, group]`, of the output tokens |
/// | similarity | `[state, other state]` |
///
/// # Errors
/// If the trace has nothing of that kind.
pub fn numbers_of(view: View, inputs: &Inputs<'_>) -> Result<Numbers> {
    let evidence = inputs.evidence;
    let block = inputs.document.attention.get(inputs.selection.block);
    let block = || block.context("this trace holds no attention");
    let names = |sequence: usize| token_names(&inputs.document.sequences[sequence].tokens);
    let weights = "attention weight".to_owned();
    let (quantity, unit, axes, values) = match view {
        View::Heads => {
            let statistic = &evidence.statistic;
            let axes = vec![Axis::counted("layer", statistic.layers), Axis::counted("head", statistic.heads)];
            (statistic.name.clone(), statistic.unit.clone(), axes, statistic.values.clone())
        }
        View::Image | View::Text => {
            let (name, far) = far_side(block()?, inputs.selection.direction);
            let shown = evidence.normalized.as_ref().unwrap_or(&evidence.weights);
            let quantity = match inputs.options.normalization.as_str() {
                "" => weights,
                normalization => format!("{weights}, {normalization}"),
            };
            (quantity, String::new(), vec![Axis::named(name, names(far))], shown.to_vec())
        }
        View::Matrix | View::Links => {
            let block = block()?;
            let axes = vec![Axis::named("query", names(block.query)), Axis::named("key", names(block.key))];
            (weights, String::new(), axes, evidence.links.to_vec())
        }
        View::Embedding => {
            let projection = evidence.projection.as_ref().context("this trace holds no hidden states")?;
            let axes = vec![Axis::named("token", names(projection.sequence)), Axis::counted("component", 2)];
            let quantity = format!("place of hidden state {}", projection.state);
            (quantity, String::new(), axes, projection.points.as_flattened().to_vec())
        }
        View::Thumbnails => {
            let thumbnails = evidence.thumbnails.as_ref().context("the heads were not pooled")?;
            let axes = vec![Axis::counted("layer", thumbnails.layers), Axis::counted("head", thumbnails.heads)];
            let maxima = thumbnails.maxima.iter().map(|largest| largest.unwrap_or(f32::NAN)).collect();
            ("largest pooled attention weight".to_owned(), String::new(), axes, maxima)
        }
        View::Overlays => {
            let (name, far) = far_side(block()?, inputs.selection.direction);
            let per_head = evidence.per_head.as_ref().context("the heads were not gathered")?;
            let axes = vec![Axis::counted("head", per_head.heads), Axis::named(name, names(far))];
            (weights, String::new(), axes, per_head.values.clone())
        }
        View::Timeline => {
            let timeline = evidence.timeline.as_ref().context("the output tokens were not summed")?;
            let all = names(block()?.query);
            let tokens = timeline.tokens.iter().map(|&token| all.get(token).cloned().unwrap_or_default()).collect();
            let groups = TokenGroup::ALL.map(|group| group.label().to_owned()).to_vec();
            let axes = vec![
                Axis::counted("layer", timeline.layers),
                Axis::named("token", tokens),
                Axis::named("group", groups),
            ];
            ("share of attention".to_owned(), String::new(), axes, timeline.masses.as_flattened().to_vec())
        }
        View::Similarity => {
            let similarity = evidence.similarity.as_ref().context("this trace holds no hidden states")?;
            let axes = vec![Axis::counted("state", similarity.states), Axis::counted("other state", similarity.states)];
            ("linear CKA".to_owned(), String::new(), axes, similarity.values.clone())
        }
    };
    let expected: usize = axes.iter().map(|axis| axis.length).product();
    ensure!(values.len() == expected, "the {view} view has {} numbers, expected {expected}", values.len());
    Ok(Numbers { view, id: inputs.document.id.clone(), quantity, unit, axes, values })
}

fn far_side(block: &Block, direction: Direction) -> (&'static str, usize) {
    match direction {
        Direction::AttendsTo => ("key", block.key),
        Direction::AttendedBy => ("query", block.query),
    }
}

impl Numbers {
    /// Writes them as CSV, JSON or NPY.
    ///
    /// # Errors
    /// If the file cannot be written, or the format is one of pictures.
    pub fn write(&self, path: &Path, format: Format) -> Result<()> {
        write_file(path, |file| {
            match format {
                Format::Csv => self.write_csv(file)?,
                Format::Json => serde_json::to_writer(file, &self.as_json())?,
                Format::Npy => {
                    let shape: Vec<usize> = self.axes.iter().map(|axis| axis.length).collect();
                    let written = ArrayD::from_shape_vec(IxDyn(&shape), self.values.clone())?.write_npy(file);
                    // Its own words say twice what the system said.
                    written.map_err(|error| match error {
                        WriteNpyError::Io(error) => Error::from(error),
                        error => Error::from(error),
                    })?;
                }
                Format::Png | Format::Svg | Format::Gif => bail!("numbers are no .{}", format.extension()),
            }
            Ok(())
        })
    }

    /// One row a value: for each axis the place and, where it has one, its name; empty where there is no value.
    fn write_csv(&self, out: impl std::io::Write) -> csv::Result<()> {
        let mut out = csv::Writer::from_writer(out);
        for axis in &self.axes {
            out.write_field(axis.name)?;
            if !axis.labels.is_empty() {
                out.write_field(format!("{}_name", axis.name))?;
            }
        }
        out.write_record(["value"])?;
        for (place, value) in self.values.iter().enumerate() {
            let mut stride = self.values.len();
            for axis in &self.axes {
                stride /= axis.length;
                let index = place / stride % axis.length;
                out.write_field(index.to_string())?;
                if let Some(label) = axis.labels.get(index) {
                    out.write_field(label)?;
                }
            }
            out.write_record([if value.is_finite() { value.to_string() } else { String::new() }])?;
        }
        Ok(out.flush()?)
    }

    /// The values nested as the axes are; null where there is none.
    fn as_json(&self) -> Value {
        let mut values: Vec<Value> = self.values.iter().map(|&value| json!(shortest(value))).collect();
        for axis in self.axes.iter().skip(1).rev() {
            values = values.chunks(axis.length.max(1)).map(|row| Value::from(row.to_vec())).collect();
        }
        json!({
            "view": self.view.name(),
            "id": self.id,
            "quantity": self.quantity,
            "unit": self.unit,
            "axes": self.axes,
            "values": values,
        })
    }
}

/// The f64 with the fewest digits that are still this value; as it is, its digits would go on to no use.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::NAN)
}
