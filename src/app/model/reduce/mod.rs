//! The one place where the state changes by commands.

mod arranging;
mod comparing;
mod dataset;
mod figure;
mod noting;
mod pinning;
mod selecting;
mod steps;
mod tokens;
mod view_state;
mod zooming;

use self::steps::step;
pub use self::zooming::{CLOSEST, CLOSEST_OF_TOKENS, Windowed};
use crate::analysis::projection::{Align, Method};
use crate::analysis::{Direction, Selection, WeightKind};
use crate::app::model::choices::{UI_SCALES, UiScale};
use crate::app::model::command::Command;
use crate::app::model::comparison::Comparison;
use crate::app::model::effect::Effect;
use crate::app::model::history::History;
use crate::app::model::state::{CommandPalette, State, first_of_block};
use crate::view::{Options, Target, Theme};

impl State {
    /// Carries out a command, and remembers the selection that it changed.
    pub fn apply(&mut self, command: Command) -> Option<Effect> {
        let before = self.selection.clone();
        let is_recorded = !matches!(command, Command::Undo | Command::Redo);
        let effect = self.carry_out(command);
        if self.selection != before {
            self.renew_preview(&before);
            if is_recorded {
                self.history.record(before);
            }
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
            Command::Panels(command) => return self.arrange(command),
            Command::Quit => return Some(Effect::Quit),
            Command::Export(view, export) => return Some(Effect::Export(view, export)),
            Command::ExportPanel(panel, export) => return Some(Effect::ExportPanel(panel, export)),
            Command::CopyCommand(view) => return Some(Effect::CopyCommand(view)),
            Command::Figure(command) => return self.change_figure(command),
            Command::OpenFolder(folder) => return Some(Effect::OpenFolder(folder)),
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
            Command::SelectLayer(layer) => self.select_layer(layer),
            Command::SelectHead(head) => self.select_head(head),
            Command::MoveHead { layers, heads } => self.move_head(layers, heads),
            Command::Select { target: Target::State { state, .. }, .. } => self.options.hidden_state = Some(state),
            Command::Select { target: Target::Frame { image }, .. } => {
                self.options.image = Some(image).filter(|_| self.options.image != Some(image));
            }
            Command::Select { target, extend } => {
                self.selection = self.selected_by(&target, extend);
            }
            Command::Preview(target) => self.set_preview(target),
            Command::Point(target) => self.point(target),
            Command::PreviewTokens(previews) => self.previews_tokens = previews,
            Command::ClearTokens => self.selection.tokens.clear(),
            Command::StepToken(by) => self.step_token(by),
            Command::StepOutput(by) => self.step_output(by),
            Command::SetDirection(direction) => self.set_direction(direction),
            Command::SetOptions(options) => {
                let shown = |options: &Options| (options.statistic.clone(), options.z_score, options.to.clone());
                let shows_others = shown(&options) != shown(&self.options);
                let names_others = options.to != self.options.to;
                let is_chosen = options.statistic != self.options.statistic && !names_others;
                self.options = *options;
                if is_chosen {
                    self.options.to = None;
                }
                if shows_others {
                    self.options.heads_filter = None;
                }
            }
            Command::ZoomTo(view, window) => self.zoom_to(view, window),
            Command::Zoom(steps) => self.zoom(steps),
            Command::Pan(steps) => self.pan(steps.into()),
            Command::ShowAll => self.show_all(),
            Command::NotePanel(panel) => self.focused_panel = panel,
            Command::StepPanel(by) => return Some(Effect::StepPanel(by)),
            Command::TogglePlay => self.is_playing = !self.is_playing && self.trace.is_some(),
            Command::ToggleHelp => self.shows_help = !self.shows_help,
            Command::ShowHelp(help) => (self.shows_help, self.help) = (true, help),
            Command::ToggleWelcome => {
                self.welcome.is_shown = !self.welcome.is_shown;
                return Some(Effect::Welcomed);
            }
            Command::ShowGuide(guide) => return Some(Effect::ShowGuide(guide)),
            Command::ToggleTheme => {
                self.options.theme = match self.options.theme {
                    Theme::Dark => Theme::Light,
                    Theme::Light | Theme::Paper => Theme::Dark,
                };
            }
            Command::Undo => self.go_back(History::undo),
            Command::Redo => self.go_back(History::redo),
            Command::TogglePalette => {
                self.palette = if self.palette.is_none() { Some(CommandPalette::default()) } else { None };
            }
            Command::SearchPalette { query, chosen } => self.palette = Some(CommandPalette { query, chosen }),
            Command::ExtendTokens(by) => self.extend_tokens(by),
            Command::ToggleDirection => self.set_direction(match self.selection.direction {
                Direction::AttendsTo => Direction::AttendedBy,
                Direction::AttendedBy => Direction::AttendsTo,
            }),
            Command::StepStatistic(by) => self.step_statistic(by),
            Command::ShowViews(views) => self.shown_views = views,
            Command::CancelProjection => {
                let recipe = &mut self.options.embedding.recipe;
                if recipe.method == Method::Pca {
                    recipe.align = Align::None;
                }
                recipe.method = Method::Pca;
            }
            Command::Escape if self.palette.is_some() => self.palette = None,
            Command::Escape if self.notes.draft.is_some() => self.notes.draft = None,
            Command::Escape if self.shows_help => self.shows_help = false,
            Command::Escape if self.figure.is_shown => self.figure.is_shown = false,
            Command::Escape if self.welcome.is_shown => {
                self.welcome.is_shown = false;
                return Some(Effect::Welcomed);
            }
            Command::Escape => {
                if !self.is_playing && self.selection.tokens.is_empty() {
                    self.options.to = None;
                }
                self.is_playing = false;
                self.selection.tokens.clear();
            }
            Command::RankHeads { sequence, tokens } => self.rank_heads(sequence, &tokens),
            Command::SelectTokens { sequence, tokens, extend } => {
                self.selection = self.with_tokens(sequence, &tokens, extend);
            }
            Command::CompareWith(example) => return self.compare_with(example).then_some(Effect::FocusComparison),
            Command::EndComparison => {
                self.comparison = Comparison { view: self.comparison.view, ..Comparison::default() }
            }
            Command::SetCompareView(view) => self.comparison.view = view,
            Command::Notes(command) => return self.change_notes(command),
            Command::Pin(command) => return self.change_pins(command),
            Command::Tokens(command) => return self.change_tokens(&command),
        }
        None
    }

    pub(super) fn show_example(&mut self, example: usize) -> Option<Effect> {
        let path = self.examples.get(example)?.clone();
        self.example = example;
        Some(Effect::Load(path))
    }

    pub(super) fn select_block(&mut self, block: usize) {
        let Some(open) = &self.trace else { return };
        let Selection { combine, sinks, sink_criteria, .. } = self.selection;
        let weights = self.selection.as_mean().weights;
        let weights = if weights.check(&open.trace, block).is_ok() { weights } else { WeightKind::Raw };
        let first = first_of_block(open, block).with_weights(open.document(), weights);
        self.selection = Selection { combine, sinks, sink_criteria, ..first };
        self.options.matrix_window = None;
        self.options.heads_filter = None;
        self.keep_statistic();
    }

    fn go_back(&mut self, step: impl FnOnce(&mut History, &Selection) -> Option<Selection>) {
        if let Some(selection) = step(&mut self.history, &self.selection) {
            self.selection = selection;
            self.preview = None;
        }
    }
}
