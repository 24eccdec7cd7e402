//! All keys of the window, in one table: the window reads it, and the list of keys shows it.

use egui::{Event, Key, Modifiers};

use crate::app::model::arrangement::PanelCommand;
use crate::app::model::browsing::DatasetCommand;
use crate::app::model::command::Command;
use crate::app::model::notes::{About, NotesCommand};
use crate::app::model::pins::PinCommand;
use crate::view::View;

/// What a key or a gesture is for: the groups of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Which part of the trace is shown.
    Choose,
    /// Which heads do something.
    Ask,
    /// How much of a view is in sight.
    Zoom,
    /// Where the panels and the keyboard are.
    Panels,
    /// Other examples and traces.
    Examples,
    /// Figures, states, commands.
    Keep,
    /// The window itself.
    Window,
}

impl Task {
    /// In the order of the list.
    pub const ALL: [Self; 7] =
        [Self::Choose, Self::Ask, Self::Zoom, Self::Panels, Self::Examples, Self::Keep, Self::Window];

    /// Above its keys.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Choose => "Choose layer, head and tokens",
            Self::Ask => "Compare heads",
            Self::Zoom => "Zoom and pan",
            Self::Panels => "Go from panel to panel",
            Self::Examples => "Open and compare examples",
            Self::Keep => "Find, undo, save",
            Self::Window => "The window",
        }
    }
}

/// A key, and what it does.
pub struct Shortcut {
    modifiers: Modifiers,
    key: Key,
    /// What it is for.
    pub task: Task,
    /// As it is shown in the list.
    pub shown: &'static str,
    /// What it does; empty for a key that the list need not show.
    pub does: &'static str,
    /// What is carried out.
    pub command: Command,
}

/// What can be done by keys: one for each command, with all of its keys.
pub struct Action {
    /// What it is for.
    pub task: Task,
    /// Its keys as they are shown.
    pub keys: String,
    /// What it does.
    pub does: &'static str,
    /// What is carried out.
    pub command: Command,
}

/// In the order of the list.
pub fn actions() -> Vec<Action> {
    let mut actions: Vec<Action> = Vec::new();
    for Shortcut { task, shown, does, command, .. } in
        shortcuts().into_iter().filter(|shortcut| !shortcut.does.is_empty())
    {
        match actions.iter_mut().find(|action| action.command == command) {
            Some(action) => action.keys = format!("{}, {shown}", action.keys),
            None => actions.push(Action { task, keys: shown.to_owned(), does, command }),
        }
    }
    actions
}

