//! The twin in native code of shaders/render/heatmap.wgsl.

use rayon::prelude::*;

use super::{Coloring, Span};

const MISSING: f32 = -1.0;

/// Straight RGBA, row by row: one pixel for each pair of spans.
///
/// `values` is `[rows, columns]`; what it lacks is shown as missing.
pub(in crate::render) fn color(coloring: &Coloring, values: &[f32]) -> Vec<[u8; 4]> {
    let of_row = |rows: &Span| {
        let pixel = |columns: &Span| color_of(coloring, level_of_pixel(coloring, values, columns, rows));
        coloring.column_spans.iter().map(pixel).collect::<Vec<_>>()
    };
    coloring.row_spans.par_iter().flat_map_iter(of_row).collect()
}

/// Where the value lies in the range, from 0 to 1.
fn level(coloring: &Coloring, values: &[f32], row: u32, column: u32) -> f32 {
    let index = row as usize * coloring.columns as usize + column as usize;
    let [low, high] = coloring.range;
    match values.get(index) {
        None => MISSING,
        Some(value) if value.is_nan() => MISSING,
        Some(&value) if low == high => f32::from(value > low),
        Some(&value) => ((value.max(low.min(high)).min(low.max(high)) - low) / (high - low)).clamp(0.0, 1.0),
    }
}

fn between(first: f32, second: f32, fraction: f32) -> f32 {
    let nearest = if fraction < 0.5 { first } else { second };
    if nearest < 0.0 || first.min(second) < 0.0 { nearest } else { first + (second - first) * fraction }
}

fn along_row(coloring: &Coloring, values: &[f32], row: u32, span: &Span) -> f32 {
    let level = |column| level(coloring, values, row, column);
    if span.fraction >= 0.0 {
        return between(level(span.begin), level(span.end - 1), span.fraction);
    }
    (span.begin..span.end).map(level).fold(MISSING, f32::max)
}

fn level_of_pixel(coloring: &Coloring, values: &[f32], columns: &Span, rows: &Span) -> f32 {
    let along_row = |row| along_row(coloring, values, row, columns);
    if rows.fraction >= 0.0 {
        return between(along_row(rows.begin), along_row(rows.end - 1), rows.fraction);
    }
    (rows.begin..rows.end).map(along_row).fold(MISSING, f32::max)
}

fn color_of(coloring: &Coloring, level: f32) -> [u8; 4] {
    let to_byte = |part: f32| (part * 255.0 + 0.5).floor() as u8;
    if level < 0.0 {
        let [r, g, b, a] = coloring.missing.0;
        return [r, g, b, to_byte(f32::from(a) / 255.0 * coloring.opacity)];
    }
    let step = ((level * 255.0) as usize).min(254);
    let fraction = level * 255.0 - step as f32;
    let [first, second] = [coloring.lut[step], coloring.lut[step + 1]].map(|rgba| rgba.map(f32::from));
    let channel = |i: usize| to_byte((first[i] + (second[i] - first[i]) * fraction) / 255.0);
    let opacity = if coloring.fade { coloring.opacity * level } else { coloring.opacity };
    [channel(0), channel(1), channel(2), to_byte(opacity)]
}
