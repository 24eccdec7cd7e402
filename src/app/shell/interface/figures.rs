//! What leaves the window: view states, exported figures and numbers, the command that draws the same.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use crate::app::model::choices::{Export, Exports};
use crate::app::model::effect::Effect;
use crate::app::model::figure::DraftPanel;
use crate::app::model::panel::Panel;
use crate::app::panels;
use crate::app::shell::interface::Interface;
use crate::app::work::destination::Destination;
use crate::app::work::exporter::{Done, DrawingJob, FigureJob, Job};
use crate::app::work::screenshot::new_name;
use crate::export::{
    DatasetPaths, Figure, FigurePanel, Format, Picture, ViewState, atlas_line, compare_line, panel_words, plain,
    render_line, tokens_line,
};
use crate::gpu::Gpu;
use crate::query::{OpenTrace, caught};
use crate::view::{Caption, Inputs, Options, View, caption_of};

/// Size of a view that was never shown, in logical pixels.
const USUAL_SIZE: glam::Vec2 = glam::Vec2::new(900.0, 640.0);

impl Interface {
    /// A view state waits until its trace is shown; returns the trace that has to be opened for it.
    pub(super) fn await_state(&mut self, state: ViewState) -> Option<PathBuf> {
        let shown = self.state.trace.as_ref().map(|trace| trace.trace.path());
        let is_same =
            |a: &Path, b: &Path| a == b || a.canonicalize().ok().is_some_and(|a| b.canonicalize().ok() == Some(a));
        let other = state.trace.clone().filter(|wanted| shown.is_none_or(|shown| !is_same(shown, wanted)));
        self.awaited_state = Some(state);
        other
    }

    pub(super) fn show_state(&mut self, state: ViewState) {
        let in_front: Vec<View> = state.front.iter().copied().chain(state.view).collect();
        match self.state.show_view_state(state) {
            Ok(()) => in_front.into_iter().for_each(|view| self.carry_out(Effect::FocusView(view))),
            Err(error) => self.messages.fail(format!("the view state is not of this trace: {error:#}")),
        }
    }

    pub(super) fn save_state(&self) {
        let (state, destination) = (self.state.state_of_file(), self.destination());
        self.export_by(move |_| {
            let Some(path) = destination.new_path(&format!("{}_state", new_name()), ".json")? else {
                return Ok(Done::Nothing);
            };
            state.save(&path)?;
            Ok(Done::Saved(path))
        });
    }

    /// Does something; if it panics, saves what is shown and says where. Whether it did not.
    pub fn guarded(&mut self, work: impl FnOnce(&mut Self)) -> bool {
        let panic = caught(|| work(self)).err();
        let is_done = panic.is_none();
        if let Some(panic) = panic {
            self.tell_of_fault(panic.to_string());
        }
        is_done
    }

    /// Once for each fault.
    pub(in crate::app) fn tell_of_fault(&mut self, fault: String) {
        if self.faults.contains(&fault) {
            return;
        }
        let saved = caught(|| {
            let destination = Destination { asks: false, ..self.destination() };
            let path = destination.new_path(&format!("{}_state", new_name()), ".json")?.context("no path")?;
            self.state.state_of_file().save(&path).map(|()| path)
        });
        let outcome = match saved {
            Ok(Ok(path)) => format!("what was shown is saved: {}", path.display()),
            Ok(Err(error)) => format!("what was shown cannot be saved: {error:#}"),
            Err(panic) => format!("what was shown cannot be saved: {panic}"),
        };
        eprintln!("vlscope: {fault}; {outcome}");
        self.messages.fail(format!("{fault}; {outcome}"));
        self.faults.push(fault);
    }

    /// A view as a figure: in the figures' theme, with the title that the window shows on the tab, and the caption if one is wanted.
    pub(super) fn figure(&self, view: View) -> (ViewState, glam::Vec2) {
        let mut state = self.state.view_state(Some(view));
        let Exports { caption, theme, .. } = self.state.exports;
        let caption = caption.then_some(Caption::Auto);
        state.options = Options { title: true, caption, theme, ..state.options };
        (state, self.canvases[Panel::View(view)].size().unwrap_or(USUAL_SIZE))
    }

    pub(super) fn copy_command(&mut self, view: Option<View>) {
        let Some(trace) = &self.state.trace else { return };
        let line = match view {
            Some(view) => {
                let (state, size) = self.figure(view);
                render_line(trace.document(), &state, None, size.into(), self.state.exports.scale)
            }
            None => {
                let state = self.state.view_state(None);
                let size = self.context.content_rect().size();
                let dataset = self.desk.opened().filter(|path| path.is_dir());
                render_line(trace.document(), &state, dataset, size.into(), self.context.pixels_per_point())
            }
        };
        self.copy(line);
    }

    /// What a view shows now becomes a panel of the figure, whose dialog comes forward.
    pub(super) fn add_to_figure(&mut self, view: View) {
        let (state, size) = self.figure(view);
        let Some(open) = &self.state.trace else {
            return self.messages.fail("nothing is shown that could be a panel of a figure");
        };
        let inputs = Inputs::new(open, &state.selection, &state.options, &self.state.results, size);
        let words = caption_of(view, &inputs);
        let panel = FigurePanel { state, size };
        let typed = panel_words(open.document(), &panel);
        let draft = &mut self.state.figure;
        draft.panels.push(DraftPanel { panel, typed, words });
        draft.is_shown = true;
    }

