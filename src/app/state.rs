//! What the window shows, and the one place where it changes.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;

use super::command::Command;
use super::exporter::Export;
use super::history::History;
use crate::analysis::normalize::Normalization;
use crate::analysis::pool::Pooling;
use crate::analysis::projection::{Align, Method};
use crate::analysis::similarity::Similarity;
use crate::analysis::statistics::{self, Over};
use crate::analysis::timeline::output_tokens;
use crate::analysis::{Direction, Pick, Selection};
use crate::dataset::Summary;
use crate::evidence::{OpenTrace, Question};
use crate::export::{Play, ViewState, check_selection};
use crate::scene::{Evidence, LinkColor, Options, Projection, Target, Theme, View};
use crate::trace::{Block, Document};

/// All that the panels read.
#[derive(Debug, Default)]
pub struct State {
    /// The dataset: all traces of the folder, or the one file.
    pub examples: Vec<PathBuf>,
    /// One per example, once they were read.
    pub summaries: Vec<Summary>,
    /// Which of them was asked for.
    pub example: usize,
    /// The trace that is shown; the one before stays until the next is ready.
    pub trace: Option<Arc<OpenTrace>>,
    /// What is selected in it.
    pub selection: Selection,
    /// What the thing under the pointer would select.
    pub preview: Option<Selection>,
    /// The thing under the pointer.
    pub hover: Option<Target>,
    /// How the views look.
    pub options: Options,
    /// How the weights are normalized before they are coloured.
    pub normalization: Normalization,
    /// Whether special tokens count in vlscope's own statistics.
    pub specials: bool,
    /// Which hidden state is shown; `None` for what the selected layer puts out.
    pub hidden_state: Option<usize>,
    /// The numbers of the selection, or of the preview; those of the one before stay until the next are ready.
    pub evidence: Option<Arc<Evidence>>,
    /// Why there is nothing to show.
    pub failure: Option<String>,
    /// Whether the tokens play.
    pub is_playing: bool,
    /// Whether the list of keys is shown.
    pub shows_help: bool,
    /// Counts the changes, so that views know when to draw anew.
    pub version: u64,
    /// The hidden states in the plane; those of the state before stay until the next are ready.
    pub projection: Option<Arc<Projection>>,
    /// The same on the way from one state's places to the next one's.
    pub moving: Option<Arc<Projection>>,
    /// Counts the changes of `projection`, `moving` and `similarity`, which few views show.
    pub moves: u64,
    /// How alike the hidden states are.
    pub similarity: Option<Arc<Similarity>>,
    /// How far the projection is that is being computed, from 0 to 1, once it takes its time.
    pub projecting: Option<f32>,
    /// The change that the views show: the last one, unless its numbers will be there in a moment.
    pub shown_version: u64,
    /// What is typed into the command palette while it is shown.
    pub palette: Option<Palette>,
    history: History,
    /// Which values the statistic is compared with; `None` for its plain values.
    pub z_score: Option<Over>,
    /// What a cell of a thumbnail says of its weights.
    pub pooling: Pooling,
    /// Cells a side of a thumbnail that there is room for; 0 before a panel has said so.
    pub thumbnail_side: usize,
    /// The views in front, in the order of their panels.
    pub shown_views: Vec<View>,
    /// What plays, and how.
    pub playing: Playing,
    /// How views are exported.
    pub exports: Exports,
    /// Size of the window's controls and views.
    pub ui_scale: UiScale,
}

/// The command palette.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// As typed.
    pub query: String,
    /// Which of the commands found is chosen.
    pub chosen: usize,
}

/// What plays, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playing {
    /// What moves.
    pub play: Play,
    /// How many are shown in a second.
    pub frames_per_second: f32,
    /// Whether it begins again at its end.
    pub loops: bool,
}

/// How views are exported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exports {
    /// Pixels per logical pixel of pictures.
    pub scale: f32,
    /// Whether a line beneath the picture says what it shows.
    pub caption: bool,
}

/// Size of the window's controls and views; 1 is the system's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UiScale(pub f32);

/// The sizes of controls that are offered.
pub const UI_SCALES: [f32; 7] = [0.75, 0.9, 1.0, 1.25, 1.5, 1.75, 2.0];

impl Default for Playing {
    fn default() -> Self {
        Self { play: Play::Tokens, frames_per_second: 1.5, loops: true }
    }
}

impl Default for Exports {
    fn default() -> Self {
        Self { scale: 2.0, caption: false }
    }
}

impl Default for UiScale {
    fn default() -> Self {
        Self(1.0)
    }
}

