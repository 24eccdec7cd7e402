//! A figure of several panels, each a view of a trace, on request in the same colours.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use glam::Vec2;

use super::command_line::{Flags, quoted, render_flags, words_of};
use super::view_state::ViewState;
use crate::query::{OpenTrace, RectangleCells, Results, Solver};
use crate::render::{Drawing, Fonts, Rect, extent_of};
use crate::trace::Document;
use crate::view::{Caption, ComposedPanel, Inputs, Options, Scene, Theme, View, caption_of, compose, draw, needs};

/// A range that no panel has by itself: a picture that takes it over follows `--range`.
const PROBE: [f32; 2] = [0.0, 0.123_456];
/// Around a cropped picture, in logical pixels.
const MARGIN: f32 = 4.0;

/// One panel.
#[derive(Clone, Debug, PartialEq)]
pub struct FigurePanel {
    /// The trace, the view, and what it shows.
    pub state: ViewState,
    /// The room that it has, in logical pixels.
    pub size: Vec2,
}

/// How panels become a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Panels in a row.
    pub columns: usize,
    /// Whether each has a letter.
    pub letters: bool,
    /// Whether all weights are shown in the same colours: those of a kind of view have one colour bar then.
    pub common_scale: bool,
    /// What stands beneath.
    pub caption: Option<Caption>,
    /// Of all panels.
    pub theme: Theme,
}

impl Default for Figure {
    fn default() -> Self {
        Self { columns: 2, letters: true, common_scale: false, caption: None, theme: Theme::Paper }
    }
}

/// A panel with all that it is drawn of.
struct Ready<'a> {
    panel: &'a FigurePanel,
    open: Arc<OpenTrace>,
    results: Results,
}

impl Figure {
    /// Draws the panels as one.
    ///
    /// # Errors
    /// If a panel names no trace or no view, its trace cannot be read, or what it shows cannot be computed.
    pub fn draw(&self, panels: &[FigurePanel], solver: &Solver, fonts: &mut Fonts) -> Result<Drawing> {
        let mut open: HashMap<&Path, Arc<OpenTrace>> = HashMap::new();
        let mut ready = Vec::with_capacity(panels.len());
        for panel in panels {
            let path = panel.state.trace.as_deref().context("a panel of a figure names its trace")?;
            let trace = match open.get(path) {
                Some(trace) => Arc::clone(trace),
                None => Arc::clone(open.entry(path).or_insert(Arc::new(OpenTrace::open(path)?))),
            };
            let options = self.options(panel, None);
            let view = panel.state.view.context("a panel of a figure shows one view")?;
            let nothing = Results::default();
            let inputs = Inputs::new(&trace, &panel.state.selection, &options, &nothing, panel.size);
            let results = solver.results(&trace, &needs(view, &inputs), &AtomicBool::new(false))?;
            ready.push(Ready { panel, open: trace, results: results.map(RectangleCells::on_host) });
        }
        let range = if self.common_scale { self.common_range(&ready, fonts) } else { None };
        let mut scenes: Vec<Scene> = ready.iter().map(|ready| self.scene(ready, range, fonts)).collect();
        if range.is_some() {
            let kind = |at: usize| (panels[at].state.view, panels[at].state.options.colormap);
            for (at, scene) in scenes.iter_mut().enumerate() {
                let has_bar = scene.bar.is_some_and(|bar| Some(bar.range) == range);
                if has_bar && (at + 1..panels.len()).any(|later| kind(later) == kind(at)) {
                    remove_bar(scene, fonts);
                }
            }
        }
        let words = |ready: &Ready<'_>| match &self.caption {
            Some(Caption::Auto) => Some(self.with_inputs(ready, range, caption_of)),
            _ => None,
        };
        let composed: Vec<ComposedPanel> = scenes
            .into_iter()
            .zip(&ready)
            .map(|(scene, ready)| ComposedPanel { drawing: scene.drawing, words: words(ready) })
            .collect();
        let beneath = match &self.caption {
            Some(Caption::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let options = Options { theme: self.theme, ..Options::default() };
        Ok(compose(&composed, self.columns, self.letters, beneath, &options, fonts))
    }

    /// From the lowest to the highest end of the colours that follow `--range`; `None` if none do.
    fn common_range(&self, ready: &[Ready<'_>], fonts: &mut Fonts) -> Option<[f32; 2]> {
        let mut ranges = Vec::new();
        for ready in ready {
            let of = |range, fonts: &mut Fonts| self.scene(ready, range, fonts).bar.map(|bar| bar.range);
            if of(Some(PROBE), fonts) == Some(PROBE) {
                ranges.extend(of(None, fonts));
            }
        }
        ranges.into_iter().reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])])
    }

    fn scene(&self, ready: &Ready<'_>, range: Option<[f32; 2]>, fonts: &mut Fonts) -> Scene {
        self.with_inputs(ready, range, |view, inputs| draw(view, inputs, fonts))
    }

    fn with_inputs<T>(&self, ready: &Ready<'_>, range: Option<[f32; 2]>, of: impl FnOnce(View, &Inputs<'_>) -> T) -> T {
        let FigurePanel { state, size } = ready.panel;
        let options = self.options(ready.panel, range);
        let inputs = Inputs::new(&ready.open, &state.selection, &options, &ready.results, *size);
        of(state.view.unwrap_or(View::Heads), &inputs)
    }

    fn options(&self, panel: &FigurePanel, range: Option<[f32; 2]>) -> Options {
        let own = panel.state.options.clone();
        let range = range.or(own.range);
        Options { theme: self.theme, caption: None, is_cropped: true, range, ..own }
    }
}

