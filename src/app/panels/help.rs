//! The help: keys and gestures by what they are for, each view and each statistic, first steps. What it says is said where the
//! keys, views and statistics are defined.

use egui::{Align2, Context, Grid, Id, Key, Modifiers, RichText, ScrollArea, Ui, Vec2, Window, vec2};

use super::welcome;
use crate::analysis::statistics::{Group, TABLE};
use crate::app::model::command::Command;
use crate::app::model::help::{Help, HelpPage};
use crate::app::model::panel::Panel;
use crate::app::model::state::State;
use crate::app::ui::keys::{self, Task};

/// Width that a column of keys and what they do takes.
const COLUMN: f32 = 400.0;
/// Width of a page of sentences.
const PAGE: f32 = 820.0;
/// What the help leaves free of the window's height.
const FREE: f32 = 124.0;
/// What an arrow scrolls by.
const LINE: f32 = 40.0;

/// Where the page has no room, arrows and pages scroll it: by so much, downwards. Before the keys mean anything else.
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
    Id::unique("the help has no room")
}

/// Shows it over the window, scrolled by so much.
pub fn show(context: &Context, state: &State, scrolled: f32, commands: &mut Vec<Command>) {
    let mut is_open = true;
    let room = context.content_rect().size() - vec2(40.0, FREE);
    Window::new("Help")
        .open(&mut is_open)
        .collapsible(false)
        .resizable(false)
        .anchor(Align2::CENTER_CENTER, Vec2::ZERO)
        .show(context, |ui| {
            ui.horizontal(|ui| {
                for page in HelpPage::ALL {
                    let button = ui.selectable_label(state.help.page == page, page.label());
                    if button.on_hover_text("Shows this page of the help").clicked() {
                        commands.push(Command::ShowHelp(Help { page, about: None }));
                    }
                }
            });
            ui.separator();
            let area = ScrollArea::vertical().max_height(room.y).min_scrolled_height(room.y);
            let shown = area.id_salt(state.help.page.name()).show(ui, |ui| {
                ui.scroll_with_delta(vec2(0.0, -scrolled));
                match state.help.page {
                    HelpPage::Keys => show_keys(ui, room.x),
                    HelpPage::Views => show_views(ui, state, room.x.min(PAGE)),
                    HelpPage::Statistics => show_statistics(ui, state, room.x.min(PAGE), commands),
                    HelpPage::FirstSteps => {
                        ui.set_width(room.x.min(PAGE));
                        welcome::show_steps(ui, state, commands);
                    }
                }
            });
            let is_larger = shown.content_size.y > shown.inner_rect.height() + 1.0;
            ui.data_mut(|data| data.insert_temp(overflows(), is_larger));
        });
    if !is_open {
        commands.push(Command::ToggleHelp);
    }
}

/// What is done for a task: by which key or gesture, and what.
type Rows = Vec<(String, &'static str)>;

fn show_keys(ui: &mut Ui, width: f32) {
    let actions = keys::actions();
    let rows = |task: Task| -> Rows {
        let by_key =
            actions.iter().filter(|action| action.task == task).map(|action| (action.keys.clone(), action.does));
        let gestures =
            keys::GESTURES.iter().filter(|(of, ..)| *of == task).map(|(_, by, does)| ((*by).to_owned(), *does));
        by_key.chain(gestures).collect()
    };
    let tasks: Vec<(Task, Rows)> = Task::ALL.into_iter().map(|task| (task, rows(task))).collect();
    let columns = ((width / COLUMN) as usize).clamp(1, 3);
    ui.horizontal_top(|ui| {
        for (number, column) in divided(tasks, columns).into_iter().enumerate() {
            ui.vertical(|ui| {
                for (task, rows) in column {
                    ui.label(RichText::new(task.title()).strong().color(ui.visuals().hyperlink_color));
                    Grid::new((number, task.title())).num_columns(2).spacing([16.0, 4.0]).striped(true).show(
                        ui,
                        |ui| {
                            for (by, does) in rows {
                                ui.strong(by);
                                ui.label(does);
                                ui.end_row();
                            }
                        },
                    );
                    ui.add_space(6.0);
                }
            });
        }
    });
}

/// In columns that are about as high as each other, in their order.
fn divided(tasks: Vec<(Task, Rows)>, columns: usize) -> Vec<Vec<(Task, Rows)>> {
    let height = |rows: &Rows| rows.len() + 2;
    let each = tasks.iter().map(|(_, rows)| height(rows)).sum::<usize>() as f32 / columns as f32;
    let (mut divided, mut above) = (vec![Vec::new(); columns], 0);
    for (task, rows) in tasks {
        let middle = above as f32 + height(&rows) as f32 / 2.0;
        above += height(&rows);
        divided[((middle / each) as usize).min(columns - 1)].push((task, rows));
    }
    divided
}

fn show_views(ui: &mut Ui, state: &State, width: f32) {
    ui.set_width(width);
    for panel in Panel::all() {
        let is_it = state.help.about == Some(panel);
        let title = RichText::new(panel.title()).strong();
        let title = if is_it { title.color(ui.visuals().hyperlink_color) } else { title };
        let heading = ui.label(title);
        if is_it {
            heading.scroll_to_me(None);
        }
        ui.label(panel.says());
        ui.add_space(4.0);
    }
    ui.weak("docs/views.md says more of each.");
}

fn show_statistics(ui: &mut Ui, state: &State, width: f32, commands: &mut Vec<Command>) {
    ui.set_width(width);
    ui.label("One number for each head. a is its matrix of weights: a[q, k] is the weight of query q on key k, and each row sums to 1. A click on a name colours the heads by it.");
    for group in [Group::Vlscope, Group::VlInterpret] {
        ui.add_space(6.0);
        ui.label(RichText::new(group.label()).strong().color(ui.visuals().hyperlink_color));
        for statistic in TABLE.iter().filter(|statistic| statistic.group == group) {
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                let name = ui
                    .link(RichText::new(statistic.label).strong())
                    .on_hover_text("Colours the heads by this statistic");
                if name.clicked() {
                    let statistic = statistic.name.to_owned();
                    let options = crate::view::Options { statistic, to: None, ..state.options.clone() };
                    commands.push(Command::SetOptions(Box::new(options)));
                }
                ui.monospace(statistic.formula);
            });
            let unit = if statistic.unit.is_empty() { String::new() } else { format!(", in {}", statistic.unit) };
            let source = if statistic.source.is_empty() { String::new() } else { format!(" ({})", statistic.source) };
            ui.weak(format!("High: {}{unit}{source}", statistic.high));
        }
    }
    ui.add_space(6.0);
    ui.weak("docs/statistics.md says how masks, special tokens and rows that are no numbers count.");
}