/// What the reducer cannot do by itself: it touches the world outside of the state.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Find the traces of this path and show the first.
    Open(PathBuf),
    /// Show the system's dialog.
    ChooseFile,
    /// Read this trace.
    Load(PathBuf),
    /// Save the next frame.
    Screenshot,
    /// Bring a view's panel to the front.
    FocusView(View),
    /// Put the panels back.
    ResetLayout,
    /// Close the window.
    Quit,
    /// Save or copy a view.
    Export(View, Export),
    /// Copy the line that draws a view, or the window.
    CopyCommand(Option<View>),
    /// Save a view state.
    SaveState,
    /// Show the system's dialog for a view state.
    ChooseState,
    /// Read this view state.
    LoadState(PathBuf),
}

impl State {
    /// Carries out a command, and remembers the selection that it changed.
    pub fn apply(&mut self, command: Command) -> Option<Effect> {
        let before = self.selection.clone();
        let is_recorded = !matches!(command, Command::Undo | Command::Redo);
        let effect = self.carry_out(command);
        if is_recorded && self.selection != before {
            self.history.record(before);
        }
        effect
    }

    fn carry_out(&mut self, command: Command) -> Option<Effect> {
        self.version += 1;
        match command {
            Command::Open(path) => return Some(Effect::Open(path)),
            Command::ChooseFile => return Some(Effect::ChooseFile),
            Command::Screenshot => return Some(Effect::Screenshot),
            Command::FocusView(view) => return Some(Effect::FocusView(view)),
            Command::ResetLayout => return Some(Effect::ResetLayout),
            Command::Quit => return Some(Effect::Quit),
            Command::Export(view, export) => return Some(Effect::Export(view, export)),
            Command::CopyCommand(view) => return Some(Effect::CopyCommand(view)),
            Command::SaveState => return Some(Effect::SaveState),
            Command::ChooseState => return Some(Effect::ChooseState),
            Command::LoadState(path) => return Some(Effect::LoadState(path)),
            Command::SetPlaying(playing) => self.playing = playing,
            Command::StepPlay => self.step_play(),
            Command::SetExports(exports) => self.exports = exports,
            Command::SetUiScale(scale) => self.ui_scale = UiScale(scale),
            Command::StepUiScale(by) => {
                let now = UI_SCALES.iter().position(|scale| *scale >= self.ui_scale.0).unwrap_or(UI_SCALES.len() - 1);
                self.ui_scale = UiScale(UI_SCALES[step(now, by, UI_SCALES.len())]);
            }
            Command::ShowExample(example) => return self.show_example(example),
            Command::StepExample(by) => return self.show_example(step(self.example, by, self.examples.len())),
            Command::SetSelection(selection) => self.selection = selection,
            Command::SelectBlock(block) => self.select_block(block),
            Command::SelectLayer(layer) => self.selection.layer = layer,
            Command::SelectHead(head) => self.selection.head = head,
            Command::MoveHead { layers, heads } => self.move_head(layers, heads),
            Command::Select { target: Target::State { state, .. }, .. } => self.hidden_state = Some(state),
            Command::Select { target, extend } => {
                self.selection = self.selected_by(&target, extend);
                self.set_preview(None);
            }
            Command::Preview(target) => self.set_preview(target),
            Command::ClearTokens => self.selection.tokens.clear(),
            Command::StepToken(by) => self.step_token(by),
            Command::StepOutput(by) => self.step_output(by),
            Command::SetDirection(direction) => self.set_direction(direction),
            Command::SetOptions(options) => {
                let is_other_statistic = options.statistic != self.options.statistic;
                self.options = *options;
                if is_other_statistic {
                    self.options.heads_filter = None;
                }
            }
            Command::ZoomMatrix(window) => self.options.matrix_window = window,
            Command::SetHiddenState(state) => self.hidden_state = state,
            Command::SetNormalization(normalization) => {
                self.normalization = normalization;
                self.options.normalization = normalization.label().to_owned();
            }
            Command::CountSpecials(specials) => self.specials = specials,
            Command::TogglePlay => self.is_playing = !self.is_playing && self.trace.is_some(),
            Command::ToggleHelp => self.shows_help = !self.shows_help,
            Command::ToggleTheme => {
                self.options.theme = match self.options.theme {
                    Theme::Dark => Theme::Light,
                    Theme::Light => Theme::Dark,
                };
            }
            Command::Undo => self.go_back(History::undo),
            Command::Redo => self.go_back(History::redo),
            Command::TogglePalette => {
                self.palette = if self.palette.is_none() { Some(Palette::default()) } else { None };
            }
            Command::SearchPalette { query, chosen } => self.palette = Some(Palette { query, chosen }),
            Command::ExtendTokens(by) => self.extend_tokens(by),
            Command::ToggleDirection => self.set_direction(match self.selection.direction {
                Direction::AttendsTo => Direction::AttendedBy,
                Direction::AttendedBy => Direction::AttendsTo,
            }),
            Command::StepStatistic(by) => self.step_statistic(by),
            Command::SetZScore(over) => {
                self.z_score = over;
                self.options.heads_filter = None;
            }
            Command::SetPooling(pooling) => self.pooling = pooling,
            Command::ShowViews(views) => self.shown_views = views,
            Command::SetThumbnailSide(side) => self.thumbnail_side = side,
            Command::CancelProjection => {
                let recipe = &mut self.options.embedding.recipe;
                if recipe.method == Method::Pca {
                    recipe.align = Align::None;
                }
                recipe.method = Method::Pca;
            }
            Command::Escape if self.palette.is_some() => self.palette = None,
            Command::Escape if self.shows_help => self.shows_help = false,
            Command::Escape => {
                self.is_playing = false;
                self.selection.tokens.clear();
            }
            Command::SelectTokens { sequence, tokens, extend } => {
                self.selection = self.with_tokens(sequence, &tokens, extend);
                self.set_preview(None);
            }
            Command::SetCombine(combine) => self.selection.combine = combine,
            Command::SetRollout(rollout) => self.selection.rollout = rollout,
            Command::SetSinks(sinks) => self.selection.sinks = sinks,
        }
        None
    }

