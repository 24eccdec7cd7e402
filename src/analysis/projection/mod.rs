//! Hidden states in two dimensions: by which method, and how the fits of different states go together.
//!
//! Each state by itself has axes of its own, and places of different states do not compare. A **shared** fit takes the rows of all
//! states together. **Procrustes** turns the fit of each state onto that of the state before. What a method cannot do
//! with so few or so many tokens is done by less, and a note says so.

pub(super) mod centre;
mod distances;
mod pca;
mod procrustes;
mod progress;
mod recipe;
mod tsne;
mod umap;

use ndarray::Array2;

pub use pca::Components;
pub use procrustes::align;
pub use progress::{Progress, Stopped};
pub use recipe::{Align, Method, Recipe};

use crate::trace::TensorView;

/// Tokens in the plane, for one state or for several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fit {
    /// `[states][tokens]`; NaN for tokens whose state is not finite.
    pub points: Vec<Vec<[f32; 2]>>,
    /// `[states]`: the share of the variance that each axis explains, from 0 to 1; NaN where axes explain none.
    pub explained: Vec<[f32; 2]>,
    /// What was done, which may be less than what was asked for.
    pub recipe: Recipe,
    /// What a reader has to know: the perplexity that was possible, for example.
    pub notes: Vec<String>,
}

/// The perplexity of t-SNE where there are enough tokens.
const PERPLEXITY: f32 = 30.0;
/// The neighbours of a token in UMAP where there are enough tokens.
const NEIGHBOURS: usize = 15;
/// t-SNE and UMAP look at every pair: beyond so many rows they take minutes, and hundreds of megabytes.
const MOST_ROWS: usize = 6000;
/// A shared PCA is fitted on at most so many rows, taken at equal distances.
const MOST_ROWS_OF_AXES: usize = 8192;

/// The largest perplexity that `rows` allow: a third of the others, at most 30.
pub fn possible_perplexity(rows: usize) -> f32 {
    (rows.saturating_sub(1) as f32 / 3.0).min(PERPLEXITY)
}

/// One state, and the places of its sound rows.
struct Rows {
    tokens: usize,
    sound: Vec<usize>,
    values: Array2<f32>,
}

