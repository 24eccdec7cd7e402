//! Which keys of `outputs` and `attributes`, and which metrics, have a column of their own. A column costs a tenth of a megabyte
//! where it is written, however few values it has, and traces may have keys that no other trace has: so there are at most
//! [`COLUMNS`] of each kind, and the values of all other keys lie together as JSON in one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::rows::{Content, Row};
use super::schema::{METRIC_PREFIX, metric_columns};

/// The most columns of each kind, which an index keeps to as long as one process at a time writes to it.
const COLUMNS: usize = 128;
/// The longest name of a column, in bytes.
const NAME_BYTES: usize = 200;

/// What may be a column or lie among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Outputs,
    Attributes,
    Metrics,
}

impl Kind {
    /// How the names of its columns begin.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Outputs => "output_",
            Self::Attributes => "attribute_",
            Self::Metrics => METRIC_PREFIX,
        }
    }

    /// The column of all that has none of its own.
    pub fn more(self) -> &'static str {
        match self {
            Self::Outputs => "more_outputs",
            Self::Attributes => "more_attributes",
            Self::Metrics => "more_metrics",
        }
    }

    /// The map of a document, if it is one.
    pub fn map(self, content: &Content) -> Option<&Map<String, Value>> {
        match self {
            Self::Outputs => Some(&content.document.outputs),
            Self::Attributes => Some(&content.document.attributes),
            Self::Metrics => None,
        }
    }
}

/// The names of the columns. What once is a column stays one, so that all parts have the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    names: BTreeSet<String>,
}

impl Columns {
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Learns the columns of a part that is there.
    pub fn learn<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let kinds = [Kind::Outputs, Kind::Attributes, Kind::Metrics];
        let is_free = |name: &&str| kinds.iter().any(|kind| name.starts_with(kind.prefix()));
        self.names.extend(names.filter(is_free).map(str::to_owned));
    }

    /// Makes columns of what most of these rows have, as far as there may be more.
    pub fn choose(&mut self, rows: &[Row]) {
        for kind in [Kind::Outputs, Kind::Attributes, Kind::Metrics] {
            let mut rows_of: BTreeMap<String, usize> = BTreeMap::new();
            for content in rows.iter().filter_map(|row| row.content.as_ref().ok()) {
                names(kind, content).for_each(|name| *rows_of.entry(name).or_default() += 1);
            }
            rows_of.retain(|name, _| name.len() <= NAME_BYTES && !self.has(name));
            let taken = self.names.iter().filter(|name| name.starts_with(kind.prefix())).count();
            let mut new: Vec<(String, usize)> = rows_of.into_iter().collect();
            new.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
            self.names.extend(new.into_iter().map(|(name, _)| name).take(COLUMNS.saturating_sub(taken)));
        }
    }
}

fn names(kind: Kind, content: &Content) -> Box<dyn Iterator<Item = String> + '_> {
    match kind.map(content) {
        Some(map) => {
            let present = map.iter().filter(|(_, value)| !value.is_null());
            Box::new(present.map(move |(key, _)| format!("{}{key}", kind.prefix())))
        }
        None => {
            let metrics = &content.document.head_metrics;
            let of_block = move |block| {
                metric_columns(metrics.iter().filter(move |metric| metric.block == block).map(|it| it.name.as_str()))
            };
            Box::new((0..content.document.attention.len()).flat_map(of_block))
        }
    }
}
