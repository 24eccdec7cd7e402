//! What the window shows, and the one place where it changes.

mod asking;
mod selecting;
mod steps;
mod zooming;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use self::steps::step;
pub use self::zooming::{CLOSEST, CLOSEST_OF_TOKENS, kept_inside};
use super::command::Command;
use super::comparer::Comparison;
use super::dataset::{Browsing, DatasetEffect};
use super::exporter::Export;
use super::history::History;
use super::panels::Panel;
use super::playing::{Exports, Playing, UI_SCALES, UiScale};
use super::token_desk::TokenPanel;
use crate::analysis::normalize::Normalization;
use crate::analysis::pool::Pooling;
use crate::analysis::projection::{Align, Method};
use crate::analysis::similarity::Similarity;
use crate::analysis::statistics::{self, Over};
use crate::analysis::timeline::output_tokens;
use crate::analysis::{Direction, Pick, Selection};
use crate::export::check_selection;
use crate::query::OpenTrace;
use crate::trace::{Block, Document};
use crate::view::{Evidence, Options, Projection, Target, Theme, View};

/// All that the panels read.
#[derive(Debug, Default)]
pub struct State {
    /// The dataset: all traces of the folder, or the one file.
    pub examples: Vec<PathBuf>,
    /// What is known of them, filtered and sorted; the head atlas.
    pub browsing: Browsing,
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
    /// Whether the file of the trace that is shown has changed since it was read.
    pub is_outdated: bool,
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
    /// The change with which the trace came.
    pub trace_version: u64,
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
    /// The panel whose picture has the keyboard's focus.
    pub focused_panel: Option<Panel>,
    /// What plays, and how.
    pub playing: Playing,
    /// How views are exported.
    pub exports: Exports,
    /// Size of the window's controls and views.
    pub ui_scale: UiScale,
    /// What the shown trace is compared with.
    pub comparison: Comparison,
    /// The token atlas.
    pub tokens: TokenPanel,
    /// A token that is to be selected once its trace is shown: the file, the sequence and the place there.
    pub awaited_token: Option<(PathBuf, String, usize)>,
}

