//! What the window shows, and the one place where it changes.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;

use super::command::Command;
use super::exporter::Export;
use crate::analysis::normalize::Normalization;
use crate::analysis::{Direction, Pick, Selection};
use crate::dataset::Summary;
use crate::evidence::{OpenTrace, Question};
use crate::export::{Play, ViewState, check_selection};
use crate::scene::{Evidence, Options, Target, Theme, View};
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
    /// What plays, and how.
    pub playing: Playing,
    /// How views are exported.
    pub exports: Exports,
    /// Size of the window's controls and views.
    pub ui_scale: UiScale,
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
    /// Carries out a command.
    pub fn apply(&mut self, command: Command) -> Option<Effect> {
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
            Command::Select { target, extend } => {
                self.selection = self.selected_by(&target, extend);
                self.set_preview(None);
            }
            Command::Preview(target) => self.set_preview(target),
            Command::ClearTokens => self.selection.tokens.clear(),
            Command::StepToken(by) => self.step_token(by),
            Command::SetDirection(direction) => self.set_direction(direction),
            Command::SetOptions(options) => self.options = *options,
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
            Command::Escape if self.shows_help => self.shows_help = false,
            Command::Escape => {
                self.is_playing = false;
                self.selection.tokens.clear();
            }
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
            self.options.matrix_window = None;
            self.options.embedding_view = None;
            self.hidden_state = None;
        }
        self.trace = Some(trace);
        self.evidence = None;
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
        let Question { selection, statistic: _, specials, normalization, hidden_state } = question;
        check_selection(&trace.trace, &selection)?;
        self.selection = selection;
        self.specials = specials;
        self.normalization = normalization;
        self.hidden_state = hidden_state;
        // Titles and captions are for figures.
        let statistic =
            if options.statistic.is_empty() { self.options.statistic.clone() } else { options.statistic.clone() };
        self.options = Options { statistic, title: false, caption: None, ..options };
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
        self.selection = Selection { block, direction: self.selection.direction, ..Selection::default() };
        self.options.matrix_window = None;
    }

    fn move_head(&mut self, layers: isize, heads: isize) {
        let Some(trace) = &self.trace else { return };
        let Some(block) = trace.document().attention.get(self.selection.block) else { return };
        let stay = |pick: Pick, by: isize, count: usize| match pick {
            Pick::One(index) => Pick::One(index.saturating_add_signed(by).min(count.saturating_sub(1))),
            Pick::Mean if by == 0 => Pick::Mean,
            Pick::Mean => Pick::One(0),
        };
        self.selection.layer = stay(self.selection.layer, layers, block.layers);
        let head_count = match self.selection.layer {
            Pick::One(layer) => trace.trace.heads(self.selection.block, layer),
            Pick::Mean => trace.trace.max_heads(self.selection.block),
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
            Target::Token { sequence, token } => {
                let Some(block) = self.block() else { return selection };
                let own = match selection.direction {
                    Direction::AttendsTo => block.query,
                    Direction::AttendedBy => block.key,
                };
                if own != sequence {
                    selection.direction = other_direction(selection.direction);
                    selection.tokens.clear();
                }
                toggle(&mut selection.tokens, token, extend);
            }
            Target::Cell { query, key } => {
                let token = match selection.direction {
                    Direction::AttendsTo => query,
                    Direction::AttendedBy => key,
                };
                toggle(&mut selection.tokens, token, extend);
            }
        }
        selection
    }

    fn set_preview(&mut self, target: Option<Target>) {
        self.preview = target.as_ref().map(|target| self.selected_by(target, false));
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

fn other_direction(direction: Direction) -> Direction {
    match direction {
        Direction::AttendsTo => Direction::AttendedBy,
        Direction::AttendedBy => Direction::AttendsTo,
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
