//! The examples as rows: their pictures, whether they were answered rightly, their columns; sorted by a title, opened by a
//! click or the arrows.

use std::borrow::Cow;

use egui::{
    Align, Button, Color32, EventFilter, Image, Key, Label, Layout, Modifiers, Response, RichText, ScrollArea, Sense,
    Ui, WidgetInfo,
};
use egui_extras::{Column as TableColumn, TableBody, TableBuilder, TableRow};

use crate::app::model::browsing::{Browsing, DatasetCommand};
use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::app::panels::browser::columns::{USUAL, short_title};
use crate::app::ui::appearance::color;
use crate::app::ui::controls::{button_width, thousands};
use crate::app::ui::focus;
use crate::app::work::textures::Textures;
use crate::dataset::table::Value;
use crate::dataset::{Dataset, Order};
use crate::trace::{LINE_LETTERS, NAME_LETTERS, shortened};

/// Height of a row, with its picture.
const ROW: f32 = 30.0;
/// Letters that are kept of how all names begin.
const KEPT: usize = 3;
/// Width of a column that was added.
const ADDED: f32 = 84.0;

/// A column on screen.
struct Shown {
    /// By this name it is sorted.
    name: String,
    title: String,
    width: f32,
}

fn columns(browsing: &Browsing, dataset: &Dataset) -> Vec<Shown> {
    let has_text = dataset.table.column("text").is_some();
    let has_values = |name: &str| !browsing.empty_columns.iter().any(|empty| empty == name);
    let usual = USUAL.iter().filter(|(name, ..)| dataset.table.columns().iter().any(|column| column.name == *name));
    let usual = usual.filter(|(name, ..)| has_values(name));
    let usual = usual.map(|&(name, title, width)| Shown { name: name.to_owned(), title: title.to_owned(), width });
    let path = (!has_text).then(|| Shown { name: "path".to_owned(), title: "path".to_owned(), width: 220.0 });
    let added = browsing.columns.iter().map(|name| Shown {
        name: name.clone(),
        title: shortened(short_title(name), NAME_LETTERS).into_owned(),
        width: ADDED,
    });
    path.into_iter().chain(usual).chain(added).collect()
}

/// Shows them.
pub fn show(ui: &mut Ui, state: &State, dataset: &Dataset, textures: &mut Textures, commands: &mut Vec<Command>) {
    let browsing = &state.browsing;
    if browsing.listing.rows.is_empty() {
        ui.centered_and_justified(|ui| ui.weak("No example is like that."));
        return;
    }
    let columns = columns(browsing, dataset);
    take_keys(ui, state, dataset, commands);
    ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
        let place = place_to_scroll_to(ui, state);
        let mut table = TableBuilder::new(ui)
            .id_salt("examples")
            .striped(true)
            .auto_shrink(false)
            .sense(Sense::CLICK)
            .cell_layout(Layout::left_to_right(Align::Center))
            .column(TableColumn::exact(38.0))
            .column(TableColumn::exact(20.0));
        for column in &columns {
            table = table.column(TableColumn::initial(column.width).at_least(32.0).clip(true).resizable(true));
        }
        if let Some(place) = place {
            table = table.animate_scrolling(false).scroll_to_row(place, None);
        }
        table
            .header(22.0, |mut header| {
                header.col(|_| {});
                header.col(|ui| {
                    show_title(ui, browsing.order.as_ref(), "output_correct", "✓", "right or wrong", commands);
                });
                for column in &columns {
                    header.col(|ui| {
                        show_title(ui, browsing.order.as_ref(), &column.name, &column.title, &column.title, commands);
                    });
                }
            })
            .body(|body| show_rows(body, state, dataset, &columns, textures, commands));
    });
}

/// All rows are one stop of the keyboard, in which the arrows go from example to example.
fn take_keys(ui: &Ui, state: &State, dataset: &Dataset, commands: &mut Vec<Command>) {
    let rows = &state.browsing.listing.rows;
    let id = ui.scope_id().with("list of examples");
    let list = ui.interact(ui.available_rect_before_wrap(), id, Sense::focusable_noninteractive());
    list.widget_info(|| {
        let place = state.browsing.place(state.example).map_or("–".to_owned(), |place| thousands(place + 1));
        let name = name_of(dataset, state.example);
        WidgetInfo {
            current_text_value: Some(format!("{name}, {place} of {}", thousands(rows.len()))),
            ..WidgetInfo::labeled(egui::Role::ListBox, true, "List of the examples")
        }
    });
    focus::offer(ui.ctx(), id);
    if !list.has_focus() {
        return;
    }
    let filter = EventFilter { vertical_arrows: true, ..Default::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
    let step = ui.input_mut(|input| {
        let mut count = |key| input.count_and_consume_key(Modifiers::NONE, key) as isize;
        count(Key::ArrowDown) - count(Key::ArrowUp)
    });
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let end = pressed(Key::Home).then(|| rows.first()).or_else(|| pressed(Key::End).then(|| rows.last())).flatten();
    match end {
        Some(&example) => commands.push(Command::ShowExample(example as usize)),
        None if step != 0 => commands.push(Command::StepExample(step)),
        None => {}
    }
}

/// Its text, else its path.
fn name_of(dataset: &Dataset, example: usize) -> String {
    let value = |column| dataset.table.value(column, example).text();
    let text = value("text");
    let name = if text.is_empty() { value("path") } else { text };
    shortened(&name, LINE_LETTERS).into_owned()
}

/// A title; a click sorts by its column.
fn show_title(ui: &mut Ui, order: Option<&Order>, name: &str, title: &str, read: &str, commands: &mut Vec<Command>) {
    let sign = match order.filter(|order| order.column == name) {
        Some(Order { is_descending: true, .. }) => " ↓",
        Some(_) => " ↑",
        None => "",
    };
    let button = Button::new(RichText::new(format!("{title}{sign}")).strong()).frame(false).truncate();
    let response = ui.add(button);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, format!("Sort by {read}")));
    if response.on_hover_text(format!("Sort by {read}")).clicked() {
        commands.push(Command::Dataset(DatasetCommand::SortBy(name.to_owned())));
    }
}

