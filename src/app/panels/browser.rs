//! The browser: the examples that the filter keeps, in the order that was chosen. Rows out of sight cost nothing.

use egui::WidgetInfo;
use egui::{
    Align, Button, Color32, Image, Key, Label, Layout, ProgressBar, Response, RichText, ScrollArea, Sense, TextEdit, Ui,
};
use egui_extras::{Column as TableColumn, TableBody, TableBuilder, TableRow};

use super::menu;
use crate::app::appearance::color;
use crate::app::command::Command;
use crate::app::dataset::{Browsing, Changes, DatasetCommand, Textures, WorkKind};
use crate::app::state::State;
use crate::dataset::table::{HeadColumn, Value};
use crate::dataset::{Dataset, Order};

/// Height of a row, with its picture.
const ROW: f32 = 30.0;
/// Columns that are shown wherever the dataset has them, with their titles and widths.
const USUAL: [(&str, &str, f32); 4] = [
    ("text", "text", 150.0),
    ("output_prediction", "prediction", 72.0),
    ("output_answer", "answer", 64.0),
    ("id", "id", 90.0),
];
/// Width of a column that was added.
const ADDED: f32 = 84.0;
/// Columns that the menu need not offer: they are shown in another way.
const SHOWN_OTHERWISE: [&str; 2] = ["output_correct", "error"];

/// A column on screen.
struct Shown {
    /// By this name it is sorted.
    name: String,
    title: String,
    width: f32,
}

/// Shows it.
pub fn show(ui: &mut Ui, state: &State, textures: &mut Textures, commands: &mut Vec<Command>) {
    let browsing = &state.browsing;
    textures.refresh(ui.ctx(), browsing.dataset.as_ref(), browsing.serial);
    egui::Frame::NONE.inner_margin(6.0).show(ui, |ui| match &browsing.dataset {
        Some(dataset) if !state.examples.is_empty() => {
            show_filter(ui, state, commands);
            show_status(ui, browsing, dataset, commands);
            show_table(ui, state, dataset, textures, commands);
        }
        _ if browsing.work.is_some() => {
            ui.centered_and_justified(|ui| ui.weak("Opening…"));
        }
        _ => {
            ui.centered_and_justified(|ui| ui.weak("Drop a trace or a folder here, or press Ctrl+O."));
        }
    });
}

fn show_filter(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) {
    let browsing = &state.browsing;
    let mut query = browsing.query.clone();
    let field = TextEdit::singleline(&mut query).hint_text("filter (Ctrl+F)").desired_width(f32::INFINITY);
    let response = ui.add(field);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::TextInput, true, "Filter of the examples"));
    focus_when_wanted(ui, browsing, &response);
    if response.has_focus() && ui.input(|input| input.key_pressed(Key::Escape)) {
        response.surrender_focus();
    }
    if query != browsing.query {
        commands.push(Command::Dataset(DatasetCommand::SetFilter(query)));
    }
    response.on_hover_text(
        "word · \"two words\" · /regex/ · column=value, !=, <, <=, >, >= · column~regex · entropy[2.3]>1.5 · \
         is:right, is:wrong, is:broken · -term: not",
    );
    if let Some(error) = &browsing.error {
        let words = RichText::new(error.to_string()).color(color(state.options.theme.palette().wrong));
        let label = ui.add(Label::new(words).truncate());
        label.on_hover_text(RichText::new(error.pointing(&browsing.query)).monospace());
    }
}

/// How many there are, what goes on, and which columns are shown.
fn show_status(ui: &mut Ui, browsing: &Browsing, dataset: &Dataset, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        let count = format!("{} of {}", thousands(browsing.listing.rows.len()), thousands(dataset.table.len()));
        ui.label(count).on_hover_text("Examples that the filter keeps, of all");
        if let Some(picked) = &browsing.picked {
            let button = ui.button(format!("lasso: {} ×", thousands(picked.len())));
            if button.on_hover_text("Only examples with tokens in the lasso; a click shows all again").clicked() {
                commands.push(Command::Dataset(DatasetCommand::Pick(None)));
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            show_columns(ui, browsing, dataset, commands);
            show_work(ui, browsing, dataset, commands);
        });
    });
}