/// Keys in the order of the list.
pub fn shortcuts() -> Vec<Shortcut> {
    use Task::{Ask, Choose, Examples, Keep, Panels, Window, Zoom};
    let shortcut = |task, modifiers, key, shown, does, command| Shortcut { modifiers, key, task, shown, does, command };
    let head = |layers, heads| Command::MoveHead { layers, heads };
    let none = Modifiers::NONE; // Shift is free: which keys need it depends on the keyboard.
    let (shift, ctrl) = (Modifiers::SHIFT, Modifiers::COMMAND);
    let both = ctrl.plus(shift);
    let maximise = Command::Panels(PanelCommand::ToggleMaximised(None));
    let filter = Command::Dataset(DatasetCommand::FocusFilter);
    [
        shortcut(Choose, none, Key::ArrowLeft, "←", "head to the left", head(0, -1)),
        shortcut(Choose, none, Key::ArrowRight, "→", "head to the right", head(0, 1)),
        shortcut(Choose, none, Key::ArrowUp, "↑", "layer before", head(-1, 0)),
        shortcut(Choose, none, Key::OpenBracket, "[", "layer before", head(-1, 0)),
        shortcut(Choose, none, Key::ArrowDown, "↓", "layer after", head(1, 0)),
        shortcut(Choose, none, Key::CloseBracket, "]", "layer after", head(1, 0)),
        shortcut(Choose, none, Key::Comma, ",", "token before", Command::StepToken(-1)),
        shortcut(Choose, none, Key::Period, ".", "token after", Command::StepToken(1)),
        shortcut(Choose, shift, Key::Comma, "Shift+,", "add the token before", Command::ExtendTokens(-1)),
        shortcut(Choose, shift, Key::Period, "Shift+.", "add the token after", Command::ExtendTokens(1)),
        shortcut(Choose, none, Key::J, "J", "output token before", Command::StepOutput(-1)),
        shortcut(Choose, none, Key::K, "K", "output token after", Command::StepOutput(1)),
        shortcut(Choose, none, Key::Space, "Space", "play, or stop", Command::TogglePlay),
        shortcut(Choose, none, Key::D, "D", "attends to, or attended by", Command::ToggleDirection),
        shortcut(Choose, none, Key::Escape, "Esc", "close what lies on top; select no token", Command::Escape),
        shortcut(Ask, none, Key::S, "S", "statistic after", Command::StepStatistic(1)),
        shortcut(Ask, shift, Key::S, "Shift+S", "statistic before", Command::StepStatistic(-1)),
        shortcut(
            Ask,
            shift,
            Key::P,
            "Shift+P",
            "pin the selected head alone, or take the pin away",
            Command::Pin(PinCommand::SelectedHeads),
        ),
        shortcut(
            Ask,
            none,
            Key::P,
            "P",
            "pin what is selected, or take the pin away",
            Command::Pin(PinCommand::Selection),
        ),
        shortcut(Zoom, none, Key::Plus, "+", "zoom in, in the view with the focus", Command::Zoom(1)),
        shortcut(Zoom, none, Key::Equals, "=", "", Command::Zoom(1)),
        shortcut(Zoom, none, Key::Minus, "−", "zoom out", Command::Zoom(-1)),
        shortcut(Zoom, none, Key::Num0, "0", "zoom out to all of it", Command::ShowAll),
        shortcut(Zoom, shift, Key::ArrowLeft, "Shift+←", "pan to the left", Command::Pan([-1.0, 0.0])),
        shortcut(Zoom, shift, Key::ArrowRight, "Shift+→", "pan to the right", Command::Pan([1.0, 0.0])),
        shortcut(Zoom, shift, Key::ArrowUp, "Shift+↑", "pan up", Command::Pan([0.0, -1.0])),
        shortcut(Zoom, shift, Key::ArrowDown, "Shift+↓", "pan down", Command::Pan([0.0, 1.0])),
        shortcut(Panels, none, Key::M, "M", "this panel alone, or all panels again", maximise),
        shortcut(Panels, none, Key::F6, "F6", "panel after", Command::StepPanel(1)),
        shortcut(Panels, shift, Key::F6, "Shift+F6", "panel before", Command::StepPanel(-1)),
        shortcut(Examples, none, Key::OpenCurlyBracket, "{", "example before", Command::StepExample(-1)),
        shortcut(Examples, none, Key::PageUp, "Page ↑", "example before", Command::StepExample(-1)),
        shortcut(Examples, none, Key::CloseCurlyBracket, "}", "example after", Command::StepExample(1)),
        shortcut(Examples, none, Key::PageDown, "Page ↓", "example after", Command::StepExample(1)),
        shortcut(Examples, ctrl, Key::F, "Ctrl+F", "filter the examples", filter),
        shortcut(Examples, none, Key::B, "B", "compare with this example", Command::CompareWith(None)),
        shortcut(Examples, ctrl, Key::O, "Ctrl+O", "open a trace", Command::ChooseFile),
        shortcut(Examples, ctrl, Key::R, "Ctrl+R", "read the example anew", Command::Reload),
        shortcut(Keep, ctrl, Key::K, "Ctrl+K", "find a command", Command::TogglePalette),
        shortcut(Keep, ctrl, Key::Z, "Ctrl+Z", "undo: the selection before", Command::Undo),
        shortcut(Keep, both, Key::Z, "Ctrl+Shift+Z", "redo", Command::Redo),
        shortcut(Keep, ctrl, Key::S, "Ctrl+S", "save what is shown as a view state", Command::SaveState),
        shortcut(Keep, both, Key::O, "Ctrl+Shift+O", "load a view state", Command::ChooseState),
        shortcut(
            Keep,
            shift,
            Key::N,
            "Shift+N",
            "label the selected head",
            Command::Notes(NotesCommand::Begin(About::Head)),
        ),
        shortcut(
            Keep,
            none,
            Key::N,
            "N",
            "bookmark what is shown with a note",
            Command::Notes(NotesCommand::Begin(About::View)),
        ),
        shortcut(Keep, none, Key::C, "C", "copy the command that draws the window", Command::CopyCommand(None)),
        shortcut(Keep, none, Key::F12, "F12", "save a screenshot", Command::Screenshot),
        shortcut(Window, none, Key::Questionmark, "?", "help", Command::ToggleHelp),
        shortcut(Window, none, Key::F1, "F1", "help", Command::ToggleHelp),
        shortcut(Window, none, Key::T, "T", "light / dark theme", Command::ToggleTheme),
        shortcut(Window, ctrl, Key::Plus, "Ctrl+Plus", "larger", Command::StepUiScale(1)),
        shortcut(Window, ctrl, Key::Equals, "Ctrl+=", "larger", Command::StepUiScale(1)),
        shortcut(Window, ctrl, Key::Minus, "Ctrl+−", "smaller", Command::StepUiScale(-1)),
        shortcut(Window, ctrl, Key::Num0, "Ctrl+0", "size of everything 100 %", Command::SetUiScale(1.0)),
        shortcut(Window, ctrl, Key::Q, "Ctrl+Q", "close the window", Command::Quit),
    ]
    .into_iter()
    .chain(
        VIEW_KEYS
            .into_iter()
            .zip(View::all())
            .map(|((key, shown), view)| shortcut(Panels, none, key, shown, "", Command::FocusView(view))),
    )
    .collect()
}

