//! The head atlas: one statistic of all heads over many examples, or the difference of two groups of them.

use std::sync::Arc;

use super::StatisticGrid;
use crate::analysis::statistics::mean;
use crate::analysis::{Pick, Selection};
use crate::dataset::head_stats::{
    Aggregate, Difference, Grid, HeadValues, StatsError, aggregate, definition, difference, extremes,
};
use crate::dataset::table::{Filter, QueryError};
use crate::dataset::{Dataset, IndexError};
use crate::trace::{Block, Document};
use crate::typed::choice;

/// A head whose corrected p-value lies below is marked.
pub const SIGNIFICANT: f32 = 0.05;
/// Permutations if nobody says how many: the smallest p-value is 0.001.
pub const PERMUTATIONS: u32 = 999;

choice! {
    /// What the atlas shows of each head.
    #[derive(Default)]
    pub enum AtlasValue {
        /// The mean over group A.
        #[default]
        Mean = "mean";
        /// The deviation within group A.
        Deviation = "deviation";
        /// The smallest value in group A.
        Minimum = "min", "minimum";
        /// The largest value in group A.
        Maximum = "max", "maximum";
        /// The mean of A minus that of B.
        Difference = "difference", "difference of means";
        /// Cohen's d.
        Effect = "effect", "effect (Cohen's d)";
        /// The corrected p-value.
        P = "p", "p-value";
    }
}

/// What has to be known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AtlasQuestion {
    /// By its name or its column's.
    pub statistic: String,
    /// `None` for the first.
    pub block: Option<String>,
    /// The filter of group A.
    pub a: String,
    /// The filter of group B; `None` for one group alone.
    pub b: Option<String>,
    /// Rows that a lasso found, ascending: no others are in a group; `None` for all.
    pub picked: Option<Arc<Vec<u32>>>,
    /// 0 for no p-values.
    pub permutations: u32,
}

/// The numbers.
#[derive(Clone, Debug)]
pub struct Atlas {
    /// What was asked.
    pub question: AtlasQuestion,
    /// The block's heads.
    pub grid: Grid,
    /// The names of all blocks.
    pub blocks: Vec<String>,
    /// Of all examples and blocks.
    pub values: Arc<HeadValues>,
    /// Group A: rows of the table.
    pub a: Vec<u32>,
    /// Group B.
    pub b: Vec<u32>,
    /// Examples that both filters keep: they are in neither group.
    pub in_both: usize,
    /// Examples of the dataset.
    pub examples: usize,
    /// Of group A.
    pub aggregate: Aggregate,
    /// Where there are two groups.
    pub difference: Option<Difference>,
}

/// Why there is no atlas.
#[derive(Debug, thiserror::Error)]
pub enum AtlasError {
    /// The dataset has no index.
    #[error("the head atlas needs an index: `vlscope index {0}` makes one")]
    NoIndex(String),
    /// The filter of group A.
    #[error("group A: {0}")]
    A(QueryError),
    /// The filter of group B.
    #[error("group B: {0}")]
    B(QueryError),
    /// The statistic, or the block.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// The caller said so.
    #[error("cancelled")]
    Cancelled,
}

impl From<IndexError> for AtlasError {
    fn from(error: IndexError) -> Self {
        Self::Stats(error.into())
    }
}

impl AtlasValue {
    /// Whether it is of two groups.
    pub fn compares(self) -> bool {
        matches!(self, Self::Difference | Self::Effect | Self::P)
    }
}

