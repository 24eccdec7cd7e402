//! From hidden states to what the views show of them: places in the plane, nearest tokens, likeness of states. Projections
//! take their time, so they are asked for apart from the rest.

use std::collections::HashMap;
use std::sync::Arc;

use super::{OpenTrace, Question};
use crate::analysis::neighbours::{Metric, neighbours};
use crate::analysis::projection::{Align, Fit, Progress, Recipe, Stopped, project};
use crate::analysis::similarity::{Similarity, similarity};
use crate::analysis::{Direction, Pick};
use crate::trace::{Document, Modality, TensorView};
use crate::view::{Evidence, NearTokens, Neighbours, Projection, View};

/// How many neighbours of each modality are kept.
const NEIGHBOURS_SHOWN: usize = 24;

/// Which hidden states go to the plane, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProjectionQuestion {
    /// Index in [`Document::hidden`].
    pub hidden: usize,
    /// 0 is the embedding.
    pub state: usize,
    /// By which method, and how states go together.
    pub recipe: Recipe,
}

/// `[states][tokens]`.
type Places = Vec<Vec<[f32; 2]>>;

/// Projects, and remembers what it projected of the last trace.
#[derive(Debug, Default)]
pub struct Projector {
    trace: Option<u64>,
    /// Under a state where that was fitted by itself.
    fits: HashMap<(usize, Option<usize>, Recipe), Arc<Fit>>,
    paths: HashMap<(usize, Recipe), Arc<Places>>,
}

/// Index in [`Document::hidden`] and the state that a question means: of the selected tokens' sequence, or of the other one if
/// only that has any; of a trace without attention the first that there is, and its last state. `None` where there is none.
pub fn hidden_state(document: &Document, question: &Question) -> Option<(usize, usize)> {
    let has_states = |index: &usize| document.hidden[*index].states > 0;
    let of = |sequence| (0..document.hidden.len()).find(|i| document.hidden[*i].sequence == sequence && has_states(i));
    let block = document.attention.get(question.selection.block);
    let index = match (block, question.selection.direction) {
        (Some(block), Direction::AttendsTo) => of(block.query).or_else(|| of(block.key)),
        (Some(block), Direction::AttendedBy) => of(block.key).or_else(|| of(block.query)),
        (None, _) => (0..document.hidden.len()).find(has_states),
    }?;
    let last = document.hidden[index].states - 1;
    let state = question.hidden_state.unwrap_or(match question.selection.layer {
        Pick::One(layer) if block.is_some() => layer + 1,
        _ => last,
    });
    Some((index, state.min(last)))
}

impl ProjectionQuestion {
    /// What the hidden states view shows for a question.
    pub fn of(document: &Document, question: &Question, recipe: Recipe) -> Option<Self> {
        hidden_state(document, question).map(|(hidden, state)| Self { hidden, state, recipe })
    }
}

impl Projector {
    /// A state in the plane. What was asked before takes no time.
    ///
    /// # Errors
    /// If `progress` says to stop, or the file is no longer the one that was opened.
    pub fn project(
        &mut self,
        open: &OpenTrace,
        question: &ProjectionQuestion,
        progress: Progress<'_>,
    ) -> Result<Projection, Stopped> {
        open.trace.check_unchanged().map_err(|_| Stopped)?;
        if self.trace != Some(open.trace.serial()) {
            self.trace = Some(open.trace.serial());
            self.fits.clear();
            self.paths.clear();
        }
        let &ProjectionQuestion { hidden, state, recipe } = question;
        let alone = recipe.align == Align::None;
        let key = (hidden, alone.then_some(state), recipe);
        let states = open.document().hidden[hidden].states;
        let fit = match self.fits.get(&key) {
            Some(known) => Arc::clone(known),
            None => {
                let range = if alone { state..state + 1 } else { 0..states };
                let views: Vec<_> = range.map(|state| open.trace.hidden(hidden, state)).collect();
                let fit = Arc::new(project(recipe, &views, progress)?);
                open.trace.check_unchanged().map_err(|_| Stopped)?;
                self.fits.insert(key, Arc::clone(&fit));
                fit
            }
        };
        let path = if alone {
            Arc::default()
        } else {
            Arc::clone(self.paths.entry((hidden, recipe)).or_insert_with(|| Arc::new(fit.points.clone())))
        };
        let place = if alone { 0 } else { state };
        Ok(Projection {
            points: fit.points.get(place).cloned().unwrap_or_default(),
            sequence: open.document().hidden[hidden].sequence,
            state,
            states,
            explained: fit.explained.get(place).copied().unwrap_or([f32::NAN; 2]),
            recipe: fit.recipe,
            path,
            notes: fit.notes.clone(),
            norms: Arc::new(norms(&open.trace.hidden(hidden, state))),
        })
    }
}

