//! The window's content, apart from the window: the same in a native window, offscreen, and in a test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use egui::mutex::RwLock;
use egui_tiles::UiResponse;

use super::Launch;
use super::appearance;
use super::canvas::{Canvas, Easel};
use super::command::Command;
use super::keys;
use super::panels::{self, Layout, Panel};
use super::projections::Projections;
use super::settings::{self, Settings};
use super::state::{Effect, State};
use super::toast::Toasts;
use super::worker::Worker;
use crate::analysis::Engine;
use crate::dataset::{Summary, traces_in};
use crate::evidence::{Analyst, OpenTrace, Question};
use crate::gpu::{DEFAULT_BUDGET_BYTES, Gpu};
use crate::scene::{Evidence, Theme, View};
use crate::trace::Trace;

/// The statistic that the heads view begins with: how much the text looks at the image.
const FIRST_STATISTIC: &str = "mass.text.image";
/// How long the views go on showing the picture before, so that they are not drawn once without the new numbers and, a few
/// milliseconds later, once with them.
const NUMBERS_EXPECTED_WITHIN: Duration = Duration::from_millis(60);
/// How long a token is shown while they play.
const TOKEN_SHOWN_FOR: Duration = Duration::from_millis(700);

/// State, panels and workers.
pub struct Interface {
    /// What is shown.
    pub state: State,
    layout: Layout,
    easel: Easel,
    canvases: [Canvas; View::all().len()],
    loader: Worker<PathBuf, Result<OpenTrace>>,
    lister: Worker<Vec<PathBuf>, Vec<Summary>>,
    analyst: Worker<(Arc<OpenTrace>, Question), (Question, Result<Evidence>)>,
    asked: Option<(u64, Question)>,
    asked_at: Instant,
    answered: Option<(u64, Question)>,
    notes: (Sender<Result<PathBuf>>, Receiver<Result<PathBuf>>),
    dialog: Option<Receiver<Option<PathBuf>>>,
    toasts: Toasts,
    adapter_name: String,
    tip: Option<String>,
    opened: Option<PathBuf>,
    settings_path: Option<PathBuf>,
    wants_screenshot: bool,
    wants_to_close: bool,
    title: Option<String>,
    next_token_at: Option<Instant>,
    theme: Option<Theme>,
    projections: Projections,
}

impl Interface {
    /// Begins with what `launch` says, and what was remembered. `wake` asks for a frame from any thread.
    pub fn new(
        context: &egui::Context,
        gpu: Arc<Gpu>,
        renderer: Option<Arc<RwLock<egui_wgpu::Renderer>>>,
        launch: &Launch,
        wake: impl Fn() + Clone + Send + 'static,
    ) -> Self {
        appearance::install_fonts(context);
        let settings_path = settings::path().filter(|_| launch.is_remembered);
        let settings = settings_path.as_deref().map(Settings::load).unwrap_or_default();
        let mut state = State::default();
        if settings.light {
            state.options.theme = Theme::Light;
        }
        state.options.statistic = FIRST_STATISTIC.to_owned();
        // The tabs say what the titles in the drawings would.
        state.options.title = false;
        state.options.text_scroll = Some(0.0);
        let mut toasts = Toasts::default();
        let engine =
            Engine::new(Some(Arc::clone(&gpu)), launch.compute, DEFAULT_BUDGET_BYTES).unwrap_or_else(|error| {
                toasts.fail(format!("computing on the processor: {error}"));
                Engine::cpu()
            });
        let mut analyst = Analyst::new(engine);
        let projections = Projections::new(wake.clone());
        let mut interface = Self {
            layout: settings.layout.unwrap_or_else(panels::default_layout),
            adapter_name: gpu.info.name.clone(),
            easel: Easel::new(gpu, renderer),
            canvases: Default::default(),
            loader: Worker::start(|path: PathBuf, _| Some(OpenTrace::open(&path)), wake.clone()),
            lister: Worker::start(
                |paths: Vec<PathBuf>, outdated| {
                    let is_wanted = |_: &&PathBuf| !outdated.load(std::sync::atomic::Ordering::Relaxed);
                    Some(paths.iter().take_while(is_wanted).map(|path| summary_of(path)).collect())
                },
                wake.clone(),
            ),
            analyst: Worker::start(
                move |(trace, question): (Arc<OpenTrace>, Question), outdated| {
                    let answer = analyst.answer(&trace, &question, outdated);
                    let is_wanted = answer.is_ok() || !outdated.load(std::sync::atomic::Ordering::Relaxed);
                    is_wanted.then_some((question, answer))
                },
                wake,
            ),
            asked: None,
            asked_at: Instant::now(),
            answered: None,
            notes: mpsc::channel(),
            dialog: None,
            toasts,
            tip: None,
            opened: None,
            settings_path,
            wants_screenshot: false,
            wants_to_close: false,
            title: None,
            next_token_at: None,
            theme: None,
            projections,
            state,
        };
        let remembered = settings.last.filter(|path| path.exists());
        match launch.path.clone().or(remembered).or_else(demo_folder) {
            Some(path) => interface.carry_out(Effect::Open(path)),
            None => interface.state.failure = None,
        }
        interface
    }

