//! The open dataset in the window: what the browser and the head atlas show, and what can be asked of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::app::model::facets::{Chip, Facet, facets};
use crate::dataset::table::{QueryError, Value};
use crate::dataset::{Dataset, Order};
use crate::query::{Atlas, AtlasQuestion, AtlasValue, PERMUTATIONS};

/// Examples that the head atlas lists at either end.
const EXTREMES: usize = 20;
/// Columns whose texts are names that may all begin alike.
const NAMES: [&str; 2] = ["id", "path"];
/// The statistic that the atlas begins with.
const FIRST_STATISTIC: &str = "mass.text.image";

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

/// What the window knows of the open dataset.
#[derive(Debug, Default)]
pub struct Browsing {
    /// One row an example, in the order of [`State::examples`](crate::app::State::examples).
    pub dataset: Option<Arc<Dataset>>,
    /// Counts datasets.
    pub serial: u64,
    /// As typed.
    pub query: String,
    /// Rows that a lasso found, ascending: no others are shown; `None` for all.
    pub picked: Option<Arc<Vec<u32>>>,
    /// By what the rows are sorted; `None` for their paths.
    pub order: Option<Order>,
    /// Columns that are shown beside the usual ones.
    pub columns: Vec<String>,
    /// The rows for the last query that was understood.
    pub listing: Listing,
    /// Why the query is not understood.
    pub error: Option<QueryError>,
    /// Counts the wishes to type a filter.
    pub filter_wanted: u64,
    /// Values by which the examples divide.
    pub facets: Vec<Facet>,
    /// Columns in which no example has a value.
    pub empty_columns: Vec<String>,
    /// How all ids begin, and all paths, up to the last mark between words.
    pub beginnings: HashMap<&'static str, String>,
    /// What has changed in the folder since it was indexed.
    pub changes: Arc<Changes>,
    /// What goes on in the background.
    pub work: Option<Work>,
    /// The head atlas.
    pub atlas: AtlasPanel,
}

/// The rows that the browser shows.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Of the table, in their order.
    pub rows: Arc<Vec<u32>>,
    /// Statistics of heads that are columns: `[examples]`.
    pub heads: Vec<(String, Arc<Vec<f32>>)>,
    /// The query whose rows these are.
    pub query: String,
}

/// What has changed in a folder since it was indexed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows whose files are no longer as they were.
    pub rows: HashSet<u32>,
    /// Traces that the index does not know.
    pub new: usize,
}

/// Work in the background that takes a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// What it does.
    pub kind: WorkKind,
    /// Examples that are done.
    pub done: usize,
    /// Of how many; 0 while that is not known.
    pub of: usize,
}

/// What is done to the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkKind {
    /// The folder is searched, or its index read.
    Opening,
    /// Headers are read.
    Reading,
    /// The index is written.
    Indexing,
}

/// What the head atlas shows.
#[derive(Clone, Debug, PartialEq)]
pub struct AtlasChoice {
    /// By its name or its column's.
    pub statistic: String,
    /// `None` for the first.
    pub block: Option<String>,
    /// What of it.
    pub value: AtlasValue,
    /// The filter of group A, within the browser's.
    pub a: String,
    /// The filter of group B, within the browser's; `None` for one group alone.
    pub b: Option<String>,
}

/// The head atlas.
#[derive(Debug, Default)]
pub struct AtlasPanel {
    /// What is wanted.
    pub choice: AtlasChoice,
    /// The last that was computed.
    pub shown: Option<Arc<Atlas>>,
    /// Why there is none for what is wanted.
    pub error: Option<String>,
    /// Whose extreme examples are listed: layer and head.
    pub cell: Option<(usize, usize)>,
    /// The highest and the lowest there, as (row, value).
    pub extremes: [Vec<(u32, f32)>; 2],
    /// Permutations that are done, while they run.
    pub permuting: Option<u32>,
    /// Whether anybody looks at it.
    pub is_shown: bool,
}

/// Two groups that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// As it is offered.
    pub label: String,
    /// Filter of group A.
    pub a: String,
    /// Filter of group B.
    pub b: String,
}

impl Default for AtlasChoice {
    fn default() -> Self {
        Self { statistic: FIRST_STATISTIC.to_owned(), block: None, value: AtlasValue::Mean, a: String::new(), b: None }
    }
}

impl AtlasChoice {
    /// The filtered examples, undivided.
    pub fn of_one_group(&self) -> Self {
        let value = if self.value.compares() { AtlasValue::Mean } else { self.value };
        Self { a: String::new(), b: None, value, ..self.clone() }
    }

    /// Two groups of them.
    pub fn comparing(&self, a: String, b: String) -> Self {
        let value = if self.value.compares() { self.value } else { AtlasValue::Difference };
        Self { a, b: Some(b), value, ..self.clone() }
    }
}