    /// A dataset was found; its first trace is to be shown.
    pub fn set_examples(&mut self, examples: Vec<PathBuf>) -> Option<Effect> {
        self.examples = examples;
        self.summaries.clear();
        self.version += 1;
        self.show_example(0)
    }

    /// A trace was read. The selection goes on as far as the trace has the same block, heads and tokens.
    pub fn set_trace(&mut self, trace: Arc<OpenTrace>) {
        let document = trace.document();
        let is_alike = self.trace.as_ref().is_some_and(|before| are_alike(before.document(), document));
        if is_alike {
            let tokens = self.side_length(document, self.selection.direction);
            self.selection.tokens.retain(|&token| token < tokens);
        } else {
            self.selection = first_selection(document);
            self.history.clear();
            self.options.matrix_window = None;
            self.options.embedding_view = None;
            self.hidden_state = None;
        }
        self.trace = Some(trace);
        self.evidence = None;
        self.projection = None;
        self.moving = None;
        self.similarity = None;
        self.failure = None;
        self.set_preview(None);
        self.version += 1;
    }

    /// What the list of examples says of each.
    pub fn set_summaries(&mut self, summaries: Vec<Summary>) {
        self.summaries = summaries;
        self.version += 1;
    }

    /// The numbers for the selection have come.
    pub fn set_evidence(&mut self, evidence: Arc<Evidence>) {
        self.evidence = Some(evidence);
        self.version += 1;
    }

    /// The hidden states are in the plane.
    pub fn set_projection(&mut self, projection: Option<Arc<Projection>>) {
        self.projection = projection;
        self.moves += 1;
    }

    /// The points are on their way, or have arrived.
    pub fn set_moving(&mut self, moving: Option<Arc<Projection>>) {
        self.moving = moving;
        self.moves += 1;
    }

    /// The hidden states were compared.
    pub fn set_similarity(&mut self, similarity: Option<Arc<Similarity>>) {
        self.similarity = similarity;
        self.moves += 1;
    }

    /// The numbers for a view, with the projection where it is shown.
    pub fn evidence_for(&self, view: View) -> Evidence {
        let evidence = self.evidence.as_deref().cloned().unwrap_or_default();
        match view {
            View::Embedding | View::Similarity => Evidence {
                projection: self.moving.clone().or_else(|| self.projection.clone()),
                similarity: self.similarity.clone(),
                ..evidence
            },
            _ => evidence,
        }
    }

    /// The trace that was asked for cannot be shown; the one before stays.
    pub fn fail(&mut self, why: String) {
        self.failure = Some(why);
        self.version += 1;
    }

