//! The window's content, apart from the window: the same in a native window, offscreen, and in a test.

mod answers;
mod effects;
mod figures;
mod notes;
mod recent;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::Result;
use egui::mutex::RwLock;

use crate::analysis::{Compute, Engine};
use crate::app::launch::Launch;
use crate::app::model::arrangement::Preset;
use crate::app::model::choices::UiScale;
use crate::app::model::command::Command;
use crate::app::model::effect::Effect;
use crate::app::model::messages::Messages;
use crate::app::model::panel::Panel;
use crate::app::model::state::State;
use crate::app::panels::{self, Layout};
use crate::app::shell::behavior::{Behavior, Canvases, Seen};
use crate::app::shell::failures::Failures;
use crate::app::shell::settings::{self, Settings};
use crate::app::ui::canvas::Easel;
use crate::app::ui::focus::Focus;
use crate::app::ui::keys::TypedAhead;
use crate::app::ui::{appearance, keys, toasts};
use crate::app::work::desk::Desk;
use crate::app::work::dialog::ChooseFile;
use crate::app::work::exporter::Done;
use crate::app::work::latest::Latest;
use crate::app::work::queries::Queries;
use crate::app::work::screenshot;
use crate::app::work::textures::Textures;
use crate::app::work::token_desk::TokenDesk;
use crate::export::ViewState;
use crate::gpu::{Gpu, GpuError};
use crate::query::OpenTrace;
use crate::render::Color;
use crate::view::{Theme, View};

/// The statistic that the heads view begins with: how much the text looks at the image.
const FIRST_STATISTIC: &str = "mass.text.image";

/// State, panels and workers.
pub struct Interface {
    /// What is shown.
    pub state: State,
    layout: Layout,
    /// Arrangements that the user has kept.
    own_layouts: BTreeMap<String, Layout>,
    is_welcomed: bool,
    easel: Easel,
    canvases: Canvases,
    /// In the last frame.
    seen: Seen,
    loader: Latest<PathBuf, OpenTrace>,
    pub(in crate::app) desk: Desk,
    textures: Textures,
    queries: Queries,
    /// Reads the trace that the shown one is compared with.
    partner: Latest<PathBuf, OpenTrace>,
    notes: (Sender<Result<Done>>, Receiver<Result<Done>>),
    dialog: Option<ChooseFile>,
    messages: Messages,
    adapter_name: String,
    tip: Option<String>,
    settings_path: Option<PathBuf>,
    wants_screenshot: bool,
    is_outdated: bool,
    wants_to_close: bool,
    title: Option<String>,
    next_frame_at: Option<Instant>,
    theme: Option<Theme>,
    gpu: Arc<Gpu>,
    compute: Compute,
    budget_bytes: u64,
    folder: PathBuf,
    /// Asks for a frame, copies to the clipboard.
    context: egui::Context,
    /// A view state that waits for its trace.
    awaited_state: Option<ViewState>,
    /// Whose notes were read.
    noted_of: Option<PathBuf>,
    token_desk: TokenDesk,
    focus: Focus,
    typed_ahead: TypedAhead,
    failures: Failures,
    /// What was told already.
    faults: Vec<String>,
}

impl Interface {
    /// Begins with what `launch` says, and what was remembered. `wake` asks for a frame from any thread.
    pub fn new(
        context: &egui::Context,
        gpu: Arc<Gpu>,
        renderer: Option<Arc<RwLock<egui_wgpu::Renderer>>>,
        launch: &Launch,
        wake: impl Fn() + Clone + Send + Sync + 'static,
    ) -> Self {
        appearance::install_fonts(context);
        let settings_path = settings::path().filter(|_| launch.is_remembered);
        let settings = settings_path.as_deref().map(Settings::load).unwrap_or_default();
        let mut state = State::default();
        if settings.light {
            state.options.theme = Theme::Light;
        }
        state.ui_scale = settings.ui_scale.map(UiScale).unwrap_or_default();
        state.options.font_scale = settings.font_scale.unwrap_or(1.0);
        state.previews_tokens = settings.previews_tokens;
        state.options.statistic = FIRST_STATISTIC.to_owned();
        // The tabs say what the titles in the drawings would.
        state.options.title = false;
        state.options.text_scroll = Some(0.0);
        let mut messages = Messages::default();
        let budget_bytes = launch.gpu_memory_bytes.unwrap_or_else(|| gpu.page_budget());
        let engine = Engine::new(Some(Arc::clone(&gpu)), launch.compute, budget_bytes).unwrap_or_else(|error| {
            messages.fail(format!("computing on the processor: {error}"));
            Engine::cpu()
        });
        let token_desk = TokenDesk::new(wake.clone());
        let mut interface = Self {
            layout: settings.layout.map_or_else(|| panels::layout_for(Preset::Usual), panels::completed),
            own_layouts: settings.layouts,
            is_welcomed: settings.is_welcomed,
            adapter_name: gpu.info.name.clone(),
            easel: Easel::new(Arc::clone(&gpu), renderer),
            canvases: Canvases::default(),
            seen: Seen::default(),
            loader: opener(wake.clone()),
            desk: Desk::new(launch.path.clone().zip(launch.index_dir.clone()), wake.clone()),
            textures: Textures::new(wake.clone()),
            partner: opener(wake.clone()),
            queries: Queries::new(engine, wake),
            notes: mpsc::channel(),
            dialog: None,
            messages,
            tip: None,
            settings_path,
            wants_screenshot: false,
            is_outdated: false,
            wants_to_close: false,
            title: None,
            next_frame_at: None,
            theme: None,
            gpu,
            compute: launch.compute,
            budget_bytes,
            folder: launch.screenshot_dir.clone().unwrap_or_else(screenshot::default_folder),
            context: context.clone(),
            awaited_state: None,
            noted_of: None,
            token_desk,
            focus: Focus::default(),
            typed_ahead: TypedAhead::default(),
            failures: Failures::default(),
            faults: Vec::new(),
            state,
        };
        let remembered = settings.last.filter(|path| path.exists());
        let asked = launch.path.clone();
        let is_first = asked.is_none() && launch.state.is_none() && remembered.is_none();
        interface.state.welcome.is_shown = is_first && launch.is_remembered && !settings.is_welcomed;
        interface.state.welcome.demo = demo_folder();
        interface.state.arranged.own = interface.own_layouts.keys().cloned().collect();
        interface.set_recent(settings.recent);
        let path_of_state = launch.state.as_deref().and_then(|path| match ViewState::load(path) {
            Ok(state) => interface.await_state(state),
            Err(error) => {
                interface.messages.fail(format!("{error:#}"));
                None
            }
        });
        match asked.or(path_of_state).or(remembered).or_else(demo_folder) {
            Some(path) => interface.carry_out(Effect::Open(path)),
            None => interface.state.failure = None,
        }
        interface
    }