/// 100000 as 100,000.
pub fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let (head, rest) = digits.split_at(first);
    let groups = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let head = (!head.is_empty()).then(|| head.to_owned());
    head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

fn focus_when_wanted(ui: &Ui, browsing: &Browsing, response: &Response) {
    let id = response.id.with("wanted");
    let seen = ui.data(|data| data.get_temp::<u64>(id)).unwrap_or(0);
    if browsing.filter_wanted != seen {
        ui.data_mut(|data| data.insert_temp(id, browsing.filter_wanted));
        response.request_focus();
    }
}

/// Which columns are shown beside the usual ones: those of the table, and statistics of heads as they are typed.
fn show_columns(ui: &mut Ui, browsing: &Browsing, dataset: &Dataset, commands: &mut Vec<Command>) {
    let toggle = |name: &str| Command::Dataset(DatasetCommand::ToggleColumn(name.to_owned()));
    let (response, _) = menu("Columns").ui(ui, |ui| {
        ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
            for column in dataset.table.columns() {
                let is_usual = USUAL.iter().any(|(name, ..)| *name == column.name);
                if is_usual || SHOWN_OTHERWISE.contains(&column.name.as_str()) {
                    continue;
                }
                let mut is_shown = browsing.columns.contains(&column.name);
                if ui.checkbox(&mut is_shown, short_title(&column.name)).changed() {
                    commands.push(toggle(&column.name));
                }
            }
            for name in browsing.columns.iter().filter(|name| HeadColumn::parse(name).is_some()) {
                let mut is_shown = true;
                if ui.checkbox(&mut is_shown, name).changed() {
                    commands.push(toggle(name));
                }
            }
        });
        if dataset.heads().is_none() {
            ui.weak("With an index, statistics of heads can be columns.");
            return;
        }
        ui.separator();
        let id = ui.scope_id().with("statistic of a head");
        let mut typed = ui.data_mut(|data| data.get_temp::<String>(id)).unwrap_or_default();
        ui.horizontal(|ui| {
            let field = TextEdit::singleline(&mut typed).hint_text("entropy[2.3]").desired_width(140.0);
            let response = ui.add(field);
            response.widget_info(|| WidgetInfo::labeled(egui::Role::TextInput, true, "Statistic of a head"));
            let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let is_head = matches!(HeadColumn::parse(typed.trim()), Some(Ok(_)));
            if ui.add_enabled(is_head, Button::new("Add")).clicked() || (is_entered && is_head) {
                commands.push(toggle(typed.trim()));
                typed.clear();
            }
        });
        ui.weak("statistic[layer.head]");
        ui.data_mut(|data| data.insert_temp(id, typed));
    });
    response.on_hover_text("Which columns are shown");
}

