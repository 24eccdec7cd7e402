//! The statistics of all heads of all examples: one number a head and example, read from the index a statistic at a time.

mod aggregate;
mod difference;
mod load;
#[cfg(test)]
mod tests;
mod values;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::index::{Index, IndexError, metric_column, statistic_column};
use super::table::HeadColumn;
use crate::analysis::statistics::{Statistic, TABLE};

pub use aggregate::{Aggregate, aggregate, extremes};
pub use difference::{Difference, difference};
pub use values::{Grid, HeadValues};

/// Statistics that are kept: as many as fit. The one that was asked for last stays, however large it is.
const CACHE_BYTES: usize = 192 << 20;

/// Where the numbers come from, and those that were read already.
#[derive(Debug)]
pub struct HeadStats {
    index: Index,
    /// Of the examples, in the order of the table.
    keys: Vec<i64>,
    /// Columns of the index.
    names: Vec<String>,
    layout: OnceLock<load::Layout>,
    read: Mutex<Vec<(String, Arc<HeadValues>)>>,
}

impl HeadStats {
    /// The statistics of an index. No number is read yet.
    ///
    /// # Errors
    /// If a part of the index cannot be read.
    pub fn new(index: Index, keys: Vec<i64>) -> Result<Self, IndexError> {
        let names = load::names(&index)?;
        Ok(Self { index, keys, names, layout: OnceLock::new(), read: Mutex::default() })
    }

    /// The columns of the index: statistics in the order of their table, then the traces' own metrics.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The heads of each block.
    ///
    /// # Errors
    /// If a part of the index cannot be read.
    pub fn grids(&self) -> Result<&[Grid], IndexError> {
        Ok(&self.layout()?.grids)
    }

    /// One statistic of all examples, by its name or its column's.
    ///
    /// # Errors
    /// If there is none of that name, or a part of the index cannot be read.
    pub fn values(&self, statistic: &str) -> Result<Arc<HeadValues>, StatsError> {
        let column = self.column_of(statistic)?;
        let lock = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut read = lock();
            if let Some(place) = read.iter().position(|(name, _)| *name == column) {
                let found = read.remove(place);
                read.push(found);
                return Ok(Arc::clone(&read[read.len() - 1].1));
            }
        }
        let values = Arc::new(load::values(&self.index, self.layout()?, &column)?);
        let mut read = lock();
        read.push((column, Arc::clone(&values)));
        let bytes = |read: &[(String, Arc<HeadValues>)]| -> usize {
            read.iter().map(|(_, values)| values.numbers.len() * size_of::<f32>()).sum()
        };
        while read.len() > 1 && bytes(&read) > CACHE_BYTES {
            read.remove(0);
        }
        Ok(values)
    }

    /// The statistic of one head: `[examples]`.
    ///
    /// # Errors
    /// If there is no such statistic, block or head, or a part of the index cannot be read.
    pub fn column(&self, column: &HeadColumn) -> Result<Vec<f32>, StatsError> {
        let grid = self.grid(column.block.as_deref())?;
        let layer = grid.layer_index(column.layer);
        let cell = layer.and_then(|layer| grid.cell(layer, column.head)).ok_or_else(|| {
            StatsError::Unknown(format!(
                "no example has layer {}, head {} in block `{}`: there are layers {} of {} heads",
                column.layer,
                column.head,
                grid.block,
                grid.layers_in_words(),
                grid.heads
            ))
        })?;
        Ok(self.values(&column.statistic)?.cell(cell))
    }

    /// The heads of a block; `None` for the first.
    ///
    /// # Errors
    /// If there is no such block, or a part of the index cannot be read.
    pub fn grid(&self, block: Option<&str>) -> Result<&Grid, StatsError> {
        let grids = self.grids()?;
        let found = match block {
            Some(name) => grids.iter().find(|grid| grid.block == name),
            None => grids.first(),
        };
        found.ok_or_else(|| match block {
            _ if grids.is_empty() => {
                StatsError::Unknown(format!("no example has attention: {}", self.index.folder().display()))
            }
            block => {
                let names: Vec<&str> = grids.iter().map(|grid| grid.block.as_str()).collect();
                let block = block.unwrap_or_default();
                StatsError::Unknown(format!("no attention block is called `{block}`: there are {}", names.join(", ")))
            }
        })
    }

    fn column_of(&self, statistic: &str) -> Result<String, StatsError> {
        let columns = [statistic_column(statistic), metric_column(statistic)];
        if let Some(column) = columns.into_iter().find(|column| self.names.contains(column)) {
            return Ok(column);
        }
        let all = self.names.iter().map(|name| definition(name).map_or(name.as_str(), |found| found.name));
        let all = all.collect::<Vec<_>>().join(", ");
        Err(StatsError::Unknown(format!("no statistic is called `{statistic}`: there are {all}")))
    }

    fn layout(&self) -> Result<&load::Layout, IndexError> {
        if let Some(layout) = self.layout.get() {
            return Ok(layout);
        }
        let layout = load::Layout::read(&self.index, &self.keys)?;
        Ok(self.layout.get_or_init(|| layout))
    }
}

/// What is known of the statistic of a column; `None` for a metric of the traces' own.
pub fn definition(column: &str) -> Option<&'static Statistic> {
    TABLE.iter().find(|statistic| statistic_column(statistic.name) == column || statistic.name == column)
}

/// Why there are no numbers.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// A name that nothing has.
    #[error("{0}")]
    Unknown(String),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
}