fn show_rows(
    body: TableBody<'_>,
    state: &State,
    dataset: &Dataset,
    columns: &[Shown],
    textures: &mut Textures,
    commands: &mut Vec<Command>,
) {
    let browsing = &state.browsing;
    let rows = &browsing.listing.rows;
    body.rows(ROW, rows.len(), |mut row| {
        let example = rows[row.index()];
        let is_shown = example as usize == state.example;
        row.set_selected(is_shown);
        row.col(|ui| show_picture(ui, textures, example));
        row.col(|ui| show_mark(ui, state, dataset, example));
        for column in columns {
            row.col(|ui| {
                let text = cell(browsing, dataset, &column.name, example);
                let shown = fitted(ui, browsing.beginnings.get(column.name.as_str()), &text);
                ui.add(Label::new(&*shown).truncate().selectable(false));
            });
        }
        let response = name_row(&row, dataset, example, is_shown);
        response.context_menu(|ui| {
            let compare = ui.button("Compare with this example");
            if compare.on_hover_text("It stays, and every other that is opened is compared with it").clicked() {
                ui.close();
                commands.push(Command::CompareWith(Some(example as usize)));
            }
            let id = ["id", "path"].map(|column| dataset.table.value(column, example as usize).text());
            let id = id.into_iter().find(|id| !id.is_empty()).unwrap_or_default();
            if ui.button("Copy id").on_hover_text(&*id).clicked() {
                ui.close();
                ui.copy_text(id.into_owned());
            }
        });
        if response.clicked() {
            commands.push(Command::ShowExample(example as usize));
        }
    });
}

/// The row as a screen reader finds it.
fn name_row(row: &TableRow<'_, '_>, dataset: &Dataset, example: u32, is_shown: bool) -> Response {
    let response = row.response();
    response.widget_info(|| WidgetInfo::selected(egui::Role::Row, true, is_shown, name_of(dataset, example as usize)));
    response
}

fn show_picture(ui: &mut Ui, textures: &mut Textures, example: u32) {
    if let Some(texture) = textures.get(example) {
        let size = texture.size_vec2();
        let scale = ((ROW - 2.0) / size.y).min(36.0 / size.x);
        ui.centered_and_justified(|ui| {
            ui.add(Image::new((texture.id(), size * scale)).fit_to_exact_size(size * scale))
        });
    }
}

/// Right or wrong, broken or changed. The sign says it to those who cannot tell the colours apart.
fn show_mark(ui: &mut Ui, state: &State, dataset: &Dataset, example: u32) {
    let palette = state.options.theme.palette();
    let error = dataset.table.value("error", example as usize);
    let mark = |ui: &mut Ui, sign: &str, of: Color32, why: String| {
        ui.add(Label::new(RichText::new(sign).color(of)).selectable(false)).on_hover_text(why);
    };
    if let Value::Text(error) = error {
        mark(ui, "!", color(palette.wrong), error.to_owned());
    } else if state.browsing.changes.rows.contains(&example) {
        mark(ui, "≠", ui.visuals().warn_fg_color, "The file has changed since it was indexed, or is gone".to_owned());
    } else {
        match dataset.is_right(example as usize) {
            Some(true) => mark(ui, "✓", color(palette.right), "right".to_owned()),
            Some(false) => mark(ui, "✗", color(palette.wrong), "wrong".to_owned()),
            None => {}
        }
    }
}

fn cell(browsing: &Browsing, dataset: &Dataset, name: &str, example: u32) -> String {
    if let Some((_, values)) = browsing.listing.heads.iter().find(|(head, _)| head == name) {
        let value = values.get(example as usize).copied().filter(|value| !value.is_nan());
        return value.map_or_else(String::new, |value| format!("{value:.4}"));
    }
    match dataset.table.value(name, example as usize) {
        Value::Number(number) if number.fract() != 0.0 => format!("{number:.4}"),
        value => shortened(&value.text(), LINE_LETTERS).replace('\n', " "),
    }
}

/// A name that has no room, without the middle of how all of them begin: their ends tell them apart.
fn fitted<'a>(ui: &Ui, beginning: Option<&String>, text: &'a str) -> Cow<'a, str> {
    let Some((beginning, rest)) = beginning.and_then(|common| Some((common, text.strip_prefix(common.as_str())?)))
    else {
        return Cow::Borrowed(text);
    };
    let width = button_width(ui, text) - 2.0 * ui.spacing().button_padding.x;
    if width <= ui.available_width() || beginning.chars().count() <= KEPT + 1 {
        return Cow::Borrowed(text);
    }
    Cow::Owned(beginning.chars().take(KEPT).chain(['…']).chain(rest.chars()).collect())
}

/// Where the example stands, in the first frame in which it is shown.
fn place_to_scroll_to(ui: &Ui, state: &State) -> Option<usize> {
    let id = egui::Id::unique("example scrolled to");
    let now = (state.browsing.serial, state.example);
    let seen = ui.data(|data| data.get_temp::<(u64, usize)>(id));
    if seen == Some(now) {
        return None;
    }
    ui.data_mut(|data| data.insert_temp(id, now));
    state.browsing.place(state.example)
}
