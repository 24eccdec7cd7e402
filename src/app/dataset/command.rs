//! What can be asked of the dataset: the browser's and the head atlas's wishes.

use std::sync::Arc;

use super::AtlasChoice;

/// One wish about the dataset.
#[derive(Clone, Debug, PartialEq)]
pub enum DatasetCommand {
    /// Show the examples that this query keeps.
    SetFilter(String),
    /// Keep these rows of the table alone, as a lasso found them; `None` keeps all again.
    Pick(Option<Arc<Vec<u32>>>),
    /// Bring the browser to the front, ready to type a filter.
    FocusFilter,
    /// Sort by a column; the same one again turns the order, a third time ends it.
    SortBy(String),
    /// Show a column, or hide it.
    ToggleColumn(String),
    /// Write the index of the folder, or bring it up to date.
    Index,
    /// Stop that.
    CancelIndexing,
    /// Bring the head atlas to the front.
    FocusAtlas,
    /// What the head atlas shows.
    SetAtlas(Box<AtlasChoice>),
    /// List the extreme examples of this head: layer and head; `None` lists none.
    SelectCell(Option<(usize, usize)>),
}
