//! The CPU backend of shaders/render/heatmap.wgsl.

use rayon::prelude::*;

use super::coloring::{Coloring, Span};
use crate::render::drawing::strength;
use crate::render::faded;

const MISSING: f32 = -1.0;

/// Straight RGBA, row by row: one pixel for each pair of spans. Every row of cells is first spread over the columns of
/// pixels, once for all the rows of pixels that show it.
///
/// `values` is `[rows, columns]`; what it lacks is shown as missing.
pub(in crate::render) fn color(coloring: &Coloring, values: &[f32]) -> Vec<[u8; 4]> {
    let width = coloring.column_spans.len();
    let first_row = coloring.row_spans.iter().map(|rows| rows.begin).min().unwrap_or(0);
    let end_row = coloring.row_spans.iter().map(|rows| rows.end).max().unwrap_or(0);
    let spread = |row| coloring.column_spans.iter().map(move |columns| along_row(coloring, values, row, columns));
    let spread: Vec<Vec<f32>> = (first_row..end_row).into_par_iter().map(|row| spread(row).collect()).collect();
    let mut pixels = vec![[0; 4]; width * coloring.row_spans.len()];
    pixels.par_chunks_mut(width.max(1)).zip(&coloring.row_spans).for_each(|(pixels, rows)| {
        let shown = &spread[(rows.begin - first_row) as usize..(rows.end - first_row) as usize];
        let [first, .., last] = shown else {
            let only = shown.first().into_iter().flatten();
            pixels.iter_mut().zip(only).for_each(|(pixel, &level)| *pixel = color_of(coloring, level));
            return;
        };
        for (column, pixel) in pixels.iter_mut().enumerate() {
            let level = if rows.fraction >= 0.0 {
                between(first[column], last[column], rows.fraction)
            } else {
                shown.iter().map(|levels| levels[column]).fold(MISSING, |one, other| stronger(coloring, one, other))
            };
            *pixel = color_of(coloring, level);
        }
    });
    pixels
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
    (span.begin..span.end).map(level).fold(MISSING, |one, other| stronger(coloring, one, other))
}

/// The one of two levels that a pixel shows which shows both.
fn stronger(coloring: &Coloring, one: f32, other: f32) -> f32 {
    let of = |level: f32| if level < 0.0 { level } else { strength(level, coloring.diverging) };
    if of(other) > of(one) { other } else { one }
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
    let opacity = if coloring.fade { coloring.opacity * faded(level, coloring.diverging) } else { coloring.opacity };
    [channel(0), channel(1), channel(2), to_byte(opacity)]
}