/// What goes on in the background; where there is no index, the offer to make one.
fn show_work(ui: &mut Ui, browsing: &Browsing, dataset: &Dataset, commands: &mut Vec<Command>) {
    let Some(work) = &browsing.work else {
        let hint = "Reads every new or changed trace once: then statistics of heads can be filtered by, and the folder opens at once";
        if dataset.index().is_none() && dataset.table.len() > 1 {
            if ui.button("Index this folder").on_hover_text(hint).clicked() {
                commands.push(Command::Dataset(DatasetCommand::Index));
            }
        } else if *browsing.changes != Changes::default() {
            if ui.button("Index again").on_hover_text(hint).clicked() {
                commands.push(Command::Dataset(DatasetCommand::Index));
            }
            let counts = [(browsing.changes.new, "new"), (browsing.changes.rows.len(), "changed")];
            let told = counts.iter().filter(|(count, _)| *count > 0);
            let told = told.map(|(count, what)| format!("{} {what}", thousands(*count))).collect::<Vec<_>>().join(", ");
            ui.add(Label::new(RichText::new(told).weak()).truncate()).on_hover_text("Traces, since they were indexed");
        }
        return;
    };
    ui.ctx().request_repaint_after(std::time::Duration::from_millis(200));
    let what = match work.kind {
        WorkKind::Opening => "Opening",
        WorkKind::Reading => "Reading headers",
        WorkKind::Indexing => "Indexing",
    };
    if work.kind == WorkKind::Indexing && ui.button("Stop").clicked() {
        commands.push(Command::Dataset(DatasetCommand::CancelIndexing));
    }
    let share = work.done as f32 / work.of.max(1) as f32;
    let text = match work.of {
        0 => format!("{what}…"),
        of => format!("{what}: {} of {}", thousands(work.done), thousands(of)),
    };
    let bar = ui.add(ProgressBar::new(share.min(1.0)).desired_width(ui.available_width()));
    bar.widget_info(|| WidgetInfo::labeled(egui::Role::ProgressIndicator, true, &text));
    bar.on_hover_text(text);
}

/// `output_prediction` as `prediction`.
fn short_title(name: &str) -> &str {
    name.strip_prefix("output_").or_else(|| name.strip_prefix("attribute_")).unwrap_or(name)
}

fn columns(browsing: &Browsing, dataset: &Dataset) -> Vec<Shown> {
    let has_text = dataset.table.column("text").is_some();
    let usual = USUAL.iter().filter(|(name, ..)| dataset.table.columns().iter().any(|column| column.name == *name));
    let usual = usual.map(|&(name, title, width)| Shown { name: name.to_owned(), title: title.to_owned(), width });
    let path = (!has_text).then(|| Shown { name: "path".to_owned(), title: "path".to_owned(), width: 220.0 });
    let added = browsing.columns.iter().map(|name| Shown {
        name: name.clone(),
        title: short_title(name).to_owned(),
        width: ADDED,
    });
    path.into_iter().chain(usual).chain(added).collect()
}

fn show_table(ui: &mut Ui, state: &State, dataset: &Dataset, textures: &mut Textures, commands: &mut Vec<Command>) {
    let browsing = &state.browsing;
    if browsing.listing.rows.is_empty() {
        ui.centered_and_justified(|ui| ui.weak("No example is like that."));
        return;
    }
    let columns = columns(browsing, dataset);
    ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
        let place = place_to_scroll_to(ui, state);
        let mut table = TableBuilder::new(ui)
            .id_salt("examples")
            .striped(true)
            .auto_shrink(false)
            .sense(Sense::click())
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
                ui.add(Label::new(cell(browsing, dataset, &column.name, example)).truncate().selectable(false));
            });
        }
        let response = name_row(&row, dataset, example, is_shown);
        response.context_menu(|ui| {
            if ui.button("Compare with this example").clicked() {
                ui.close();
                commands.push(Command::CompareWith(Some(example as usize)));
            }
        });
        if response.clicked() {
            commands.push(Command::ShowExample(example as usize));
        }
    });
}

/// The row as a screen reader finds it: by its text, else by its path.
fn name_row(row: &TableRow<'_, '_>, dataset: &Dataset, example: u32, is_shown: bool) -> Response {
    let response = row.response();
    response.widget_info(|| {
        let value = |column| dataset.table.value(column, example as usize).text();
        let text = value("text");
        let name = if text.is_empty() { value("path") } else { text };
        WidgetInfo::selected(egui::Role::Row, true, is_shown, name)
    });
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
        value => value.text().replace('\n', " "),
    }
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

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn large_counts_are_grouped() {
        let counts = [0, 7, 999, 1000, 12_345, 100_000, 1_234_567].map(thousands);
        assert_eq!(counts, ["0", "7", "999", "1,000", "12,345", "100,000", "1,234,567"]);
    }
}
