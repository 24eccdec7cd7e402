//! All keys of the window, in one table: the window reads it, and the list of keys shows it.

use egui::{Event, Key, Modifiers};

use crate::app::model::browsing::DatasetCommand;
use crate::app::model::command::Command;
use crate::app::model::notes::{About, NotesCommand};
use crate::app::model::pins::PinCommand;
use crate::view::View;

/// A key, and what it does.
pub struct Shortcut {
    modifiers: Modifiers,
    key: Key,
    /// As it is shown in the list.
    pub shown: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What is carried out.
    pub command: Command,
}

/// Keys in the order of the list.
pub fn shortcuts() -> Vec<Shortcut> {
    let shortcut = |modifiers, key, shown, does, command| Shortcut { modifiers, key, shown, does, command };
    let head = |layers, heads| Command::MoveHead { layers, heads };
    let redo = Modifiers::COMMAND | Modifiers::SHIFT;
    let none = Modifiers::NONE; // Shift is free: which keys need it depends on the keyboard.
    [
        shortcut(none, Key::ArrowLeft, "←", "head to the left", head(0, -1)),
        shortcut(none, Key::ArrowRight, "→", "head to the right", head(0, 1)),
        shortcut(none, Key::ArrowUp, "↑", "layer above", head(-1, 0)),
        shortcut(none, Key::ArrowDown, "↓", "layer below", head(1, 0)),
        shortcut(none, Key::OpenBracket, "[", "layer before", head(-1, 0)),
        shortcut(none, Key::CloseBracket, "]", "layer after", head(1, 0)),
        shortcut(none, Key::OpenCurlyBracket, "{", "example before", Command::StepExample(-1)),
        shortcut(none, Key::CloseCurlyBracket, "}", "example after", Command::StepExample(1)),
        shortcut(none, Key::PageUp, "Page ↑", "example before", Command::StepExample(-1)),
        shortcut(none, Key::PageDown, "Page ↓", "example after", Command::StepExample(1)),
        shortcut(Modifiers::SHIFT, Key::Comma, "Shift+,", "add the token before", Command::ExtendTokens(-1)),
        shortcut(Modifiers::SHIFT, Key::Period, "Shift+.", "add the token after", Command::ExtendTokens(1)),
        shortcut(none, Key::Comma, ",", "token before", Command::StepToken(-1)),
        shortcut(none, Key::Period, ".", "token after", Command::StepToken(1)),
        shortcut(none, Key::J, "J", "output token before", Command::StepOutput(-1)),
        shortcut(none, Key::K, "K", "output token after", Command::StepOutput(1)),
        shortcut(none, Key::D, "D", "attends to, or attended by", Command::ToggleDirection),
        shortcut(Modifiers::SHIFT, Key::S, "Shift+S", "statistic before", Command::StepStatistic(-1)),
        shortcut(none, Key::S, "S", "statistic after", Command::StepStatistic(1)),
        shortcut(redo, Key::Z, "Ctrl+Shift+Z", "redo", Command::Redo),
        shortcut(Modifiers::COMMAND, Key::Z, "Ctrl+Z", "undo: the selection before", Command::Undo),
        shortcut(Modifiers::COMMAND, Key::K, "Ctrl+K", "find a command", Command::TogglePalette),
        shortcut(
            Modifiers::COMMAND,
            Key::F,
            "Ctrl+F",
            "filter the examples",
            Command::Dataset(DatasetCommand::FocusFilter),
        ),
        shortcut(none, Key::Space, "Space", "play, or stop", Command::TogglePlay),
        shortcut(none, Key::Escape, "Esc", "select no token; close this list", Command::Escape),
        shortcut(
            Modifiers::COMMAND.plus(Modifiers::SHIFT),
            Key::O,
            "Ctrl+Shift+O",
            "load a view state",
            Command::ChooseState,
        ),
        shortcut(Modifiers::COMMAND, Key::O, "Ctrl+O", "open a trace", Command::ChooseFile),
        shortcut(Modifiers::COMMAND, Key::R, "Ctrl+R", "read the example anew", Command::Reload),
        shortcut(none, Key::T, "T", "light or dark theme", Command::ToggleTheme),
        shortcut(none, Key::F12, "F12", "save a screenshot", Command::Screenshot),
        shortcut(none, Key::Questionmark, "?", "show all keys", Command::ToggleHelp),
        shortcut(none, Key::F1, "F1", "show all keys", Command::ToggleHelp),
        shortcut(Modifiers::COMMAND, Key::Q, "Ctrl+Q", "close the window", Command::Quit),
        shortcut(Modifiers::COMMAND, Key::S, "Ctrl+S", "save what is shown as a view state", Command::SaveState),
        shortcut(none, Key::B, "B", "compare with this example", Command::CompareWith(None)),
        shortcut(
            Modifiers::SHIFT,
            Key::N,
            "Shift+N",
            "label the selected head",
            Command::Notes(NotesCommand::Begin(About::Head)),
        ),
        shortcut(
            none,
            Key::N,
            "N",
            "bookmark what is shown with a note",
            Command::Notes(NotesCommand::Begin(About::View)),
        ),
        shortcut(
            Modifiers::SHIFT,
            Key::P,
            "Shift+P",
            "pin the selected head alone, or take the pin away",
            Command::Pin(PinCommand::SelectedHeads),
        ),
        shortcut(none, Key::P, "P", "pin what is selected, or take the pin away", Command::Pin(PinCommand::Selection)),
        shortcut(none, Key::C, "C", "copy the command that draws the window", Command::CopyCommand(None)),
        shortcut(none, Key::Plus, "+", "zoom in, in the view that has the focus", Command::Zoom(1)),
        shortcut(none, Key::Equals, "=", "", Command::Zoom(1)),
        shortcut(none, Key::Minus, "−", "zoom out", Command::Zoom(-1)),
        shortcut(none, Key::Num0, "0", "zoom out to all of it", Command::ShowAll),
        shortcut(Modifiers::SHIFT, Key::ArrowLeft, "Shift+←", "pan to the left", Command::Pan([-1.0, 0.0])),
        shortcut(Modifiers::SHIFT, Key::ArrowRight, "Shift+→", "pan to the right", Command::Pan([1.0, 0.0])),
        shortcut(Modifiers::SHIFT, Key::ArrowUp, "Shift+↑", "pan up", Command::Pan([0.0, -1.0])),
        shortcut(Modifiers::SHIFT, Key::ArrowDown, "Shift+↓", "pan down", Command::Pan([0.0, 1.0])),
        shortcut(Modifiers::SHIFT, Key::F6, "Shift+F6", "panel before", Command::StepPanel(-1)),
        shortcut(none, Key::F6, "F6", "panel after", Command::StepPanel(1)),
        shortcut(Modifiers::COMMAND, Key::Plus, "Ctrl+Plus", "larger", Command::StepUiScale(1)),
        shortcut(Modifiers::COMMAND, Key::Equals, "Ctrl+=", "larger", Command::StepUiScale(1)),
        shortcut(Modifiers::COMMAND, Key::Minus, "Ctrl+−", "smaller", Command::StepUiScale(-1)),
        shortcut(Modifiers::COMMAND, Key::Num0, "Ctrl+0", "as large as at first", Command::SetUiScale(1.0)),
    ]
    .into_iter()
    .chain(
        VIEW_KEYS
            .into_iter()
            .zip(View::all())
            .map(|((key, shown), view)| shortcut(none, key, shown, "", Command::FocusView(view))),
    )
    .collect()
}

/// Each brings the panel of a view to the front.
const VIEW_KEYS: [(Key, &str); 9] = [
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