    /// One frame: answers in, panels, commands out.
    pub fn show(&mut self, ui: &mut egui::Ui) {
        self.take_answers();
        if let Some(wait) = self.projections.take_answers(&mut self.state, Instant::now()) {
            ui.ctx().request_repaint_after(wait);
        }
        match self.time_for_numbers() {
            Some(wait) => ui.ctx().request_repaint_after(wait),
            None => self.state.shown_version = self.state.version,
        }
        if self.theme != Some(self.state.options.theme) {
            self.theme = Some(self.state.options.theme);
            appearance::apply(ui.ctx(), self.state.options.theme);
        }
        let mut commands = Vec::new();
        panels::show_palette(ui.ctx(), &self.state, &mut commands);
        commands.extend(keys::pressed(ui.ctx()));
        commands.extend(dropped_files(ui.ctx()));
        commands.extend(self.play(ui.ctx()));

        egui::Panel::top("bar").show(ui, |ui| panels::show_top_bar(ui, &self.state, &mut commands));
        egui::Panel::bottom("status").show(ui, |ui| {
            panels::show_status(ui, &self.state, &self.adapter_name, self.tip.as_deref());
        });
        self.tip = None;
        let background = egui::Frame::NONE.fill(ui.visuals().panel_fill);
        egui::CentralPanel::default().frame(background).show(ui, |ui| {
            let mut behavior = Behavior {
                state: &self.state,
                easel: &mut self.easel,
                canvases: &mut self.canvases,
                commands: &mut commands,
                tip: &mut self.tip,
                hovers: false,
                shown: Vec::new(),
            };
            self.layout.ui(&mut behavior, ui);
            let (hovers, shown) = (behavior.hovers, behavior.shown);
            if shown != self.state.shown_views {
                commands.push(Command::ShowViews(shown));
            }
            if !hovers && self.state.hover.is_some() {
                commands.push(Command::Preview(None));
            }
        });
        if self.state.shows_help {
            panels::show_help(ui.ctx(), &mut commands);
        }
        self.toasts.show(ui.ctx());

        let is_changed = !commands.is_empty();
        for command in commands {
            self.apply(command);
        }
        self.ask();
        if is_changed {
            // The numbers wake the window sooner.
            ui.ctx().request_repaint_after(self.time_for_numbers().unwrap_or_default());
        }
    }

    /// Carries out a command.
    pub fn apply(&mut self, command: Command) {
        if let Some(effect) = self.state.apply(command) {
            self.carry_out(effect);
        }
    }

    /// How long a frame may still be put off: the numbers for the last change are on their way, and the views would only
    /// have to be drawn again with them. `None` if they are there, or late.
    fn time_for_numbers(&self) -> Option<Duration> {
        let waited = self.asked_at.elapsed();
        let is_expected = self.state.evidence.is_some() && !self.is_settled();
        NUMBERS_EXPECTED_WITHIN.checked_sub(waited).filter(|wait| is_expected && !wait.is_zero())
    }

    /// Takes what the workers have answered; how long the frame that shows it may be put off.
    pub fn wake(&mut self) -> Option<Duration> {
        self.take_answers();
        self.projections.take_answers(&mut self.state, Instant::now());
        self.time_for_numbers()
    }