    pub(super) fn save_figure(&mut self, format: Format) {
        let (draft, exports) = (&self.state.figure, self.state.exports);
        if draft.panels.is_empty() {
            return self.messages.fail("the figure has no panel yet");
        }
        let job = FigureJob {
            panels: draft.panels.iter().map(|draft| draft.panel.clone()).collect(),
            figure: Figure { theme: exports.theme, ..draft.figure.clone() },
            format,
            scale: exports.scale,
            destination: self.destination(),
            compute: self.compute,
            budget_bytes: self.budget_bytes,
        };
        self.export_by(move |gpu| job.run(gpu));
    }

    pub(super) fn copy(&mut self, line: String) {
        self.messages.tell(format!("Copied: {line}"));
        self.context.copy_text(line);
    }

    /// The line for a panel that shows no view of one trace.
    pub(super) fn copy_panel_command(&mut self, panel: Panel) {
        let size = self.canvases[panel].size().unwrap_or(USUAL_SIZE).into();
        let picture = Picture { size, scale: self.state.exports.scale, theme: self.state.exports.theme };
        let Some(line) = self.panel_line(panel, picture) else {
            return self.messages.fail(format!("{} shows nothing yet", panel.title()));
        };
        self.copy(line);
    }

    fn panel_line(&self, panel: Panel, picture: Picture) -> Option<String> {
        let state = &self.state;
        if panel == Panel::Compare {
            let (a, b) = (state.trace.as_ref()?, state.comparison.shown.as_ref()?);
            let traces = [a.trace.path(), b.trace.trace.path()];
            let (view, selection) = (state.comparison.view, &state.selection);
            return Some(compare_line(traces, a.document(), view, selection, &state.options, picture));
        }
        let dir = self.desk.opened()?;
        let index_dir = self.desk.index_dir(dir);
        let place = DatasetPaths { dir, index_dir: index_dir.as_deref() };
        if panel == Panel::Atlas {
            let atlas = &state.browsing.atlas;
            return Some(atlas_line(place, &atlas.shown.as_ref()?.question, atlas.choice.value, picture));
        }
        let tokens = &state.tokens;
        let shown = tokens.shown.as_ref()?;
        let shown_state = tokens.state.or(shown.states.last().copied())?;
        Some(tokens_line(place, shown_state, tokens.color, &state.browsing.listing.query, picture))
    }

    pub(super) fn export(&mut self, view: View, export: Export) {
        let Some(open) = &self.state.trace else { return };
        let (state, size) = self.figure(view);
        let job = Job {
            export,
            open: Arc::clone(open),
            results: self.state.results.clone(),
            state,
            size,
            scale: self.state.exports.scale,
            playing: self.state.playing,
            destination: self.destination(),
            compute: self.compute,
            budget_bytes: self.budget_bytes,
        };
        self.export_by(move |gpu| job.run(gpu));
    }

    /// What a panel shows that is no view of one trace.
    pub(super) fn export_panel(&mut self, panel: Panel, export: Export) {
        let size = self.canvases[panel].size().unwrap_or(USUAL_SIZE);
        // The panels draw of the state's options.
        let theme = self.state.exports.theme;
        let of_figure = Options { is_cropped: true, theme, ..self.state.options.clone() };
        let of_window = std::mem::replace(&mut self.state.options, of_figure);
        let drawing = caught(|| panels::figure(panel, &self.state, size, &mut self.easel.fonts));
        self.state.options = of_window;
        let name = self.name_of_panel(panel);
        let drawing = drawing.unwrap_or_else(|panic| {
            self.messages.fail(panic.to_string());
            None
        });
        let Some(drawing) = drawing else {
            return self.messages.fail(format!("{} shows nothing yet", panel.title()));
        };
        let (scale, destination) = (self.state.exports.scale, self.destination());
        let job = DrawingJob { drawing, name, export, scale, destination };
        self.export_by(move |gpu| job.run(gpu));
    }

    /// What its file is called: of which dataset or traces, and what of them.
    fn name_of_panel(&self, panel: Panel) -> String {
        let state = &self.state;
        let id = |open: &OpenTrace| plain(open.document().id.as_deref().unwrap_or("trace"));
        if panel == Panel::Compare {
            let traces = state.trace.as_deref().into_iter().chain(state.comparison.shown.as_ref().map(|b| &*b.trace));
            return format!(
                "{}_compare-{}",
                traces.map(id).collect::<Vec<_>>().join("_"),
                state.comparison.view.name()
            );
        }
        let dataset = self.desk.opened().and_then(Path::file_name).map(|name| plain(&name.to_string_lossy()));
        let dataset = dataset.filter(|name| !name.is_empty()).unwrap_or_else(|| "dataset".to_owned());
        match (panel, &state.browsing.atlas.shown, &state.tokens.shown) {
            (Panel::Atlas, Some(atlas), _) => format!("{dataset}_head-atlas_{}", plain(&atlas.question.statistic)),
            (Panel::Tokens, _, Some(shown)) => format!("{dataset}_token-atlas_state-{}", shown.atlas.state),
            _ => dataset,
        }
    }

    pub(super) fn destination(&self) -> Destination {
        Destination { folder: self.folder.clone(), asks: self.state.exports.asks }
    }

    pub(super) fn export_by(&self, export: impl FnOnce(&Arc<Gpu>) -> anyhow::Result<Done> + Send + 'static) {
        let (gpu, notes, context) = (Arc::clone(&self.gpu), self.notes.0.clone(), self.context.clone());
        std::thread::spawn(move || {
            // Fails only after the window was closed.
            let _ = notes.send(caught(|| export(&gpu)).unwrap_or_else(|panic| Err(panic.into())));
            context.request_repaint();
        });
    }
}