    /// What has to be known for what is shown.
    pub fn question(&self) -> Question {
        Question {
            selection: self.shown_selection().clone(),
            statistic: self.options.statistic.clone(),
            specials: self.specials,
            normalization: self.normalization,
            hidden_state: self.hidden_state,
            z_score: self.z_score,
            thumbnails: (self.thumbnail_side > 0 && self.shown_views.contains(&View::Thumbnails))
                .then_some((self.thumbnail_side, self.pooling)),
            per_head: self.shown_views.contains(&View::Overlays),
            lock_scale: self.options.lock_scale,
            links_by_head: self.options.links_color == LinkColor::Head,
        }
    }

    /// What is selected, as a picture of a view, or of the window, would show it.
    pub fn view_state(&self, view: Option<View>) -> ViewState {
        let question = Question { selection: self.selection.clone(), ..self.question() };
        let trace = self.trace.as_ref().map(|trace| trace.trace.path().to_owned());
        ViewState::new(trace, view, question, self.options.clone())
    }

    /// Shows what a view state says of the trace that is shown.
    ///
    /// # Errors
    /// If the trace lacks what is selected; nothing has changed then.
    pub fn show_view_state(&mut self, shown: ViewState) -> Result<()> {
        let Some(trace) = &self.trace else { return Ok(()) };
        // Taken apart without `..`, so that nothing that is new is forgotten.
        let ViewState { trace: _, view: _, question, options } = shown;
        let Question {
            selection,
            statistic: _,
            specials,
            normalization,
            hidden_state,
            z_score,
            thumbnails,
            per_head: _,
            lock_scale: _,
            links_by_head: _,
        } = question;
        check_selection(&trace.trace, &selection)?;
        self.selection = selection;
        self.specials = specials;
        self.normalization = normalization;
        self.hidden_state = hidden_state;
        self.z_score = z_score;
        if let Some((_, pooling)) = thumbnails {
            self.pooling = pooling;
        }
        // Titles and captions are for figures.
        let statistic =
            if options.statistic.is_empty() { self.options.statistic.clone() } else { options.statistic.clone() };
        self.options = Options { statistic, title: false, caption: None, text_scroll: Some(0.0), ..options };
        self.set_preview(None);
        self.version += 1;
        Ok(())
    }

    /// The selection that is shown: the preview where there is one.
    pub fn shown_selection(&self) -> &Selection {
        self.preview.as_ref().unwrap_or(&self.selection)
    }

    /// The block of the selection.
    pub fn block(&self) -> Option<&Block> {
        self.trace.as_ref()?.document().attention.get(self.selection.block)
    }

    fn show_example(&mut self, example: usize) -> Option<Effect> {
        let path = self.examples.get(example)?.clone();
        self.example = example;
        Some(Effect::Load(path))
    }

    fn select_block(&mut self, block: usize) {
        let Selection { direction, combine, sinks, .. } = self.selection;
        self.selection = Selection { block, direction, combine, sinks, ..Selection::default() };
        self.options.matrix_window = None;
        self.options.heads_filter = None;
    }

    fn move_head(&mut self, layers: isize, heads: isize) {
        let Some(trace) = &self.trace else { return };
        let Some(block) = trace.document().attention.get(self.selection.block) else { return };
        let stay = |pick: Pick, by: isize, count: usize| match pick {
            Pick::One(index) => Pick::One(index.saturating_add_signed(by).min(count.saturating_sub(1))),
            all if by == 0 => all,
            Pick::Mean | Pick::Max => Pick::One(0),
        };
        self.selection.layer = stay(self.selection.layer, layers, block.layers);
        let head_count = match self.selection.layer {
            Pick::One(layer) => trace.trace.heads(self.selection.block, layer),
            Pick::Mean | Pick::Max => trace.trace.max_heads(self.selection.block),
        };
        self.selection.head = stay(self.selection.head, heads, head_count);
    }

