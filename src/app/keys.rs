//! All keys of the window, in one table: the window reads it, and the list of keys shows it.

use egui::{Key, Modifiers};

use super::command::Command;

/// A key, and what it does.
pub struct Shortcut {
    modifiers: Modifiers,
    key: Key,
    /// As it is shown in the list.
    pub shown: &'static str,
    /// What it does.
    pub does: &'static str,
    command: Command,
}

/// Keys in the order of the list.
pub fn shortcuts() -> Vec<Shortcut> {
    let shortcut = |modifiers, key, shown, does, command| Shortcut { modifiers, key, shown, does, command };
    let head = |layers, heads| Command::MoveHead { layers, heads };
    let none = Modifiers::NONE; // Shift is free: which keys need it depends on the keyboard.
    vec![
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
        shortcut(none, Key::Comma, ",", "token before", Command::StepToken(-1)),
        shortcut(none, Key::Period, ".", "token after", Command::StepToken(1)),
        shortcut(none, Key::Space, "Space", "play, or stop", Command::TogglePlay),
        shortcut(none, Key::Escape, "Esc", "select no token; close this list", Command::Escape),
        // Before Ctrl+O, for which a further Shift does not matter.
        shortcut(
            Modifiers::COMMAND.plus(Modifiers::SHIFT),
            Key::O,
            "Ctrl+Shift+O",
            "load a view state",
            Command::ChooseState,
        ),
        shortcut(Modifiers::COMMAND, Key::O, "Ctrl+O", "open a trace", Command::ChooseFile),
        shortcut(none, Key::T, "T", "light or dark", Command::ToggleTheme),
        shortcut(none, Key::F12, "F12", "save a screenshot", Command::Screenshot),
        shortcut(none, Key::Questionmark, "?", "show all keys", Command::ToggleHelp),
        shortcut(none, Key::F1, "F1", "show all keys", Command::ToggleHelp),
        shortcut(Modifiers::COMMAND, Key::Q, "Ctrl+Q", "close the window", Command::Quit),
        shortcut(Modifiers::COMMAND, Key::S, "Ctrl+S", "save what is shown as a view state", Command::SaveState),
        shortcut(none, Key::C, "C", "copy the command that draws the window", Command::CopyCommand(None)),
        shortcut(Modifiers::COMMAND, Key::Plus, "Ctrl+Plus", "larger", Command::StepUiScale(1)),
        shortcut(Modifiers::COMMAND, Key::Equals, "Ctrl+=", "larger", Command::StepUiScale(1)),
        shortcut(Modifiers::COMMAND, Key::Minus, "Ctrl+−", "smaller", Command::StepUiScale(-1)),
        shortcut(Modifiers::COMMAND, Key::Num0, "Ctrl+0", "as large as at first", Command::SetUiScale(1.0)),
    ]
}

/// The commands of the keys that were pressed since the last frame. While a text is being typed there are none.
pub fn pressed(context: &egui::Context) -> Vec<Command> {
    if context.egui_wants_keyboard_input() {
        return Vec::new();
    }
    context.input_mut(|input| {
        shortcuts()
            .into_iter()
            .flat_map(|shortcut| {
                let times = input.count_and_consume_key(shortcut.modifiers, shortcut.key);
                std::iter::repeat_n(shortcut.command, times)
            })
            .collect()
    })
}
