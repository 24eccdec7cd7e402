//! The browser: the examples that the filter keeps, in the order that was chosen. Rows out of sight cost nothing.

pub mod columns;
mod table;

use egui::{Button, Key, Label, ProgressBar, Response, RichText, ScrollArea, TextEdit, Ui, WidgetInfo};

use crate::app::model::browsing::{Browsing, Changes, DatasetCommand, WorkKind};
use crate::app::model::command::Command;
use crate::app::model::state::State;
use crate::app::panels::browser::columns::{offered_columns, short_title};
use crate::app::ui::appearance::color;
use crate::app::ui::controls::{menu, thousands};
use crate::app::work::textures::Textures;
use crate::dataset::Dataset;
use crate::dataset::table::HeadColumn;
use crate::trace::{NAME_LETTERS, shortened};

/// Shows it.
pub fn show(ui: &mut Ui, state: &State, textures: &mut Textures, commands: &mut Vec<Command>) {
    let browsing = &state.browsing;
    textures.refresh(ui.ctx(), browsing.dataset.as_ref(), browsing.serial);
    egui::Frame::NONE.inner_margin(6.0).show(ui, |ui| match &browsing.dataset {
        Some(dataset) if !state.examples.is_empty() => {
            show_filter(ui, state, commands);
            show_chips(ui, browsing, commands);
            show_status(ui, browsing, dataset, commands);
            table::show(ui, state, dataset, textures, commands);
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

/// Right and wrong, and the values of columns that have few, each with how many examples have it: a click keeps those alone.
fn show_chips(ui: &mut Ui, browsing: &Browsing, commands: &mut Vec<Command>) {
    if browsing.facets.is_empty() {
        return;
    }
    let mut set = |query: String| commands.push(Command::Dataset(DatasetCommand::SetFilter(query)));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for facet in &browsing.facets {
            let chosen = facet.chosen(&browsing.query);
            if facet.is_of_answers() {
                for chip in &facet.chips {
                    let words = format!("{} {}", chip.label, thousands(chip.count));
                    let button = ui.selectable_label(chosen == Some(chip), words);
                    if button.on_hover_text(format!("Examples answered {}; again: all", chip.label)).clicked() {
                        set(facet.toggled(&browsing.query, chip));
                    }
                }
                continue;
            }
            let name = shortened(&facet.name, NAME_LETTERS);
            if let Some(chip) = chosen {
                let words = format!("{name}: {} ×", shortened(&chip.label, NAME_LETTERS));
                if ui.selectable_label(true, words).on_hover_text("All examples again").clicked() {
                    set(facet.toggled(&browsing.query, chip));
                }
                continue;
            }
            let response = ui.menu_button(&*name, |ui| {
                for chip in &facet.chips {
                    let words = format!("{} {}", shortened(&chip.label, NAME_LETTERS), thousands(chip.count));
                    let button = ui.button(words).on_hover_text(format!("Examples whose {name} is {}", chip.label));
                    if button.clicked() {
                        ui.close();
                        set(facet.toggled(&browsing.query, chip));
                    }
                }
            });
            response.response.on_hover_text(format!("Keep the examples with one {name}"));
        }
    });
}

/// How many there are, what goes on, and which columns are shown.
fn show_status(ui: &mut Ui, browsing: &Browsing, dataset: &Dataset, commands: &mut Vec<Command>) {
    ui.horizontal_wrapped(|ui| {
        let count = format!("{} of {}", thousands(browsing.listing.rows.len()), thousands(dataset.table.len()));
        ui.label(count).on_hover_text("Examples that the filter keeps, of all");
        if let Some(picked) = &browsing.picked {
            let button = ui.button(format!("lasso: {} ×", thousands(picked.len())));
            if button.on_hover_text("Only examples with tokens in the lasso; a click shows all again").clicked() {
                commands.push(Command::Dataset(DatasetCommand::Pick(None)));
            }
        }
        show_columns(ui, browsing, dataset, commands);
        show_work(ui, browsing, dataset, commands);
    });
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
            for (name, mut is_shown) in offered_columns(browsing) {
                let checkbox = ui.checkbox(&mut is_shown, shortened(short_title(&name), NAME_LETTERS));
                if checkbox.on_hover_text(format!("Shows the column {name}")).changed() {
                    commands.push(toggle(&name));
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
            let response = response.on_hover_text("A statistic and a head that become a column: entropy[2.3]");
            let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let is_head = matches!(HeadColumn::parse(typed.trim()), Some(Ok(_)));
            let add = ui.add_enabled(is_head, Button::new("Add")).on_hover_text("Shows it as a column");
            if add.clicked() || (is_entered && is_head) {
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
    if work.kind == WorkKind::Indexing && ui.button("Stop").on_hover_text("What was written stays").clicked() {
        commands.push(Command::Dataset(DatasetCommand::CancelIndexing));
    }
    let share = work.done as f32 / work.of.max(1) as f32;
    let text = match work.of {
        0 => format!("{what}…"),
        of => format!("{what}: {} of {}", thousands(work.done), thousands(of)),
    };
    let bar = ui.add(ProgressBar::new(share.min(1.0)).desired_width(ui.available_size_before_wrap().x.max(80.0)));
    bar.widget_info(|| WidgetInfo::labeled(egui::Role::ProgressIndicator, true, &text));
    bar.on_hover_text(text);
}
