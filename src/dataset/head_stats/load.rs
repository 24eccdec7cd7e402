//! From the `head_stats` of all parts, one row a head, to one row an example. Which number goes where is the same for every
//! statistic and is worked out once; then a statistic is one column of each part.

use std::collections::{BTreeSet, HashMap};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Int32Type, Int64Type};
use arrow_array::{Array as _, RecordBatch};
use rayon::prelude::*;

use super::values::{Grid, HeadValues};
use crate::analysis::statistics::TABLE;
use crate::dataset::index::{Index, IndexError, Part, Table, statistic_column};

/// A head that no example of the table has.
const NOWHERE: usize = usize::MAX;

#[derive(Debug)]
pub(super) struct Layout {
    pub grids: Vec<Grid>,
    examples: usize,
    cells: usize,
    /// By part, by row: where its number goes.
    places: Vec<Vec<usize>>,
}

/// Where a block is seen first: example, and row of its part.
type Seen = (usize, usize);
const NEVER: Seen = (NOWHERE, usize::MAX);

/// A row of a part: example, block (a number of the part's own), number of the layer, head.
type Place = (usize, u16, u16, u16);

/// The statistics that a part has, in the order of their table, then other numbers.
pub(super) fn names(index: &Index) -> Result<Vec<String>, IndexError> {
    let mut found = Vec::new();
    for part in index.parts() {
        for field in part.schema(Table::HeadStats)?.fields() {
            let is_number = *field.data_type() == arrow_schema::DataType::Float32;
            if is_number && !found.contains(field.name()) {
                found.push(field.name().clone());
            }
        }
    }
    let order = |name: &String| TABLE.iter().position(|statistic| statistic_column(statistic.name) == *name);
    found.sort_by_key(|name| order(name).unwrap_or(usize::MAX));
    Ok(found)
}

impl Layout {
    pub fn read(index: &Index, keys: &[i64]) -> Result<Self, IndexError> {
        let rows: HashMap<i64, usize> = keys.iter().enumerate().map(|(row, &key)| (key, row)).collect();
        let parts: Vec<(Vec<String>, Vec<Place>)> =
            index.parts().par_iter().map(|part| places_in(part, &rows)).collect::<Result<_, _>>()?;
        // In the order in which examples by their paths have them: parts come in the order in which they were made.
        let mut found: Vec<(Seen, Grid)> = Vec::new();
        for (blocks, places) in &parts {
            let mut sizes = vec![(NEVER, BTreeSet::new(), 0); blocks.len()];
            for (at, &(example, block, layer, head)) in places.iter().enumerate() {
                let (seen, numbers, heads) = &mut sizes[usize::from(block)];
                *seen = (*seen).min((example, at));
                numbers.insert(usize::from(layer));
                *heads = usize::from(head + 1).max(*heads);
            }
            for (block, (seen, mut numbers, heads)) in blocks.iter().zip(sizes) {
                match found.iter_mut().find(|(_, grid)| grid.block == *block) {
                    Some((first, grid)) => {
                        *first = seen.min(*first);
                        numbers.extend(&grid.numbers);
                        (grid.numbers, grid.heads) = (numbers.into_iter().collect(), grid.heads.max(heads));
                    }
                    None => {
                        let numbers = numbers.into_iter().collect();
                        found.push((seen, Grid { block: block.clone(), numbers, heads, first: 0 }));
                    }
                }
            }
        }
        found.sort_by_key(|(seen, _)| *seen);
        let mut grids: Vec<Grid> = found.into_iter().map(|(_, grid)| grid).collect();
        let mut cells = 0;
        for grid in &mut grids {
            grid.first = cells;
            cells += grid.layers() * grid.heads;
        }
        let places = parts.into_par_iter().map(|(blocks, places)| {
            let grids: Vec<Option<&Grid>> =
                blocks.iter().map(|block| grids.iter().find(|grid| grid.block == *block)).collect();
            let place = |(example, block, layer, head): Place| {
                let grid = grids[usize::from(block)]?;
                let cell = grid.cell(grid.layer_index(usize::from(layer))?, usize::from(head))?;
                (example != NOWHERE).then_some(example * cells + cell)
            };
            places.into_iter().map(|found| place(found).unwrap_or(NOWHERE)).collect()
        });
        let places = places.collect();
        Ok(Self { examples: keys.len(), cells, places, grids })
    }
}

/// One statistic of all examples.
pub(super) fn values(index: &Index, layout: &Layout, column: &str) -> Result<HeadValues, IndexError> {
    let parts: Vec<Vec<RecordBatch>> =
        index.parts().par_iter().map(|part| batches(part, &[column])).collect::<Result<_, _>>()?;
    let mut numbers = vec![f32::NAN; layout.examples * layout.cells];
    for (batches, places) in parts.iter().zip(&layout.places) {
        let mut places = places.iter();
        for batch in batches {
            let Some(found) = batch.column_by_name(column).and_then(|found| found.as_primitive_opt::<Float32Type>())
            else {
                continue;
            };
            for (row, &place) in places.by_ref().take(found.len()).enumerate() {
                if let Some(number) = numbers.get_mut(place).filter(|_| found.is_valid(row)) {
                    *number = found.value(row);
                }
            }
        }
    }
    Ok(HeadValues { cells: layout.cells, numbers })
}

fn places_in(part: &Part, rows: &HashMap<i64, usize>) -> Result<(Vec<String>, Vec<Place>), IndexError> {
    let mut blocks: Vec<String> = Vec::new();
    let mut places = Vec::with_capacity(part.rows(Table::HeadStats)?);
    let mut last = (0, NOWHERE);
    for batch in batches(part, &["example", "block", "layer", "head"])? {
        let integers = |name: &str| batch.column_by_name(name).and_then(|found| found.as_primitive_opt::<Int32Type>());
        let examples = batch.column_by_name("example").and_then(|found| found.as_primitive_opt::<Int64Type>());
        let names = batch.column_by_name("block").and_then(|found| found.as_string_opt::<i32>());
        let (Some(examples), Some(names), Some(layers), Some(heads)) =
            (examples, names, integers("layer"), integers("head"))
        else {
            return Err(broken(part, "it lacks `example`, `block`, `layer` or `head`"));
        };
        for row in 0..batch.num_rows() {
            let key = examples.value(row);
            if last.1 == NOWHERE || last.0 != key {
                last = (key, rows.get(&key).copied().unwrap_or(NOWHERE));
            }
            let name = names.value(row);
            let block = match blocks.iter().position(|block| block == name) {
                Some(block) => block,
                None => {
                    blocks.push(name.to_owned());
                    blocks.len() - 1
                }
            };
            let small = |number: i32| u16::try_from(number).ok();
            let (Ok(block), Some(layer), Some(head)) =
                (u16::try_from(block), small(layers.value(row)), small(heads.value(row)))
            else {
                return Err(broken(part, "it has a layer or a head beyond 65,535"));
            };
            places.push((last.1, block, layer, head));
        }
    }
    Ok((blocks, places))
}

fn batches(part: &Part, columns: &[&str]) -> Result<Vec<RecordBatch>, IndexError> {
    let reader = part.read(Table::HeadStats, columns)?;
    reader.collect::<Result<_, _>>().map_err(|error| broken(part, &error.to_string()))
}

fn broken(part: &Part, message: &str) -> IndexError {
    let path = part.folder().join(Table::HeadStats.file_name());
    IndexError::Table { doing: "read the index in", path, message: message.to_owned() }
}