/// What the pointer does, and what is done by several keys.
pub const GESTURES: [(Task, &str, &str); 18] = [
    (Task::Choose, "hover", "show what a click would select"),
    (Task::Choose, "Alt + hover", "preview a token as if it were selected"),
    (Task::Choose, "click", "select a head, a token or a patch"),
    (Task::Choose, "Ctrl + click", "add a token to the selection, or take it out"),
    (Task::Choose, "double click", "select a whole word, in the text"),
    (Task::Choose, "drag on the picture", "select patches; Ctrl + drag: more of them"),
    (Task::Ask, "right drag", "picture, text: which heads look there"),
    (Task::Ask, "drag on the colour bar", "dim other values; a click shows all"),
    (Task::Ask, "double click on a tile", "show its matrix, or its picture"),
    (Task::Zoom, "wheel", "zoom picture, matrix, points; scroll text"),
    (Task::Zoom, "drag", "pan what is zoomed; Shift + drag selects"),
    (Task::Zoom, "double click", "show all of them again"),
    (Task::Panels, "1 – 9", "bring a view to the front"),
    (Task::Panels, "Tab", "go from view to button to view"),
    (Task::Panels, "drag a tab", "move its panel"),
    (Task::Panels, "double click on a tab", "its panel alone, or all panels again"),
    (Task::Examples, "drop a file", "open a trace, a folder or a view state"),
    (Task::Examples, "right click", "on an example: compare with it"),
];

/// Each brings the panel of a view to the front.
pub const VIEW_KEYS: [(Key, &str); 9] = [
    (Key::Num1, "1"),
    (Key::Num2, "2"),
    (Key::Num3, "3"),
    (Key::Num4, "4"),
    (Key::Num5, "5"),
    (Key::Num6, "6"),
    (Key::Num7, "7"),
    (Key::Num8, "8"),
    (Key::Num9, "9"),
];

/// Keys that a focused button, list or slider uses itself.
const KEYS_OF_WIDGETS: [Key; 6] =
    [Key::ArrowLeft, Key::ArrowRight, Key::ArrowUp, Key::ArrowDown, Key::Space, Key::Enter];

/// Keys that write nothing into a text.
const KEYS_WITHOUT_TEXT: [Key; 4] = [Key::Escape, Key::F1, Key::F6, Key::F12];
/// Frames within which a field that a key opens gets the focus.
const PATIENCE: u8 = 8;

/// A view has the keyboard's focus: the arrows move over heads all the same. Told in each frame in which it has it.
pub fn keep_for_views(context: &egui::Context, view: egui::Id) {
    context.data_mut(|data| data.insert_temp(focused_view(), view));
}

fn focused_view() -> egui::Id {
    egui::Id::unique("view with the keyboard's focus")
}

/// What was typed after a key that opens a field, before the field was there: it is no command.
#[derive(Debug, Default)]
pub struct TypedAhead {
    events: Vec<Event>,
    /// What had the focus before, and for how many more frames the field is awaited.
    awaits: Option<(Option<egui::Id>, u8)>,
    /// Whether a text was being typed in the frame before.
    was_typing: bool,
}