/// Takes the colour bar out of a cropped scene, and crops it again: the picture stays as large as that of a panel with a bar.
fn remove_bar(scene: &mut Scene, fonts: &mut Fonts) {
    let Some(bar) = scene.bar.take() else { return };
    let drawing = &mut scene.drawing;
    let [from, to] = bar.marks.map(|mark| mark.min(drawing.marks.len()));
    drawing.marks.drain(from..to.max(from));
    if let Some(Rect { max, .. }) = extent_of(&drawing.marks, drawing.background, fonts) {
        drawing.size = (max + MARGIN).ceil().min(drawing.size);
    }
}

/// A panel as `--panel` takes it: its view, and the options of `vlscope render` that are not usual.
pub fn panel_words(document: &Document, panel: &FigurePanel) -> String {
    let options = Options { theme: Theme::Paper, caption: None, ..panel.state.options.clone() };
    let flags: Flags = render_flags(document, &ViewState { options, ..panel.state.clone() });
    let mut words: Vec<String> = panel.state.view.map(|view| view.name().to_owned()).into_iter().collect();
    words.extend(words_of(&flags.into_iter().filter(|(name, _)| name != "--view").collect()));
    let [width, height] = panel.size.to_array().map(|side| side.round().clamp(16.0, 65_535.0));
    words.extend(["--size".to_owned(), format!("{width}x{height}")]);
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// The whole `vlscope figure` line. Panels are words of [`panel_words`], each of a trace.
pub fn figure_line(figure: &Figure, panels: &[(PathBuf, String)], output: &str) -> String {
    let trace = panels.first().map(|(trace, _)| trace.as_path()).unwrap_or(Path::new("trace.safetensors"));
    let mut words = vec!["vlscope".to_owned(), "figure".to_owned(), trace.display().to_string()];
    for (of, panel) in panels {
        let other = if of == trace { String::new() } else { format!(" --trace {}", quoted(&of.display().to_string())) };
        words.extend(["--panel".to_owned(), format!("{panel}{other}")]);
    }
    let Figure { columns, letters, common_scale, caption, theme } = figure;
    let usual = Figure::default();
    if *columns != usual.columns {
        words.extend(["--columns".to_owned(), columns.to_string()]);
    }
    words.extend((!letters).then(|| "--no-letters".to_owned()));
    words.extend(common_scale.then(|| "--common-scale".to_owned()));
    match caption {
        Some(Caption::Auto) => words.extend(["--caption".to_owned(), "auto".to_owned()]),
        Some(Caption::Text(text)) => words.extend(["--caption".to_owned(), text.clone()]),
        None => {}
    }
    if *theme != usual.theme {
        words.extend(["--theme".to_owned(), theme.name().to_owned()]);
    }
    words.extend(["-o".to_owned(), output.to_owned()]);
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}