/// The command palette.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// As typed.
    pub query: String,
    /// Which of the commands found is chosen.
    pub chosen: usize,
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
    /// Bring the two traces to the front.
    FocusComparison,
    /// Bring the token atlas to the front.
    FocusTokens,
    /// Bring the keyboard's focus so many panels further.
    StepPanel(isize),
    /// Put the panels back.
    ResetLayout,
    /// Close the window.
    Quit,
    /// Save or copy a view.
    Export(View, Export),
    /// Save or copy a panel's picture.
    ExportPanel(Panel, Export),
    /// Copy the line that draws a view, or the window.
    CopyCommand(Option<View>),
    /// Copy the line that draws what a panel shows.
    CopyPanelCommand(Panel),
    /// Save a view state.
    SaveState,
    /// Show the system's dialog for a view state.
    ChooseState,
    /// Read this view state.
    LoadState(PathBuf),
    /// Of the dataset.
    Dataset(DatasetEffect),
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
            Command::ExportPanel(panel, export) => return Some(Effect::ExportPanel(panel, export)),
            Command::CopyCommand(view) => return Some(Effect::CopyCommand(view)),
            Command::CopyPanelCommand(panel) => return Some(Effect::CopyPanelCommand(panel)),
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
            Command::Reload => return self.show_example(self.example),
            Command::StepExample(by) => return self.show_example(self.browsing.step(self.example, by)?),
            Command::Dataset(command) => return self.browse(command),
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
            Command::Zoom(steps) => self.zoom(steps),
            Command::Pan(steps) => self.pan(steps.into()),
            Command::ShowAll => self.show_all(),
            Command::NotePanel(panel) => self.focused_panel = panel,
            Command::StepPanel(by) => return Some(Effect::StepPanel(by)),
            Command::SetHiddenState(state) => self.hidden_state = state,
            Command::SetNormalization(normalization) => {
                self.normalization = normalization;
                self.options.normalization = normalization.label().into_owned();
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
            Command::SetSinkCriteria(criteria) => self.selection.sink_criteria = criteria,
            Command::CompareWith(example) => return self.compare_with(example).then_some(Effect::FocusComparison),
            Command::EndComparison => {
                self.comparison = Comparison { view: self.comparison.view, ..Comparison::default() }
            }
            Command::SetCompareView(view) => self.comparison.view = view,
            Command::Tokens(command) => return self.change_tokens(&command),
        }
        None
    }

    /// A trace was read. The selection goes on as far as the trace has the same block, heads and tokens.
    pub fn set_trace(&mut self, trace: Arc<OpenTrace>) {
        let document = trace.document();
        let is_alike = self.trace.as_ref().is_some_and(|before| are_alike(before.document(), document));
        self.history.clear();
        if is_alike {
            let tokens = self.tokens_to_select(document);
            self.selection.tokens.retain(|&token| token < tokens);
        }
        if !is_alike || check_selection(&trace.trace, &self.selection).is_err() {
            self.selection = first_selection(&trace);
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
        self.is_outdated = false;
        self.keep_statistic();
        self.select_awaited_token();
        self.set_preview(None);
        self.version += 1;
        self.trace_version = self.version;
    }

    /// After a failure: whether it is that the file has changed.
    pub fn find_out_about_the_file(&mut self) {
        self.is_outdated = self.trace.as_ref().is_some_and(|open| open.trace.check_unchanged().is_err());
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
    pub fn evidence_for(&self, view: View) -> Cow<'_, Evidence> {
        let evidence = self.evidence.as_deref().map_or_else(|| Cow::Owned(Evidence::default()), Cow::Borrowed);
        match view {
            View::Embedding | View::Similarity => Cow::Owned(Evidence {
                projection: self.moving.clone().or_else(|| self.projection.clone()),
                similarity: self.similarity.clone(),
                ..evidence.into_owned()
            }),
            _ => evidence,
        }
    }

    /// The trace that was asked for cannot be shown; the one before stays.
    pub fn fail(&mut self, why: String) {
        self.failure = Some(why);
        self.version += 1;
    }

    /// The selection that is shown: the preview where there is one.
    pub fn shown_selection(&self) -> &Selection {
        self.preview.as_ref().unwrap_or(&self.selection)
    }

    /// The block of the selection.
    pub fn block(&self) -> Option<&Block> {
        self.trace.as_ref()?.document().attention.get(self.selection.block)
    }

    pub(super) fn show_example(&mut self, example: usize) -> Option<Effect> {
        let path = self.examples.get(example)?.clone();
        self.example = example;
        Some(Effect::Load(path))
    }

    pub(super) fn select_block(&mut self, block: usize) {
        let Selection { direction, combine, sinks, sink_criteria, .. } = self.selection;
        self.selection = Selection { block, direction, combine, sinks, sink_criteria, ..Selection::default() };
        self.options.matrix_window = None;
        self.options.heads_filter = None;
        self.keep_statistic();
    }

    /// Another statistic where the block has nothing that this one is about.
    fn keep_statistic(&mut self) {
        let Some(trace) = &self.trace else { return };
        let (document, block) = (trace.document(), self.selection.block);
        if !statistics::applies(&self.options.statistic, document, block) {
            self.options.statistic = statistics::first_choice(document, block).to_owned();
        }
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

    /// How many tokens there are where the selected ones are.
    fn tokens_to_select(&self, document: &Document) -> usize {
        self.selection.sequence(document).map_or(0, |sequence| document.sequences[sequence].tokens.len())
    }
}

/// Whether two traces come from the same model and task, so that a selection means the same in both.
fn are_alike(before: &Document, after: &Document) -> bool {
    before.model == after.model
        && before.attention.len() == after.attention.len()
        && before.attention.iter().zip(&after.attention).all(|(a, b)| a.name == b.name && a.layers == b.layers)
}

/// The last layer that has heads, and their mean, for the token where most models put their answer together: the first query, or,
/// where that sees itself alone, the first output token, or else the last token of all.
fn first_selection(open: &OpenTrace) -> Selection {
    let document = open.document();
    let block = document.attention.first();
    let layers = block.map_or(0, |block| block.layers);
    let with_heads = (0..layers).rev().find(|&layer| open.trace.heads(0, layer) > 0);
    let token = block.filter(|block| block.causal && block.query == block.key).map_or(0, |block| {
        let last = document.query_tokens(block).len().saturating_sub(1);
        output_tokens(document, block).first().copied().unwrap_or(last)
    });
    Selection {
        layer: Pick::One(with_heads.unwrap_or(0)),
        head: Pick::Mean,
        tokens: vec![token],
        ..Selection::default()
    }
}

#[cfg(test)]
mod tests;
