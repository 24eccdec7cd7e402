//! The numbers behind a view as files.

use std::path::Path;

use anyhow::{Error, Result, bail};
use ndarray::{ArrayD, IxDyn};
use ndarray_npy::{WriteNpyError, WriteNpyExt as _};
use serde_json::{Value, json};

use super::file::write_file;
use super::format::Format;
use crate::view::Numbers;

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
                Format::Png | Format::Svg | Format::Pdf | Format::Gif => {
                    bail!("numbers are no .{}", format.extension())
                }
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
        if !self.words.is_empty() {
            out.write_field("word")?;
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
            if let Some(word) = self.words.get(place) {
                out.write_field(word)?;
            }
            out.write_record([if value.is_finite() { value.to_string() } else { String::new() }])?;
        }
        Ok(out.flush()?)
    }

    /// The values nested as the axes are; null where there is none.
    fn as_json(&self) -> Value {
        let nested = |mut values: Vec<Value>| {
            for axis in self.axes.iter().skip(1).rev() {
                values = values.chunks(axis.length.max(1)).map(|row| Value::from(row.to_vec())).collect();
            }
            values
        };
        let mut numbers = json!({
            "view": self.view.name(),
            "id": self.id,
            "quantity": self.quantity,
            "unit": self.unit,
            "axes": self.axes,
            "values": nested(self.values.iter().map(|&value| json!(shortest(value))).collect()),
        });
        if !self.words.is_empty() {
            numbers["words"] = nested(self.words.iter().map(|word| json!(word)).collect()).into();
        }
        numbers
    }
}

/// The f64 with the fewest digits that are still this value; as it is, its digits would go on to no use.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::NAN)
}