impl Atlas {
    /// Computes it. `goes_on` is told after each permutation.
    ///
    /// # Errors
    /// If a filter, the statistic or the block is not understood, the dataset has no index, or `goes_on` says no.
    pub fn of(
        dataset: &Dataset,
        question: &AtlasQuestion,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, AtlasError> {
        let heads = dataset.heads().ok_or_else(|| AtlasError::NoIndex(dataset.table.root().display().to_string()))?;
        let rows = |query: &str| {
            let filter = Filter::parse(query)?;
            dataset.rows_within(&filter, question.picked.as_deref().map(Vec::as_slice))
        };
        let mut a = rows(&question.a).map_err(AtlasError::A)?;
        let mut b = question.b.as_deref().map_or(Ok(Vec::new()), rows).map_err(AtlasError::B)?;
        let in_both = take_common(&mut a, &mut b, dataset.table.len());
        let grid = heads.grid(question.block.as_deref())?.clone();
        let blocks = heads.grids()?.iter().map(|grid| grid.block.clone()).collect();
        let values = heads.values(&question.statistic)?;
        let aggregate = aggregate(&values, &a);
        let difference = match question.b {
            // Other blocks are other questions: what they say does not count among the heads that are corrected for.
            Some(_) => {
                let own = values.block(&grid);
                let found = difference(&own, [&a, &b], question.permutations, 0, goes_on);
                Some(found.ok_or(AtlasError::Cancelled)?)
            }
            None => None,
        };
        let examples = dataset.table.len();
        Ok(Self { question: question.clone(), grid, blocks, values, a, b, in_both, examples, aggregate, difference })
    }

    /// `[layers, heads]` of a value.
    pub fn numbers(&self, value: AtlasValue) -> Vec<f32> {
        let of_block = |numbers: &[f32]| numbers.get(self.grid.cells()).unwrap_or_default().to_vec();
        let compared = |numbers: fn(&Difference) -> &Vec<f32>| {
            let none = || vec![f32::NAN; self.grid.cells().len()];
            self.difference.as_ref().map_or_else(none, |found| numbers(found).clone())
        };
        match value {
            AtlasValue::Mean => of_block(&self.aggregate.mean),
            AtlasValue::Deviation => of_block(&self.aggregate.deviation),
            AtlasValue::Minimum => of_block(&self.aggregate.minimum),
            AtlasValue::Maximum => of_block(&self.aggregate.maximum),
            AtlasValue::Difference => compared(|found| &found.difference),
            AtlasValue::Effect => compared(|found| &found.effect),
            AtlasValue::P => compared(|found| &found.p),
        }
    }

    /// How many examples of group A have a value, by head of the block.
    pub fn counts(&self) -> Vec<u32> {
        self.aggregate.count.get(self.grid.cells()).unwrap_or_default().to_vec()
    }

    /// The heads that differ significantly, by head of the block.
    pub fn marked(&self) -> Vec<bool> {
        self.difference.as_ref().map_or_else(Vec::new, |found| found.p.iter().map(|&p| p < SIGNIFICANT).collect())
    }

    /// The statistic as a person reads it, and its unit.
    pub fn statistic(&self) -> (String, &'static str) {
        match definition(&self.question.statistic) {
            Some(found) => (found.label.to_owned(), found.unit),
            None => (self.question.statistic.trim_start_matches("metric_").replace('_', " "), ""),
        }
    }

    /// The examples with the highest and the lowest values of a head, among both groups, as (row, value).
    pub fn extremes(&self, layer: usize, head: usize, count: usize) -> [Vec<(u32, f32)>; 2] {
        let Some(cell) = self.grid.cell(layer, head) else { return Default::default() };
        let mut rows: Vec<u32> = self.a.iter().chain(&self.b).copied().collect();
        rows.sort_unstable();
        extremes(&self.values, &rows, cell, count)
    }

    /// What the heads view shows of it.
    pub fn shown(&self, value: AtlasValue) -> StatisticGrid {
        let values = self.numbers(value);
        let (name, unit) = self.statistic();
        let heads = self.grid.heads;
        // A mean of p-values is none.
        let has_means = value != AtlasValue::P;
        let layer = |layer: usize| mean(&values[layer * heads..(layer + 1) * heads]);
        let head = |head: usize| mean(&values.iter().skip(head).step_by(heads).copied().collect::<Vec<_>>());
        let marked = if value.compares() { self.marked() } else { Vec::new() };
        let legend = match &self.difference {
            Some(found) if !marked.is_empty() && found.permutations > 0 => {
                let count = marked.iter().filter(|marked| **marked).count();
                format!("{count} with a dot: p < {SIGNIFICANT}, {} permutations", found.permutations)
            }
            _ => String::new(),
        };
        let unit = match value {
            AtlasValue::Effect => "pooled deviations",
            AtlasValue::P => "corrected for the number of heads",
            _ => unit,
        };
        StatisticGrid {
            name: self.question.statistic.clone(),
            label: match value {
                AtlasValue::Effect => format!("{name}, Cohen's d"),
                _ => format!("{name}, {}", value.label()),
            },
            unit: [unit, &legend].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; "),
            layers: self.grid.layers(),
            layer_numbers: self.grid.numbers.clone(),
            heads,
            layer_mean: if has_means { (0..self.grid.layers()).map(layer).collect() } else { Vec::new() },
            head_mean: if has_means { (0..heads).map(head).collect() } else { Vec::new() },
            diverging: matches!(value, AtlasValue::Difference | AtlasValue::Effect)
                || (unit == "standard deviations" && value != AtlasValue::Deviation),
            flat: None,
            range: (value == AtlasValue::P).then_some([0.0, 1.0]),
            marked,
            rows_left_out: Arc::default(),
            values,
        }
    }

    /// A document that names what the picture is of, as the heads view wants it.
    pub fn document(&self) -> Document {
        let numbers = Some(self.grid.numbers.clone());
        let block = |name: &String| Block { numbers: numbers.clone(), ..Block::new(name, 0, 0, self.grid.layers()) };
        Document { id: Some(self.groups()), attention: self.blocks.iter().map(block).collect(), ..Document::default() }
    }

    /// The block, and a head of it if one is chosen.
    pub fn selection(&self, chosen: Option<(usize, usize)>) -> Selection {
        // A head that is not there: nothing is framed.
        let (layer, head) = chosen.unwrap_or((usize::MAX, usize::MAX));
        let block = self.blocks.iter().position(|block| *block == self.grid.block).unwrap_or(0);
        Selection { block, layer: Pick::One(layer), head: Pick::One(head), ..Selection::default() }
    }

    /// Which examples: counts and filters, as a title says it.
    pub fn groups(&self) -> String {
        let lasso = if self.question.picked.is_some() { " in the lasso" } else { "" };
        let named = |query: &str| match query.trim() {
            "" => format!("all examples{lasso}"),
            query => format!("{query}{lasso}"),
        };
        let a = format!("{} ({} of {})", named(&self.question.a), self.a.len(), self.examples);
        match &self.question.b {
            Some(b) => format!("{a} − {} ({})", named(b), self.b.len()),
            None => a,
        }
    }
}

/// Takes what is in both out of both; how many they are.
fn take_common(a: &mut Vec<u32>, b: &mut Vec<u32>, examples: usize) -> usize {
    let mut times = vec![0_u8; examples];
    a.iter().chain(&*b).for_each(|&row| times[row as usize] += 1);
    let before = a.len();
    a.retain(|&row| times[row as usize] == 1);
    b.retain(|&row| times[row as usize] == 1);
    before - a.len()
}
