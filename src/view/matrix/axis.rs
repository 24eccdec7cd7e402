//! One side of the matrix: which cells are in view, and where they lie.

use std::ops::Range;
use std::sync::Arc;

use crate::trace::{Modality, Token};
use crate::view::common::words::token_names;

/// Columns with keys, or rows with queries.
pub(super) struct Axis<'a> {
    pub tokens: &'a [Token],
    /// The token of each cell, in their order.
    pub cells: Arc<Vec<usize>>,
    /// Of all tokens.
    pub names: Vec<String>,
    pub sequence: usize,
    /// Which cells are in view.
    pub window: Range<f32>,
    /// Where, in logical pixels.
    pub pixels: Range<f32>,
}

/// What the tokens of a run are.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum RunKind {
    /// Of a modality, whose special tokens go with the others.
    Of(Modality),
    /// Special ones alone, such as the `[CLS]` of an encoder of images.
    Special,
}

impl RunKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Of(modality) => modality.name(),
            Self::Special => "special",
        }
    }
}

/// A run of fewer pixels between two others is part of them.
const THIN: f32 = 6.0;

impl<'a> Axis<'a> {
    pub fn new(tokens: &'a [Token], cells: Vec<usize>, sequence: usize, window: Range<f32>) -> Self {
        // The colour says that it is a patch.
        let names = token_names(tokens).into_iter().map(|name| name.replace("patch ", "")).collect();
        Self { tokens, cells: Arc::new(cells), names, sequence, window, pixels: 0.0..0.0 }
    }

    pub fn cell(&self) -> f32 {
        (self.pixels.end - self.pixels.start) / (self.window.end - self.window.start)
    }

    /// The place of a cell's beginning.
    pub fn at(&self, cell: f32) -> f32 {
        self.pixels.start + (cell - self.window.start) * self.cell()
    }

    /// The pixels of a run of cells that are in view.
    pub fn span(&self, cells: Range<usize>) -> Range<f32> {
        let inside = |at: f32| at.clamp(self.pixels.start, self.pixels.end);
        inside(self.at(cells.start as f32))..inside(self.at(cells.end as f32))
    }

    pub fn in_view(&self) -> Range<usize> {
        self.window.start.floor() as usize..(self.window.end.ceil() as usize).min(self.cells.len())
    }

    /// The cell of a token, if it has one.
    pub fn cell_of(&self, token: usize) -> Option<usize> {
        self.cells.binary_search(&token).ok()
    }

    /// Neighbours of the same modality.
    pub fn runs(&self) -> Vec<(Range<usize>, Modality)> {
        let mut runs: Vec<(Range<usize>, Modality)> = Vec::new();
        for (cell, &token) in self.cells.iter().enumerate() {
            let of_token = self.tokens[token].modality();
            match runs.last_mut() {
                Some((run, modality)) if *modality == of_token => run.end = cell + 1,
                _ => runs.push((cell..cell + 1, of_token)),
            }
        }
        runs
    }

    /// What the tokens of a run are: of a modality, or all special.
    pub fn kind(&self, run: &Range<usize>, modality: Modality) -> RunKind {
        let are_special = self.cells[run.clone()].iter().all(|&token| self.tokens[token].special);
        if are_special { RunKind::Special } else { RunKind::Of(modality) }
    }

    /// The runs without those between two others that are too thin to be told apart, such as the newline tokens between
    /// rows of patches: they count to the run before them.
    pub fn wide_runs(&self) -> Vec<(Range<usize>, Modality)> {
        let runs = self.runs();
        let last = runs.len().saturating_sub(1);
        let mut wide: Vec<(Range<usize>, Modality)> = Vec::new();
        for (index, (run, modality)) in runs.into_iter().enumerate() {
            let is_thin = index > 0 && index < last && self.cell() * (run.len() as f32) < THIN;
            match wide.last_mut() {
                Some((before, of_before)) if is_thin || *of_before == modality => before.end = run.end,
                _ => wide.push((run, modality)),
            }
        }
        wide
    }

    pub fn title(&self, what: &str) -> String {
        let view = self.in_view();
        if view.len() == self.cells.len() {
            return what.to_owned();
        }
        format!("{what} {}–{} of {}", view.start, view.end.saturating_sub(1), self.cells.len())
    }
}