/// How alike all states of [`Document::hidden`]`[hidden]` are.
///
/// # Errors
/// If `progress` says to stop, or the file is no longer the one that was opened.
pub fn compare_states(open: &OpenTrace, hidden: usize, progress: Progress<'_>) -> Result<Similarity, Stopped> {
    open.trace.check_unchanged().map_err(|_| Stopped)?;
    let states = open.document().hidden.get(hidden).map_or(0, |hidden| hidden.states);
    let views: Vec<_> = (0..states).map(|state| open.trace.hidden(hidden, state)).collect();
    let similarity = similarity(&views, progress)?;
    open.trace.check_unchanged().map_err(|_| Stopped)?;
    Ok(similarity)
}

/// The tokens nearest to the selected ones, by both metrics, of the first one's modality and of the other; `None` where no
/// token is selected that has a hidden state.
pub(super) fn nearest(open: &OpenTrace, question: &Question) -> Option<Neighbours> {
    let document = open.document();
    let (hidden, state) = hidden_state(document, question)?;
    let sequence = document.hidden[hidden].sequence;
    let near = question.selection.sequence(document)?;
    let tokens = &document.sequences[sequence].tokens;
    let own = tokens.get(*question.selection.tokens.first()?)?.modality();
    if near != sequence {
        return None;
    }
    let view = open.trace.hidden(hidden, state);
    let lists = Metric::ALL.map(|metric| {
        let all = neighbours(&view, &question.selection.tokens, metric);
        let of = |modality: Modality| {
            let those = all.iter().filter(|found| tokens[found.token].modality() == modality);
            those.take(NEIGHBOURS_SHOWN).copied().collect()
        };
        match own {
            Modality::Text => NearTokens { same: of(Modality::Text), other: of(Modality::Image) },
            Modality::Image => NearTokens { same: of(Modality::Image), other: of(Modality::Text) },
        }
    });
    Some(Neighbours { sequence, state, by_metric: lists })
}

/// The Euclidean length of each token's state.
fn norms(state: &TensorView<'_>) -> Vec<f32> {
    let mut row = vec![0.0; state.shape[1]];
    let norm = |token: usize| {
        state.read(token * row.len(), &mut row);
        row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt() as f32
    };
    (0..state.shape[0]).map(norm).collect()
}

/// Adds to the evidence what a view of hidden states shows, and the analyst leaves out.
///
/// # Errors
/// If the file is no longer the one that was opened.
pub fn complete(
    view: View,
    open: &OpenTrace,
    question: &Question,
    recipe: Recipe,
    projector: &mut Projector,
    evidence: &mut Evidence,
) -> anyhow::Result<()> {
    let recipe = match view {
        View::Embedding => recipe,
        // Only which state is shown is needed.
        View::Similarity => Recipe::default(),
        _ => return Ok(()),
    };
    if let Some(question) = ProjectionQuestion::of(open.document(), question, recipe) {
        let projection = projector.project(open, &question, &mut |_| true);
        open.trace.check_unchanged()?;
        evidence.projection = Some(projection?.into());
    }
    if let Some((hidden, _)) = hidden_state(open.document(), question).filter(|_| view == View::Similarity) {
        let similarity = compare_states(open, hidden, &mut |_| true);
        open.trace.check_unchanged()?;
        evidence.similarity = Some(similarity?.into());
    }
    Ok(())
}
