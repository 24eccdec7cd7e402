//! What the commands about the dataset change.

use std::path::PathBuf;

use crate::app::model::browsing::DatasetCommand;
use crate::app::model::effect::{DatasetEffect, Effect};
use crate::app::model::state::State;
use crate::dataset::table::Value;
use crate::dataset::{Dataset, Order};

impl State {
    /// Carries out a command about the dataset.
    pub(in crate::app) fn browse(&mut self, command: DatasetCommand) -> Option<Effect> {
        let browsing = &mut self.browsing;
        match command {
            DatasetCommand::SetFilter(query) => browsing.query = query,
            DatasetCommand::Pick(rows) => browsing.picked = rows,
            DatasetCommand::FocusFilter => {
                browsing.filter_wanted += 1;
                return Some(Effect::Dataset(DatasetEffect::ShowBrowser));
            }
            DatasetCommand::SortBy(column) => {
                browsing.order = match browsing.order.take() {
                    Some(Order { column: before, is_descending }) if before == column => {
                        (!is_descending).then_some(Order { column, is_descending: true })
                    }
                    _ => Some(Order { column, is_descending: false }),
                };
            }
            DatasetCommand::ToggleColumn(column) => match browsing.columns.iter().position(|shown| *shown == column) {
                Some(place) => drop(browsing.columns.remove(place)),
                None => browsing.columns.push(column),
            },
            DatasetCommand::Index => return Some(Effect::Dataset(DatasetEffect::Index)),
            DatasetCommand::CancelIndexing => return Some(Effect::Dataset(DatasetEffect::CancelIndexing)),
            DatasetCommand::FocusAtlas => return Some(Effect::Dataset(DatasetEffect::ShowAtlas)),
            DatasetCommand::SetAtlas(choice) => {
                let is_other = (&choice.statistic, &choice.block)
                    != (&browsing.atlas.choice.statistic, &browsing.atlas.choice.block);
                browsing.atlas.choice = *choice;
                if is_other && browsing.atlas.choice.block.is_some() {
                    browsing.atlas.cell = None;
                }
                browsing.list_extremes();
                return Some(Effect::Dataset(DatasetEffect::ShowAtlas));
            }
            DatasetCommand::SelectCell(cell) => {
                browsing.atlas.cell = cell.filter(|_| cell != browsing.atlas.cell);
                browsing.list_extremes();
            }
        }
        None
    }

    /// A dataset was opened; its first sound trace is to be shown, or the one that was shown before.
    pub fn set_dataset(&mut self, dataset: Dataset) -> Option<Effect> {
        let shown = self.examples.get(self.example).cloned();
        let paths = dataset.paths();
        let same = shown.as_ref().and_then(|shown| paths.iter().position(|path| path == shown));
        let is_sound = |row: &usize| dataset.table.value("error", *row) == Value::None;
        let first = (0..paths.len()).find(is_sound).unwrap_or(0);
        self.browsing.set_dataset(dataset);
        self.examples = paths;
        self.version += 1;
        match same {
            Some(example) => {
                self.example = example;
                None
            }
            None => self.show_example(first),
        }
    }

    /// The files before and after the one that is shown, in the order that is shown.
    pub fn neighbours(&self) -> Vec<PathBuf> {
        let beside = |by| self.browsing.step(self.example, by).filter(|&example| example != self.example);
        [1, -1].into_iter().filter_map(beside).filter_map(|example| self.examples.get(example).cloned()).collect()
    }
}