impl TypedAhead {
    /// Keeps back what is typed while a field is awaited, and hands it over once the field has the focus.
    fn sort(&mut self, context: &egui::Context) {
        let focused = context.memory(egui::Memory::focused);
        let is_typing = context.text_edit_focused();
        if let Some((before, patience)) = self.awaits {
            let is_there = is_typing && focused != before;
            context.input_mut(|input| {
                let (typed, rest) = std::mem::take(&mut input.events).into_iter().partition(is_typed);
                self.events.extend::<Vec<_>>(typed);
                input.events = rest;
                if is_there || patience == 0 {
                    self.awaits = None;
                    input.events.append(&mut self.events);
                } else {
                    self.awaits = Some((before, patience - 1));
                }
            });
            context.request_repaint();
        } else if let Some(first) = context.input(|input| {
            // A letter that is typed into a text opens nothing.
            input.events.iter().position(|event| opens_field(event) && (has_command(event) || !is_typing))
        }) {
            self.awaits = Some((focused, PATIENCE));
            context.input_mut(|input| {
                let mut after = input.events.split_off(first + 1);
                // The letter that the key itself writes.
                if !input.events.last().is_some_and(has_command) && matches!(after.first(), Some(Event::Text(_))) {
                    after.remove(0);
                }
                let (typed, rest): (Vec<_>, Vec<_>) = after.into_iter().partition(is_typed);
                self.events = typed;
                input.events.extend(rest);
            });
            context.request_repaint();
        }
    }
}

fn is_typed(event: &Event) -> bool {
    matches!(event, Event::Key { .. } | Event::Text(_) | Event::Ime(_) | Event::Paste(_))
}

fn has_command(event: &Event) -> bool {
    matches!(event, Event::Key { modifiers, .. } if modifiers.command)
}

fn opens_field(event: &Event) -> bool {
    let Event::Key { key, modifiers, pressed: true, .. } = event else { return false };
    let is_it = |shortcut: &Shortcut| shortcut.key == *key && modifiers.matches_logically(shortcut.modifiers);
    let field = |command: &Command| {
        matches!(
            command,
            Command::TogglePalette
                | Command::Dataset(DatasetCommand::FocusFilter)
                | Command::Notes(NotesCommand::Begin(_))
        )
    };
    shortcuts().iter().any(|shortcut| field(&shortcut.command) && is_it(shortcut))
}

/// The commands of the keys that were pressed since the last frame. While a text is being typed there are only those with
/// Ctrl and those that write nothing.
///
/// Esc leaves the text that is typed, and does nothing else, unless something lies `on_top` that it closes.
pub fn pressed(context: &egui::Context, ahead: &mut TypedAhead, on_top: bool) -> Vec<Command> {
    ahead.sort(context);
    let is_typing = context.text_edit_focused();
    // egui takes the focus away before anybody sees the key.
    let leaves_text = std::mem::replace(&mut ahead.was_typing, is_typing) && !on_top;
    let focused = context.memory(egui::Memory::focused);
    let on_widget = focused.is_some() && focused != context.data(|data| data.get_temp(focused_view()));
    let in_menu = egui::Popup::is_any_open(context);
    let is_ours = |shortcut: &Shortcut| {
        // It closes the menu, and nothing else.
        let is_of_menu = (in_menu || leaves_text) && shortcut.key == Key::Escape;
        let is_of_widget = on_widget && KEYS_OF_WIDGETS.contains(&shortcut.key);
        let is_text = is_typing && !shortcut.modifiers.command && !KEYS_WITHOUT_TEXT.contains(&shortcut.key);
        !is_of_menu && !is_of_widget && !is_text
    };
    // A further Shift does not matter to a shortcut without: the more it asks for, the earlier it takes its keys.
    let mut all = shortcuts();
    all.sort_by_key(|shortcut| !shortcut.modifiers.shift);
    context.input_mut(|input| {
        all.into_iter()
            .filter(is_ours)
            .flat_map(|shortcut| {
                let times = input.count_and_consume_key(shortcut.modifiers, shortcut.key);
                std::iter::repeat_n(shortcut.command, times)
            })
            .collect()
    })
}
