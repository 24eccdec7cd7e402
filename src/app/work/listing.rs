//! The examples that the browser shows: filtered, sorted, with the columns that were chosen; and what has changed since they
//! were indexed.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::app::model::browsing::{Browsing, Changes, Listing};
use crate::app::work::stamp::stamp;
use crate::dataset::table::{Filter, HeadColumn, QueryError};
use crate::dataset::{Dataset, Order, traces_in};

/// What the browser is to show.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuestion {
    /// As typed.
    pub query: String,
    /// Rows that a lasso found.
    pub picked: Option<Arc<Vec<u32>>>,
    /// By what they are sorted.
    pub order: Option<Order>,
    /// Columns that are statistics of heads.
    pub heads: Vec<String>,
}

impl ListQuestion {
    /// What has to be known for what is shown.
    pub fn of(browsing: &Browsing) -> Self {
        let is_head = |column: &&String| HeadColumn::parse(column).is_some();
        Self {
            query: browsing.query.clone(),
            picked: browsing.picked.clone(),
            order: browsing.order.clone(),
            heads: browsing.columns.iter().filter(is_head).cloned().collect(),
        }
    }
}

/// Filters and sorts.
///
/// # Errors
/// If the query cannot be understood, or there is no such column.
pub fn list(dataset: &Dataset, question: &ListQuestion) -> Result<Listing, QueryError> {
    Filter::parse(&question.query).and_then(|filter| {
        let mut rows = dataset.rows_within(&filter, question.picked.as_deref().map(Vec::as_slice))?;
        if let Some(order) = &question.order {
            dataset.sort(&mut rows, order).map_err(|message| QueryError { message, at: 0..0 })?;
        }
        let column =
            |name: &String| Some((name.clone(), Arc::new(dataset.head(&HeadColumn::parse(name)?.ok()?).ok()?)));
        let heads = question.heads.iter().filter_map(column).collect();
        Ok(Listing { rows: Arc::new(rows), heads, query: question.query.clone() })
    })
}

/// What has changed since the dataset was indexed; less of it once it need not go on. In this thread alone: a filter that is typed meanwhile has the others.
pub fn changes(dataset: &Dataset, goes_on: &dyn Fn() -> bool) -> Changes {
    let mut changes = Changes::default();
    let known = dataset.paths();
    for (row, path) in known.iter().enumerate() {
        if !goes_on() {
            return changes;
        }
        let stamp = stamp(path);
        if stamp.is_none() || stamp != dataset.table.stamp(row) {
            changes.rows.insert(row as u32);
        }
    }
    // A folder that cannot be searched has been told of by what was opened in it.
    let found = traces_in(dataset.table.root()).unwrap_or_default().files;
    let known: HashSet<PathBuf> = known.into_iter().collect();
    changes.new = found.iter().filter(|path| !known.contains(*path)).count();
    changes
}