    /// Whether nothing is awaited any more: what is shown is what was asked for last.
    pub fn is_settled(&self) -> bool {
        self.state.failure.is_some()
            || (self.answered.is_some()
                && self.answered == self.asked
                && !self.is_new_question()
                && self.projections.is_settled())
    }

    /// Remembers layout, theme and what was open.
    pub fn save_settings(&mut self) {
        let Some(path) = &self.settings_path else { return };
        let settings = Settings {
            last: self.opened.clone(),
            light: self.state.options.theme == Theme::Light,
            layout: Some(self.layout.clone()),
        };
        if let Err(error) = settings.save(path) {
            eprintln!("vlscope: cannot remember the layout: {error}: {}", path.display());
        }
    }

    /// Whether the user asked to close the window.
    pub fn wants_to_close(&self) -> bool {
        self.wants_to_close
    }

    /// Whether this frame is to be saved; asks once.
    pub fn take_screenshot_request(&mut self) -> bool {
        std::mem::take(&mut self.wants_screenshot)
    }

    /// The window's title, if it has changed.
    pub fn take_title(&mut self) -> Option<String> {
        self.title.take()
    }

    /// Tells, from any thread, how saving a screenshot went.
    pub fn screenshot_reporter(&self) -> impl FnOnce(Result<PathBuf>) + Send + 'static {
        let notes = self.notes.0.clone();
        move |result| {
            // Fails only after the window was closed.
            let _ = notes.send(result);
        }
    }

    fn take_answers(&mut self) {
        let loaded: Vec<_> = self.loader.answers().collect();
        for answer in loaded {
            match answer {
                Ok(trace) => {
                    let name = trace.document().id.clone().unwrap_or_else(|| trace.trace.path().display().to_string());
                    self.title = Some(format!("{name} · vlscope"));
                    self.state.set_trace(Arc::new(trace));
                }
                Err(error) => {
                    self.toasts.fail(format!("{error:#}"));
                    self.state.fail(format!("{error:#}"));
                }
            }
        }
        if let Some(summaries) = self.lister.answers().last() {
            self.state.set_summaries(summaries);
        }
        let answers: Vec<_> = self.analyst.answers().collect();
        for (question, answer) in answers {
            match answer {
                Ok(evidence) if self.asked.as_ref().is_some_and(|(_, asked)| *asked == question) => {
                    self.answered = self.asked.clone();
                    self.state.set_evidence(Arc::new(evidence));
                }
                Ok(_) => {}
                Err(error) => self.toasts.fail(format!("{error:#}")),
            }
        }
        while let Ok(note) = self.notes.1.try_recv() {
            match note {
                Ok(path) => self.toasts.tell(format!("Screenshot saved: {}", path.display())),
                Err(error) => self.toasts.fail(format!("{error:#}")),
            }
        }
        if let Some(chosen) = self.dialog.as_ref().and_then(|dialog| dialog.try_recv().ok()) {
            self.dialog = None;
            if let Some(path) = chosen {
                self.carry_out(Effect::Open(path));
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Open(path) => self.open(path),
            Effect::Load(path) => self.loader.ask(path),
            Effect::ChooseFile => self.choose_file(),
            Effect::Screenshot => self.wants_screenshot = true,
            Effect::ResetLayout => self.layout = panels::default_layout(),
            Effect::FocusView(view) => {
                self.layout
                    .make_active(|_, tile| matches!(tile, egui_tiles::Tile::Pane(panel) if panel.view() == Some(view)));
            }
            Effect::Quit => self.wants_to_close = true,
        }
    }

    fn open(&mut self, path: PathBuf) {
        let found = traces_in(&path).with_context(|| format!("cannot open {}", path.display()));
        match found {
            Ok(traces) if traces.is_empty() => {
                self.toasts.fail(format!("no trace (*.safetensors) in the folder {}", path.display()));
            }
            Ok(traces) => {
                self.lister.ask(traces.clone());
                self.opened = Some(path);
                if let Some(effect) = self.state.set_examples(traces) {
                    self.carry_out(effect);
                }
            }
            Err(error) => self.toasts.fail(format!("{error:#}")),
        }
    }

    /// Shows the system's dialog in a thread of its own: the window goes on meanwhile.
    fn choose_file(&mut self) {
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            let chosen = rfd::FileDialog::new().add_filter("traces", &["safetensors"]).pick_file();
            // Fails only after the window was closed.
            let _ = send.send(chosen);
        });
        self.dialog = Some(receive);
    }

    fn play(&mut self, context: &egui::Context) -> Option<Command> {
        if !self.state.is_playing {
            self.next_token_at = None;
            return None;
        }
        let now = Instant::now();
        let due = *self.next_token_at.get_or_insert(now);
        if now < due {
            context.request_repaint_after(due - now);
            return None;
        }
        self.next_token_at = Some(now + TOKEN_SHOWN_FOR);
        context.request_repaint_after(TOKEN_SHOWN_FOR);
        Some(Command::StepToken(1))
    }

    /// Asks for the evidence of what is shown now, unless that was the last question already.
    pub fn ask(&mut self) {
        let compares = self.state.shown_views.contains(&View::Similarity);
        self.projections.ask(&mut self.state, compares);
        let Some(trace) = &self.state.trace else { return };
        if self.is_new_question() {
            let question = self.state.question();
            self.asked = Some((trace.trace.serial(), question.clone()));
            self.asked_at = Instant::now();
            self.analyst.ask((Arc::clone(trace), question));
        }
    }

    fn is_new_question(&self) -> bool {
        let Some(trace) = &self.state.trace else { return false };
        let question = self.state.question();
        self.asked
            .as_ref()
            .is_none_or(|(trace_asked, asked)| *trace_asked != trace.trace.serial() || *asked != question)
    }
}

