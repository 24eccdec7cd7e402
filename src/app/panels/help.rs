//! The list of all keys.

use egui::{Align2, Context, Grid, Id, Key, Modifiers, ScrollArea, Ui, Vec2, Window, vec2};

use crate::app::model::command::Command;
use crate::app::ui::keys;

/// Width that a column of keys and what they do takes.
const COLUMN: f32 = 400.0;
/// What the list leaves free of the window's height.
const FREE: f32 = 90.0;
/// What an arrow scrolls by.
const LINE: f32 = 40.0;

/// Where the list has no room, arrows and pages scroll it: by so much, downwards. Before the keys mean anything else.
pub fn take_scrolling(context: &Context) -> f32 {
    let overflows = context.data(|data| data.get_temp::<bool>(overflows())).unwrap_or_default();
    if !overflows || context.text_edit_focused() {
        return 0.0;
    }
    let page = context.content_rect().height() - FREE;
    let steps = [(Key::ArrowDown, LINE), (Key::ArrowUp, -LINE), (Key::PageDown, page), (Key::PageUp, -page)];
    context.input_mut(|input| {
        steps.map(|(key, by)| input.count_and_consume_key(Modifiers::NONE, key) as f32 * by).into_iter().sum()
    })
}

fn overflows() -> Id {
    Id::unique("the list of keys has no room")
}

/// Shows it over the window, scrolled by so much; the pointer is explained below the keys.
pub fn show(context: &Context, scrolled: f32, commands: &mut Vec<Command>) {
    let mut is_open = true;
    let room = context.content_rect().size() - vec2(40.0, FREE);
    Window::new("Keys")
        .open(&mut is_open)
        .collapsible(false)
        .resizable(false)
        .anchor(Align2::CENTER_CENTER, Vec2::ZERO)
        .show(context, |ui| {
            let area = ScrollArea::vertical().max_height(room.y).min_scrolled_height(room.y);
            let shown = area.show(ui, |ui| {
                ui.scroll_with_delta(vec2(0.0, -scrolled));
                show_rows(ui, room.x);
            });
            let is_larger = shown.content_size.y > shown.inner_rect.height() + 1.0;
            ui.data_mut(|data| data.insert_temp(overflows(), is_larger));
        });
    if !is_open {
        commands.push(Command::ToggleHelp);
    }
}

fn show_rows(ui: &mut Ui, width: f32) {
    let keys = keys::shortcuts();
    let named = keys.iter().filter(|shortcut| !shortcut.does.is_empty());
    let rows: Vec<_> = named.map(|shortcut| (shortcut.shown, shortcut.does)).chain(OTHERS).collect();
    let columns = ((width / COLUMN) as usize).clamp(1, 3);
    ui.horizontal_top(|ui| {
        for (number, part) in rows.chunks(rows.len().div_ceil(columns)).enumerate() {
            Grid::new(number).num_columns(2).spacing([16.0, 6.0]).striped(true).show(ui, |ui| {
                for (shown, does) in part {
                    ui.strong(*shown);
                    ui.label(*does);
                    ui.end_row();
                }
            });
        }
    });
}

const OTHERS: [(&str, &str); 13] = [
    ("1 – 9", "bring a view to the front"),
    ("Tab", "go from view to button to view"),
    ("hover", "show what a click would select"),
    ("click", "select a head, a token or a patch"),
    ("Ctrl + click", "add a token to the selection, or take it out"),
    ("double click", "select a whole word, in the text"),
    ("drag", "select patches, on the picture; with Ctrl, more of them"),
    ("wheel", "zoom the matrix or the hidden states"),
    ("right drag", "over picture or text: which heads look there"),
    ("drag", "pan them; drag a tab to move its panel"),
    ("double click", "show all of them again"),
    ("drag on the heads' colour bar", "dim other values; a click shows all"),
    ("double click on a small head", "show its matrix, or its picture"),
];