    /// The device that takes the place of the one drawn on, which was lost; `None` while that is sound.
    ///
    /// # Errors
    /// If the adapter gives no device any more.
    pub fn next_device(&self) -> Result<Option<Arc<Gpu>>, GpuError> {
        // A device that nobody gives work is lost without a word, unless it is asked.
        let _ = self.gpu.device.poll(wgpu::PollType::Poll);
        if self.gpu.is_lost() { self.gpu.current().map(Some) } else { Ok(None) }
    }

    /// Draws on another device from now on: pictures are drawn anew, and numbers that lay on the lost one asked for anew.
    pub fn draw_on(&mut self, gpu: &Arc<Gpu>, renderer: Arc<RwLock<egui_wgpu::Renderer>>) {
        self.gpu = Arc::clone(gpu);
        self.easel = Easel::new(Arc::clone(gpu), Some(renderer));
        self.canvases = Canvases::default();
        self.textures.forget();
        self.queries.forget();
        self.ask();
    }

    /// One frame: answers in, panels, commands out. What panics is told, and ends no more than it must.
    pub fn show(&mut self, ui: &mut egui::Ui) {
        // A panic within the layout would take the panels along that were being shown.
        let layout = self.layout.clone();
        if !self.guarded(|interface| interface.show_frame(ui)) {
            self.layout = layout;
        }
        for fault in self.failures.take_untold() {
            self.tell_of_fault(fault);
        }
    }