/// Projects states, each `[tokens, dim]`, with the same tokens.
///
/// # Errors
/// If `progress` says to stop.
pub fn project(recipe: Recipe, states: &[TensorView<'_>], progress: Progress<'_>) -> Result<Fit, Stopped> {
    let mut fit = Fit { recipe, ..Fit::default() };
    if recipe.align == Align::Shared {
        let is_same_width = states.windows(2).all(|pair| pair[0].shape[1] == pair[1].shape[1]);
        let rows: usize = states.iter().map(|state| state.shape[0]).sum();
        if !is_same_width {
            fit.fall_to(Align::Procrustes, "states of different widths have no shared fit: aligned instead".to_owned());
        } else if recipe.method != Method::Pca && rows > MOST_ROWS {
            fit.fall_to(
                Align::Procrustes,
                format!("{rows} points are too many for a shared {}: states aligned instead", recipe.method),
            );
        }
    }
    match fit.recipe.align {
        Align::Shared => fit.share(states, progress)?,
        Align::None | Align::Procrustes => fit.one_by_one(states, progress)?,
    }
    Ok(fit)
}

impl Fit {
    fn fall_to(&mut self, align: Align, why: String) {
        self.recipe.align = align;
        self.note(why);
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn one_by_one(&mut self, states: &[TensorView<'_>], progress: Progress<'_>) -> Result<(), Stopped> {
        let count = states.len() as f32;
        for (done, state) in states.iter().enumerate() {
            let rows = Rows::of(state);
            let mut part = |share: f32| progress((done as f32 + share) / count);
            let (points, explained) = self.plane(&rows.values, &mut part)?;
            let points = rows.spread(&points);
            let points = match self.points.last().filter(|_| self.recipe.align == Align::Procrustes) {
                Some(before) => align(&points, before),
                None => points,
            };
            self.points.push(points);
            self.explained.push(explained);
        }
        Ok(())
    }

    fn share(&mut self, states: &[TensorView<'_>], progress: Progress<'_>) -> Result<(), Stopped> {
        let total: usize = states.iter().map(|state| state.shape[0]).sum();
        let dim = states.first().map_or(0, |state| state.shape[1]);
        let step = if self.recipe.method == Method::Pca { total.div_ceil(MOST_ROWS_OF_AXES).max(1) } else { 1 };
        let mut values = Vec::with_capacity(total / step * dim);
        let mut sound = Vec::new();
        for state in states {
            let rows = Rows::of(state);
            values.extend(rows.values.outer_iter().step_by(step).flatten());
            sound.push(rows.sound);
        }
        let all = Array2::from_shape_vec((values.len() / dim.max(1), dim), values).unwrap_or_default();
        if step > 1 {
            self.note(format!("axes fitted on one token of {step}"));
        }
        let tokens = states.first().map_or(0, |state| state.shape[0]);
        if self.recipe.method == Method::Pca {
            let components = Components::of(&all);
            for (done, state) in states.iter().enumerate() {
                let rows = Rows::of(state);
                self.points.push(rows.spread(&components.project(&rows.values)));
                self.explained.push(components.explained);
                if !progress((done + 1) as f32 / states.len() as f32) {
                    return Err(Stopped);
                }
            }
            return Ok(());
        }
        let (points, explained) = self.plane(&all, progress)?;
        let mut points = points.as_slice();
        for sound in sound {
            let (here, rest) = points.split_at(sound.len().min(points.len()));
            points = rest;
            self.points.push(Rows { tokens, sound, values: Array2::default((0, 0)) }.spread(here));
            self.explained.push(explained);
        }
        Ok(())
    }

    /// The places of rows, and the share of the variance that the axes explain.
    fn plane(&mut self, rows: &Array2<f32>, progress: Progress<'_>) -> Result<(Vec<[f32; 2]>, [f32; 2]), Stopped> {
        let count = rows.nrows();
        let Recipe { method, seed, .. } = self.recipe;
        if method != Method::Pca && !(4..=MOST_ROWS).contains(&count) {
            let why = if count < 4 { "needs 4 tokens or more" } else { "takes too long for so many tokens" };
            self.note(format!("{method} {why}: {count} shown by PCA"));
            self.recipe.method = Method::Pca;
        }
        match self.recipe.method {
            Method::Pca => {
                let components = Components::of(rows);
                if !progress(1.0) {
                    return Err(Stopped);
                }
                Ok((components.project(rows), components.explained))
            }
            Method::Tsne => {
                let perplexity = possible_perplexity(count);
                if perplexity < PERPLEXITY {
                    self.note(format!("perplexity {perplexity:.1}: as much as {count} tokens allow"));
                }
                let (points, divergence) = tsne::tsne(rows, perplexity, seed, progress)?;
                if self.recipe.align != Align::Procrustes {
                    self.note(format!("KL divergence {divergence:.2}"));
                }
                Ok((points, [f32::NAN; 2]))
            }
            Method::Umap => {
                let neighbours = NEIGHBOURS.min(count - 1);
                if neighbours < NEIGHBOURS {
                    self.note(format!("{neighbours} neighbours: as many as {count} tokens allow"));
                }
                Ok((umap::umap(rows, neighbours, seed, progress)?, [f32::NAN; 2]))
            }
        }
    }
}

impl Rows {
    fn of(state: &TensorView<'_>) -> Self {
        let [tokens, dim] = [state.shape[0], state.shape[1]];
        let values = state.to_f32();
        let is_sound = |token: &usize| values[token * dim..(token + 1) * dim].iter().all(|value| value.is_finite());
        let sound: Vec<usize> = (0..tokens).filter(is_sound).collect();
        let kept = if sound.len() == tokens {
            values
        } else {
            sound.iter().flat_map(|token| values[token * dim..(token + 1) * dim].iter().copied()).collect()
        };
        let values = Array2::from_shape_vec((sound.len(), dim), kept).unwrap_or_default();
        Self { tokens, sound, values }
    }

    /// The places of all tokens from those of the sound ones.
    fn spread(&self, points: &[[f32; 2]]) -> Vec<[f32; 2]> {
        let mut all = vec![[f32::NAN; 2]; self.tokens];
        for (&token, &point) in self.sound.iter().zip(points) {
            if let Some(place) = all.get_mut(token) {
                *place = point;
            }
        }
        all
    }
}

#[cfg(test)]
mod tests;