impl Browsing {
    /// Another dataset will be opened: what was chosen in this one means nothing there.
    pub fn forget(&mut self) {
        let (serial, filter_wanted, is_shown) = (self.serial, self.filter_wanted, self.atlas.is_shown);
        *self = Self { serial, filter_wanted, ..Self::default() };
        self.atlas.is_shown = is_shown;
    }

    /// Another dataset, or more of the same one.
    pub fn set_dataset(&mut self, dataset: Dataset) {
        let all = (0..dataset.table.len() as u32).collect();
        self.serial += 1;
        self.picked = None;
        self.atlas.shown = None;
        self.changes = Arc::default();
        self.listing = Listing { rows: Arc::new(all), ..Listing::default() };
        self.facets = facets(&dataset);
        let has_value = |name: &str| (0..dataset.table.len()).any(|row| dataset.table.value(name, row) != Value::None);
        let names = dataset.table.columns().iter().map(|column| &column.name);
        self.empty_columns = names.filter(|name| !has_value(name)).cloned().collect();
        self.beginnings = NAMES.into_iter().map(|name| (name, common_beginning(&dataset, name))).collect();
        self.dataset = Some(Arc::new(dataset));
    }

    /// Where an example stands among the rows that are shown.
    pub fn place(&self, example: usize) -> Option<usize> {
        self.listing.rows.iter().position(|&row| row as usize == example)
    }

    /// The example so many rows further, in the order that is shown; stops at the ends. From one that is not shown: the first.
    pub fn step(&self, example: usize, by: isize) -> Option<usize> {
        let last = self.listing.rows.len().checked_sub(1)?;
        let place = self.place(example).map_or(0, |place| place.saturating_add_signed(by).min(last));
        self.listing.rows.get(place).map(|&row| row as usize)
    }

    /// What has to be known for the atlas; `None` while nobody looks at it.
    pub fn atlas_question(&self) -> Option<AtlasQuestion> {
        let has_heads = self.dataset.as_ref().is_some_and(|dataset| dataset.heads().is_some());
        let choice = &self.atlas.choice;
        let within = |query: &String| format!("{} {query}", self.listing.query).trim().to_owned();
        (self.atlas.is_shown && has_heads).then(|| AtlasQuestion {
            statistic: choice.statistic.clone(),
            block: choice.block.clone(),
            a: within(&choice.a),
            b: choice.b.as_ref().map(within),
            picked: self.picked.clone(),
            permutations: PERMUTATIONS,
        })
    }

    /// The numbers of the atlas have come.
    pub fn set_atlas(&mut self, atlas: Atlas) {
        self.atlas.shown = Some(Arc::new(atlas));
        self.atlas.error = None;
        self.list_extremes();
    }

    /// Groups that the dataset suggests: right and wrong, and the values of columns that have few.
    pub fn groups(&self) -> Vec<Groups> {
        let of_facet = |(place, facet): (usize, &Facet)| -> Vec<Groups> {
            let about = if place == 0 && facet.is_of_answers() { String::new() } else { format!("{}: ", facet.name) };
            let groups = |a: &Chip, b: &str, term: &str| Groups {
                label: format!("{about}{} − {b}", a.label),
                a: a.term.clone(),
                b: term.to_owned(),
            };
            match &facet.chips[..] {
                [first, second] => vec![groups(first, &second.label, &second.term)],
                chips => chips.iter().map(|chip| groups(chip, "all others", &chip.others)).collect(),
            }
        };
        self.facets.iter().enumerate().flat_map(of_facet).collect()
    }

    /// Lists the extreme examples of the chosen head anew.
    pub fn list_extremes(&mut self) {
        self.atlas.extremes = match (&self.atlas.shown, self.atlas.cell) {
            (Some(atlas), Some((layer, head))) => atlas.extremes(layer, head, EXTREMES),
            _ => Default::default(),
        };
    }
}

/// How all texts of a column begin, up to the last mark between words; nothing where there is one alone.
fn common_beginning(dataset: &Dataset, column: &str) -> String {
    let text = |row| dataset.table.value(column, row).text();
    if dataset.table.len() < 2 {
        return String::new();
    }
    let mut common = text(0).into_owned();
    for row in 1..dataset.table.len() {
        let agrees = common.char_indices().zip(text(row).chars()).take_while(|((_, a), b)| a == b).last();
        common.truncate(agrees.map_or(0, |((at, letter), _)| at + letter.len_utf8()));
    }
    let mark = common.rfind(|letter: char| !letter.is_alphanumeric());
    common.truncate(mark.map_or(0, |at| at + common[at..].chars().next().map_or(0, char::len_utf8)));
    common
}