    /// The selection that a click on `target` would make of the present one.
    fn selected_by(&self, target: &Target, extend: bool) -> Selection {
        let mut selection = self.selection.clone();
        match *target {
            Target::Head { layer, head } => {
                selection.layer = Pick::One(layer);
                selection.head = Pick::One(head);
            }
            Target::LayerMean { layer } => {
                selection.layer = Pick::One(layer);
                selection.head = Pick::Mean;
            }
            Target::HeadMean { head } => {
                selection.layer = Pick::Mean;
                selection.head = Pick::One(head);
            }
            Target::AllHeads => {
                selection.layer = Pick::Mean;
                selection.head = Pick::Mean;
            }
            Target::Token { sequence, token } => {
                let Some(block) = self.block() else { return selection };
                turn_to(&mut selection, block, sequence);
                toggle(&mut selection.tokens, token, extend);
            }
            Target::Cell { query, key } => {
                let token = match selection.direction {
                    Direction::AttendsTo => query,
                    Direction::AttendedBy => key,
                };
                toggle(&mut selection.tokens, token, extend);
            }
            Target::Output { layer, token } => {
                if let Some(layer) = layer {
                    selection.layer = Pick::One(layer);
                }
                // A drag over the timeline meets the selected token again and keeps it.
                let is_known = selection.tokens == [token];
                if selection.direction == Direction::AttendedBy {
                    selection.direction = Direction::AttendsTo;
                    selection.tokens = vec![token];
                } else if extend || !is_known {
                    toggle(&mut selection.tokens, token, extend);
                }
            }
            Target::Pieces { sequence, first, count } => {
                let Some(block) = self.block() else { return selection };
                turn_to(&mut selection, block, sequence);
                let pieces: Vec<usize> = (first..first + count).collect();
                if !extend {
                    selection.tokens = if selection.tokens == pieces { Vec::new() } else { pieces };
                } else if pieces.iter().all(|piece| selection.tokens.contains(piece)) {
                    selection.tokens.retain(|token| !pieces.contains(token));
                } else {
                    selection.tokens.retain(|token| !pieces.contains(token));
                    selection.tokens.extend(pieces);
                }
            }
            Target::State { .. } => {}
        }
        selection
    }

    /// The selection with these tokens of a sequence, which turns the direction if it is the block's other side. Tokens
    /// that do not exist are left out; a sequence that is on neither side changes nothing.
    fn with_tokens(&self, sequence: usize, tokens: &[usize], extend: bool) -> Selection {
        let mut selection = self.selection.clone();
        let (Some(trace), Some(block)) = (&self.trace, self.block()) else { return selection };
        if ![block.query, block.key].contains(&sequence) {
            return selection;
        }
        turn_to(&mut selection, block, sequence);
        if !extend {
            selection.tokens.clear();
        }
        let count = trace.document().sequences[sequence].tokens.len();
        let mut is_selected = vec![false; count];
        selection.tokens.iter().filter(|&&token| token < count).for_each(|&token| is_selected[token] = true);
        let is_new = |&token: &usize| token < count && !std::mem::replace(&mut is_selected[token], true);
        selection.tokens.extend(tokens.iter().copied().filter(is_new));
        selection
    }

    fn set_preview(&mut self, target: Option<Target>) {
        let selects = target.as_ref().filter(|target| !matches!(target, Target::State { .. }));
        self.preview = selects.map(|target| self.selected_by(target, false));
        if self.preview.as_ref().is_some_and(|preview| preview.tokens.is_empty()) {
            // A click on the one selected token takes it away; to hover over it shows it.
            self.preview = None;
        }
        self.hover = target;
    }

    fn set_direction(&mut self, direction: Direction) {
        let is_cross = self.block().is_some_and(|block| block.query != block.key);
        if is_cross && direction != self.selection.direction {
            self.selection.tokens.clear();
        }
        self.selection.direction = direction;
    }

    fn step_token(&mut self, by: isize) {
        let Some(trace) = &self.trace else { return };
        let count = self.side_length(trace.document(), self.selection.direction);
        let next = match self.selection.tokens.last() {
            Some(&token) if count > 0 => (token as isize + by).rem_euclid(count as isize) as usize,
            _ => 0,
        };
        self.selection.tokens = if count > 0 { vec![next] } else { Vec::new() };
    }

    /// Adds the neighbour of the token that was selected last.
    fn extend_tokens(&mut self, by: isize) {
        let Some(trace) = &self.trace else { return };
        let count = self.side_length(trace.document(), self.selection.direction);
        let Some(&last) = self.selection.tokens.last() else { return self.step_token(by) };
        let next = step(last, by, count);
        self.selection.tokens.retain(|&token| token != next);
        self.selection.tokens.push(next);
    }

    fn step_statistic(&mut self, by: isize) {
        let all = &statistics::TABLE;
        let shown = all.iter().position(|entry| entry.name == self.options.statistic).unwrap_or(0);
        let next = (shown as isize + by).rem_euclid(all.len() as isize) as usize;
        self.options.statistic = all[next].name.to_owned();
    }

    fn go_back(&mut self, step: impl FnOnce(&mut History, &Selection) -> Option<Selection>) {
        if let Some(selection) = step(&mut self.history, &self.selection) {
            self.selection = selection;
            self.set_preview(None);
        }
    }