/// The demo that comes with the source, beside the binary or in the current folder.
fn demo_folder() -> Option<PathBuf> {
    let beside_source = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo");
    [PathBuf::from("assets/demo"), beside_source].into_iter().find(|folder| folder.is_dir())
}

fn summary_of(path: &Path) -> Summary {
    Trace::open(path).map(|trace| Summary::of(trace.document())).unwrap_or_default()
}

fn dropped_files(context: &egui::Context) -> Vec<Command> {
    context.input(|input| input.raw.dropped_files.iter().map(|file| Command::Open(file.path().to_owned())).collect())
}

/// Shows the panels inside the layout.
struct Behavior<'a> {
    state: &'a State,
    easel: &'a mut Easel,
    canvases: &'a mut [Canvas; View::all().len()],
    commands: &'a mut Vec<Command>,
    tip: &'a mut Option<String>,
    hovers: bool,
    shown: Vec<View>,
}

impl egui_tiles::Behavior<Panel> for Behavior<'_> {
    fn pane_ui(&mut self, ui: &mut egui::Ui, _: egui_tiles::TileId, panel: &mut Panel) -> UiResponse {
        match panel.view() {
            None => panels::show_examples(ui, self.state, self.commands),
            Some(view) => {
                self.shown.push(view);
                panels::show_head_controls(ui, view, self.state, self.commands);
                let canvas = &mut self.canvases[view as usize];
                if let Some(tip) = panels::show_view(ui, view, self.state, canvas, self.easel, self.commands) {
                    self.hovers = true;
                    *self.tip = Some(tip);
                }
            }
        }
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, panel: &Panel) -> egui::WidgetText {
        panel.title().into()
    }

    fn top_bar_right_ui(
        &mut self,
        tiles: &egui_tiles::Tiles<Panel>,
        ui: &mut egui::Ui,
        _: egui_tiles::TileId,
        tabs: &egui_tiles::Tabs,
        _: &mut f32,
    ) {
        let active = tabs.active.and_then(|tile| tiles.get_pane(&tile)).and_then(|panel| panel.view());
        if let Some(view) = active {
            panels::show_view_options(ui, view, self.state, self.commands);
        }
    }

    fn simplification_options(&self) -> egui_tiles::SimplificationOptions {
        // The tab names the panel and is the handle by which it is moved.
        egui_tiles::SimplificationOptions { all_panes_must_have_tabs: true, ..Default::default() }
    }

    fn gap_width(&self, _: &egui::Style) -> f32 {
        2.0
    }

    fn tab_bar_height(&self, _: &egui::Style) -> f32 {
        28.0
    }
}