    fn show_frame(&mut self, ui: &mut egui::Ui) {
        self.context = ui.ctx().clone();
        if let Some(wait) = self.take_answers() {
            ui.ctx().request_repaint_after(wait);
        }
        if let Some(wait) = self.time_for_numbers() {
            ui.ctx().request_repaint_after(wait);
        }
        // The size of everything is a command's, so that it is remembered.
        ui.ctx().options_mut(|options| options.zoom_with_keyboard = false);
        if self.theme != Some(self.state.options.theme) {
            self.theme = Some(self.state.options.theme);
            appearance::apply(ui.ctx(), self.state.options.theme);
        }
        ui.ctx().set_zoom_factor(self.state.ui_scale.0);
        self.focus.begin(ui.ctx());
        let scrolled = if self.state.shows_help { panels::take_scrolling_of_help(ui.ctx()) } else { 0.0 };
        let on_top = self.state.palette.is_some()
            || self.state.shows_help
            || self.state.notes.draft.is_some()
            || self.state.welcome.is_shown;
        let mut commands = keys::pressed(ui.ctx(), &mut self.typed_ahead, on_top);
        panels::show_palette(ui.ctx(), &self.state, &mut commands);
        panels::show_note_draft(ui.ctx(), &self.state, &mut commands);
        commands.extend(dropped_files(ui.ctx()));
        commands.extend(self.play(ui.ctx()));

        egui::Panel::top("bar").show(ui, |ui| panels::show_top_bar(ui, &self.state, &mut commands));
        egui::Panel::bottom("status").show(ui, |ui| {
            panels::show_status(ui, &self.state, &self.adapter_name, self.tip.as_deref(), &mut commands);
        });
        if panels::has_pin_tray(ui.ctx(), &self.state) {
            egui::Panel::bottom("pins").show(ui, |ui| panels::show_pin_tray(ui, &self.state, &mut commands));
        }
        let tip = self.tip.take();
        // What lies under the panels is cleared to their colour.
        egui::CentralPanel::default().frame(egui::Frame::NONE).show(ui, |ui| {
            let mut behavior = Behavior {
                failures: &mut self.failures,
                state: &self.state,
                easel: &mut self.easel,
                textures: &mut self.textures,
                canvases: &mut self.canvases,
                commands: &mut commands,
                tip: &mut self.tip,
                seen: Seen::default(),
                focus: &mut self.focus,
            };
            match self.state.arranged.maximised {
                Some(panel) => panels::maximised(&self.layout, panel).ui(&mut behavior, ui),
                None => self.layout.ui(&mut behavior, ui),
            }
            self.seen = behavior.seen;
            let Seen { panels, focused, hovers, .. } = &self.seen;
            self.state.arranged.pointed = self.seen.under_pointer;
            if *focused != self.state.focused_panel {
                commands.push(Command::NotePanel(*focused));
            }
            self.state.browsing.atlas.is_shown = panels.contains(&Panel::Atlas);
            let shown: Vec<View> = panels.iter().filter_map(|panel| panel.view()).collect();
            if shown != self.state.shown_views {
                commands.push(Command::ShowViews(shown));
            }
            if !hovers && self.state.hover.is_some() {
                commands.push(Command::Preview(None));
            }
        });
        if self.tip != tip {
            // The line at the bottom was laid out before the panels: it says what they do in the next frame.
            ui.ctx().request_repaint();
        }
        if self.state.shows_help {
            panels::show_help(ui.ctx(), &self.state, scrolled, &mut commands);
        }
        if self.state.welcome.is_shown {
            panels::show_welcome(ui.ctx(), &self.state, &mut commands);
        }
        if self.state.figure.is_shown {
            panels::show_figure(ui.ctx(), &self.state, &mut commands);
        }
        toasts::show(ui.ctx(), &mut self.messages, &mut commands);
        panels::show_drop_hint(ui.ctx());
        self.focus.end(ui.ctx());

        self.is_outdated = !commands.is_empty();
        for command in commands {
            self.apply(command);
        }
        self.ask();
        if self.is_outdated {
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

    /// Whether commands have changed something since the last frame was laid out.
    pub fn is_outdated(&self) -> bool {
        self.is_outdated
    }

    /// Whether small pictures on screen are still being decoded.
    pub fn awaits_pictures(&self) -> bool {
        self.textures.is_waiting()
    }

    /// From now on in this file.
    #[cfg(test)]
    pub fn remember_in(&mut self, path: PathBuf) {
        self.settings_path = Some(path);
    }

    /// Remembers layout, theme and what was open.
    pub fn save_settings(&mut self) {
        let Some(path) = &self.settings_path else { return };
        let settings = Settings {
            // JSON has no words for other names.
            last: self.desk.opened().filter(|path| path.to_str().is_some()).map(Path::to_owned),
            light: self.state.options.theme == Theme::Light,
            previews_tokens: self.state.previews_tokens,
            layout: Some(self.layout.clone()),
            layouts: self.own_layouts.clone(),
            recent: self.state.recent.iter().map(|recent| recent.path.clone()).collect(),
            is_welcomed: self.is_welcomed,
            ui_scale: Some(self.state.ui_scale.0).filter(|scale| *scale != 1.0),
            font_scale: Some(self.state.options.font_scale).filter(|scale| *scale != 1.0),
        };
        if let Err(error) = settings.save(path) {
            eprintln!("vlscope: cannot remember the layout: {error}: {}", path.display());
        }
    }

    /// What a frame begins with, before anything is painted on it.
    pub fn background(&self) -> Color {
        self.state.options.theme.palette().background
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
            let _ = notes.send(result.map(Done::Saved));
        }
    }

    fn play(&mut self, context: &egui::Context) -> Option<Command> {
        if !self.state.is_playing {
            self.next_frame_at = None;
            return None;
        }
        let now = Instant::now();
        let due = *self.next_frame_at.get_or_insert(now);
        if now < due {
            context.request_repaint_after(due - now);
            return None;
        }
        let shown_for = Duration::from_secs_f32(1.0 / self.state.playing.frames_per_second.clamp(0.1, 50.0));
        self.next_frame_at = Some(now + shown_for);
        context.request_repaint_after(shown_for);
        Some(Command::StepPlay)
    }
}

/// Opens traces.
fn opener(wake: impl Fn() + Send + Sync + 'static) -> Latest<PathBuf, OpenTrace> {
    Latest::start(wake, || (), |(), path: &PathBuf, _| OpenTrace::open(path))
}

/// The demo that comes with the source, beside the binary or in the current folder.
fn demo_folder() -> Option<PathBuf> {
    let beside_source = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/scenes");
    [PathBuf::from("assets/scenes"), beside_source].into_iter().find(|folder| folder.is_dir())
}

fn dropped_files(context: &egui::Context) -> Vec<Command> {
    let command = |path: &Path| match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("json") => Command::LoadState(path.to_owned()),
        _ => Command::Open(path.to_owned()),
    };
    context.input(|input| input.raw.dropped_files.iter().map(|file| command(file.path())).collect())
}