    /// The output tokens, where the block's queries hold any.
    pub fn output_tokens(&self) -> Vec<usize> {
        let (Some(trace), Some(block)) = (&self.trace, self.block()) else { return Vec::new() };
        output_tokens(trace.document(), block)
    }

    fn step_output(&mut self, by: isize) {
        let outputs = self.output_tokens();
        let now = match (self.selection.direction, self.selection.tokens.last()) {
            (Direction::AttendsTo, Some(token)) => outputs.iter().position(|output| output == token),
            _ => None,
        };
        let next = match now {
            Some(place) => (place as isize + by).rem_euclid(outputs.len() as isize) as usize,
            None if by < 0 => outputs.len().saturating_sub(1),
            None => 0,
        };
        if let Some(&token) = outputs.get(next) {
            self.selection.direction = Direction::AttendsTo;
            self.selection.tokens = vec![token];
        }
    }

    /// The next of what plays. At the end it begins again, or stops.
    fn step_play(&mut self) {
        let Some(trace) = &self.trace else { return };
        let all = self.playing.play.selections(&trace.trace, &self.selection);
        let now = all.iter().position(|selection| *selection == self.selection);
        match now.map_or(0, |now| now + 1) {
            next if next < all.len() => self.selection = all[next].clone(),
            _ if self.playing.loops && !all.is_empty() => self.selection = all[0].clone(),
            _ => self.is_playing = false,
        }
    }

    fn side_length(&self, document: &Document, direction: Direction) -> usize {
        document.attention.get(self.selection.block).map_or(0, |block| match direction {
            Direction::AttendsTo => document.query_tokens(block).len(),
            Direction::AttendedBy => document.key_tokens(block).len(),
        })
    }
}

/// Tokens of this sequence are to be selected: where the direction has them on the other side, it turns.
fn turn_to(selection: &mut Selection, block: &Block, sequence: usize) {
    let (own, other) = match selection.direction {
        Direction::AttendsTo => (block.query, Direction::AttendedBy),
        Direction::AttendedBy => (block.key, Direction::AttendsTo),
    };
    if own != sequence {
        selection.direction = other;
        selection.tokens.clear();
    }
}

fn step(index: usize, by: isize, count: usize) -> usize {
    index.saturating_add_signed(by).min(count.saturating_sub(1))
}

fn toggle(tokens: &mut Vec<usize>, token: usize, extend: bool) {
    if !extend {
        *tokens = if *tokens == [token] { Vec::new() } else { vec![token] };
    } else if let Some(place) = tokens.iter().position(|&other| other == token) {
        tokens.remove(place);
    } else {
        tokens.push(token);
    }
}

/// Whether two traces come from the same model and task, so that a selection means the same in both.
fn are_alike(before: &Document, after: &Document) -> bool {
    before.model == after.model
        && before.attention.len() == after.attention.len()
        && before.attention.iter().zip(&after.attention).all(|(a, b)| a.name == b.name && a.layers == b.layers)
}

/// The last layer and the mean of its heads for the first query token: where most models put their answer together.
fn first_selection(document: &Document) -> Selection {
    let layers = document.attention.first().map_or(0, |block| block.layers);
    Selection { layer: Pick::One(layers.saturating_sub(1)), head: Pick::Mean, tokens: vec![0], ..Selection::default() }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::path::Path;

    use super::*;
    use crate::analysis::{Combine, Rollout, SinkTreatment};

    type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

    fn showing(name: &str) -> std::result::Result<State, Box<dyn Error>> {
        let mut state = State::default();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/traces/{name}.safetensors"));
        state.set_trace(Arc::new(OpenTrace::open(&path)?));
        Ok(state)
    }

    fn token(token: usize) -> Target {
        Target::Token { sequence: 0, token }
    }

    #[test]
    fn clicks_select_and_ctrl_clicks_add() -> Result {
        let mut state = showing("multi-image")?;
        let mut click = |token, extend| {
            state.apply(Command::Select { target: self::token(token), extend });
            state.selection.tokens.clone()
        };
        assert_eq!(click(3, false), [3]);
        assert_eq!(click(5, true), [3, 5]);
        assert_eq!(click(3, true), [5]);
        assert_eq!(click(5, false), Vec::<usize>::new(), "a click on the one selected token takes it away");
        Ok(())
    }

    #[test]
    fn hovering_shows_and_leaves_no_trace() -> Result {
        let mut state = showing("multi-image")?;
        state.apply(Command::Select { target: token(3), extend: false });
        state.apply(Command::Preview(Some(token(7))));
        assert_eq!(
            (state.shown_selection().tokens.as_slice(), state.selection.tokens.as_slice()),
            (&[7][..], &[3][..])
        );
        state.apply(Command::Preview(Some(token(3))));
        assert_eq!(state.shown_selection().tokens, [3]);
        state.apply(Command::Preview(None));
        assert_eq!(state.shown_selection(), &state.selection);
        Ok(())
    }

    #[test]
    fn undo_brings_back_the_selection_but_no_preview() -> Result {
        let mut state = showing("multi-image")?;
        let first = state.selection.clone();
        state.apply(Command::Select { target: token(3), extend: false });
        state.apply(Command::Preview(Some(token(9))));
        state.apply(Command::SelectHead(Pick::One(1)));
        state.apply(Command::Undo);
        assert_eq!((state.selection.head, state.selection.tokens.as_slice()), (first.head, &[3][..]));
        assert_eq!(state.preview, None);
        state.apply(Command::Undo);
        assert_eq!(state.selection, first);
        state.apply(Command::Undo);
        assert_eq!(state.selection, first, "there is nothing before the first");
        state.apply(Command::Redo);
        state.apply(Command::Redo);
        assert_eq!(state.selection.head, Pick::One(1));
        Ok(())
    }

    #[test]
    fn tokens_can_be_added_by_keyboard() -> Result {
        let mut state = showing("multi-image")?;
        state.apply(Command::Select { target: token(3), extend: false });
        state.apply(Command::ExtendTokens(1));
        state.apply(Command::ExtendTokens(1));
        assert_eq!(state.selection.tokens, [3, 4, 5]);
        state.apply(Command::ExtendTokens(-1));
        assert_eq!(state.selection.tokens, [3, 5, 4], "the last one is where it goes on");
        Ok(())
    }

    #[test]
    fn heads_stop_at_the_edges() -> Result {
        let mut state = showing("multi-image")?;
        state.apply(Command::Select { target: Target::Head { layer: 1, head: 0 }, extend: false });
        for (layers, heads, expected) in [(0, -1, (1, 0)), (0, 5, (1, 1)), (9, 0, (2, 1)), (-9, 0, (0, 1))] {
            state.apply(Command::MoveHead { layers, heads });
            assert_eq!((state.selection.layer, state.selection.head), (Pick::One(expected.0), Pick::One(expected.1)));
        }
        state.apply(Command::Select { target: Target::LayerMean { layer: 2 }, extend: false });
        assert_eq!(state.selection.head, Pick::Mean);
        Ok(())
    }

    #[test]
    fn layers_and_heads_play_and_stop_at_the_end_unless_they_loop() -> Result {
        let mut state = showing("multi-image")?;
        state.apply(Command::TogglePlay);
        state.apply(Command::SetPlaying(Playing { play: Play::Layers, loops: true, ..Playing::default() }));
        let mut layers = Vec::new();
        for _ in 0..4 {
            state.apply(Command::StepPlay);
            layers.push(state.selection.layer);
        }
        assert_eq!(layers, [0, 1, 2, 0].map(Pick::One), "from the last layer on");
        state.apply(Command::SetPlaying(Playing { play: Play::Heads, loops: false, ..Playing::default() }));
        for expected in [(Pick::One(0), true), (Pick::One(1), true), (Pick::One(1), false)] {
            state.apply(Command::StepPlay);
            assert_eq!((state.selection.head, state.is_playing), expected);
        }
        Ok(())
    }

    #[test]
    fn a_view_state_brings_back_what_was_shown() -> Result {
        let mut state = showing("multi-image")?;
        state.apply(Command::Select { target: Target::Head { layer: 1, head: 1 }, extend: false });
        state.apply(Command::CountSpecials(true));
        state.apply(Command::SetNormalization(Normalization::Log));
        state.apply(Command::SetHiddenState(Some(2)));
        let options = Options { opacity: 0.4, theme: Theme::Light, title: false, ..state.options.clone() };
        state.apply(Command::SetOptions(Box::new(options)));
        let saved = state.view_state(None);
        let mut other = showing("multi-image")?;
        other.show_view_state(saved.clone())?;
        assert_eq!(other.view_state(None), saved);

        let mut too_many = saved.clone();
        too_many.question.selection.layer = Pick::One(9);
        let why = other.show_view_state(too_many).map_err(|error| error.to_string());
        assert_eq!(why, Err("there is no layer 9: block `self` has layers 0 to 2".to_owned()));
        assert_eq!(other.view_state(None), saved);
        Ok(())
    }

    #[test]
    fn tokens_play_round() -> Result {
        let mut state = showing("multi-image")?;
        state.apply(Command::Select { target: token(12), extend: false });
        let mut next = || {
            state.apply(Command::StepToken(1));
            state.selection.tokens.clone()
        };
        assert_eq!((next(), next()), (vec![13], vec![0]));
        Ok(())
    }

    #[test]
    fn sets_of_tokens_replace_or_join_the_selection() -> Result {
        let mut state = showing("encoder-decoder")?;
        state.apply(Command::SelectBlock(2));
        let mut select = |sequence, tokens: &[usize], extend| {
            state.apply(Command::SelectTokens { sequence, tokens: tokens.to_vec(), extend });
            (state.selection.direction, state.selection.tokens.clone())
        };
        assert_eq!(select(1, &[2, 0, 2, 999], false), (Direction::AttendsTo, vec![2, 0]));
        assert_eq!(select(1, &[0, 1], true), (Direction::AttendsTo, vec![2, 0, 1]), "nothing twice, nothing taken out");
        assert_eq!(select(0, &[4], true), (Direction::AttendedBy, vec![4]), "the other side turns the direction");
        assert_eq!(select(7, &[1], false), (Direction::AttendedBy, vec![4]), "no such sequence");
        assert_eq!(select(0, &[], false), (Direction::AttendedBy, vec![]));
        Ok(())
    }

    #[test]
    fn aggregation_is_chosen_and_stays_when_tokens_change() -> Result {
        let mut state = showing("multi-image")?;
        state.apply(Command::SetCombine(Combine::Max));
        state.apply(Command::SetSinks(SinkTreatment::Hide));
        state.apply(Command::SetRollout(Some(Rollout::default())));
        state.apply(Command::SelectLayer(Pick::Max));
        state.apply(Command::SelectHead(Pick::Max));
        state.apply(Command::MoveHead { layers: 0, heads: 1 });
        state.apply(Command::Select { target: token(3), extend: false });
        let now = &state.selection;
        assert_eq!((now.layer, now.head), (Pick::Max, Pick::One(0)));
        assert_eq!(
            (now.combine, now.sinks, now.rollout),
            (Combine::Max, SinkTreatment::Hide, Some(Rollout::default()))
        );
        Ok(())
    }

    #[test]
    fn a_state_is_picked_and_a_projection_given_up() -> Result {
        let mut state = showing("multi-image")?;
        state.apply(Command::Preview(Some(Target::State { state: 2, with: 0 })));
        assert_eq!(state.preview, None);
        state.apply(Command::Select { target: Target::State { state: 2, with: 0 }, extend: false });
        assert_eq!(state.hidden_state, Some(2));
        state.options.embedding.recipe.method = Method::Tsne;
        state.options.embedding.recipe.align = Align::Shared;
        state.apply(Command::CancelProjection);
        assert_eq!(state.options.embedding.recipe.method, Method::Pca);
        assert_eq!(state.options.embedding.recipe.align, Align::Shared);
        state.apply(Command::CancelProjection);
        assert_eq!(state.options.embedding.recipe.align, Align::None);
        Ok(())
    }

    /// In cross-attention a click on a key asks what attends to it.
    #[test]
    fn the_other_side_turns_the_direction() -> Result {
        let mut state = showing("encoder-decoder")?;
        state.apply(Command::SelectBlock(2));
        state.apply(Command::Select { target: Target::Token { sequence: 1, token: 2 }, extend: false });
        assert_eq!(state.selection.direction, Direction::AttendsTo);
        state.apply(Command::Select { target: Target::Token { sequence: 0, token: 9 }, extend: false });
        assert_eq!((state.selection.direction, state.selection.tokens.as_slice()), (Direction::AttendedBy, &[9][..]));
        state.apply(Command::SetDirection(Direction::AttendsTo));
        assert!(state.selection.tokens.is_empty(), "token 9 of the keys is no query");
        Ok(())
    }

    #[test]
    fn the_selection_goes_on_in_a_trace_that_is_alike() -> Result {
        let mut state = showing("multi-image")?;
        state.apply(Command::Select { target: Target::Head { layer: 1, head: 1 }, extend: false });
        state.apply(Command::Select { target: token(13), extend: false });
        let before = state.selection.clone();
        let again = showing("multi-image")?.trace.ok_or("no trace")?;
        state.set_trace(again);
        assert_eq!(state.selection, before);
        let other = showing("encoder-decoder")?.trace.ok_or("no trace")?;
        state.set_trace(other);
        assert_ne!(state.selection, before);
        Ok(())
    }
}
