//! `vlscope examples`: the examples of an indexed dataset that a filter keeps, in the order of a column.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::table::{FormatArguments, print_json, print_rows};
use super::terminal;
use crate::dataset::table::{Filter, HeadColumn, Value};
use crate::dataset::{Dataset, IndexError, Order};

const EXAMPLES: &str = "Examples:
  vlscope examples traces/ --filter 'is:wrong question_type=color' --limit 10
  vlscope examples traces/ --filter '/circle|square/ -prediction~^bl' --columns id,text,prediction
  vlscope examples traces/ --filter 'entropy[3.1]>1.5' --sort 'mass.text.image[3.1]:desc' --csv > found.csv

A filter is terms with spaces between them, which must all hold: a word, \"two words\" or /a regular expression/ in any text
column; a column compared with a value by =, !=, <, <=, >, >= or ~ (a regular expression); is:right, is:wrong, is:broken; each
with a - before it if it must not hold. A statistic of one head is a column: entropy[2.3] is that of layer 2, head 3. `prediction`
means `output_prediction`, and `color` means `attribute_color`, where no column has the shorter name. docs/datasets.md says more.";

/// The columns that are shown if nobody says which.
const COLUMNS: [&str; 5] = ["id", "text", "prediction", "answer", "correct"];

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The dataset: a folder with an index.
    dir: PathBuf,
    /// Which examples; all if not given.
    #[arg(long, value_name = "QUERY", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    filter: String,
    /// A column, or a statistic of one head, and `:desc` behind it for the largest first.
    #[arg(long, value_name = "COLUMN[:desc]")]
    sort: Option<Order>,
    /// Which columns, separated by commas; `all` for every one but `example` and `mtime_ns`, which programs read.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<String>,
    /// The first N alone.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// The folder of the index, instead of `.vlscope` in the dataset.
    #[arg(long, value_name = "DIR")]
    index_dir: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArguments,
}

#[derive(Serialize)]
struct Report {
    /// Examples of the dataset.
    of: usize,
    /// Those that the filter keeps.
    count: usize,
    examples: Vec<Map<String, Json>>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let dataset = open(&arguments.dir, arguments.index_dir.as_deref())?;
    let mut rows = filtered(&dataset, &arguments.filter)?;
    if let Some(order) = &arguments.sort {
        dataset.sort(&mut rows, order).map_err(|why| anyhow!("--sort: {why}"))?;
    }
    let count = rows.len();
    rows.truncate(arguments.limit.unwrap_or(count));
    let columns = columns(&dataset, &arguments.columns, &rows);
    if arguments.format.json {
        let examples = objects(&dataset, &columns, &rows)?;
        return print_json(&Report { of: dataset.table.len(), count, examples });
    }
    let cells = columns.iter().map(|column| dataset.texts(column, &rows).map_err(|why| anyhow!("--columns: {why}")));
    let cells: Vec<Vec<String>> = cells.collect::<Result<_>>()?;
    let rows: Vec<Vec<String>> =
        (0..rows.len()).map(|row| cells.iter().map(|column| column[row].clone()).collect()).collect();
    print_rows(arguments.format.csv, &columns.iter().map(String::as_str).collect::<Vec<_>>(), &rows)?;
    if !arguments.format.csv {
        terminal::print(format_args!("\n{count} of {} examples", dataset.table.len()))?;
    }
    Ok(())
}

/// Opens an indexed dataset.
///
/// # Errors
/// If it has no index; the message says how one is made.
pub fn open(dir: &Path, index_dir: Option<&Path>) -> Result<Dataset> {
    Dataset::open(dir, index_dir).map_err(|error| match error {
        IndexError::Missing { path } => {
            let dir = dir.display();
            anyhow!("there is no index in {}: make one with `vlscope index {dir}`", path.display())
        }
        other => other.into(),
    })
}

/// The rows that a query keeps.
///
/// # Errors
/// If it is not understood; the message points at the place.
pub fn filtered(dataset: &Dataset, query: &str) -> Result<Vec<u32>> {
    let kept = Filter::parse(query).and_then(|filter| dataset.rows(&filter));
    kept.map_err(|error| anyhow!("--filter: {}", error.pointing(query)))
}

fn columns(dataset: &Dataset, wanted: &[String], rows: &[u32]) -> Vec<String> {
    if wanted.iter().any(|column| column == "all") {
        return dataset.table.columns().iter().map(|column| column.name.clone()).collect();
    }
    if !wanted.is_empty() {
        return wanted.to_vec();
    }
    let table = &dataset.table;
    let known = COLUMNS.iter().filter(|column| table.column(column).is_some());
    let mut columns: Vec<String> = known.map(|column| (*column).to_owned()).collect();
    let count = |column: &str| match table.column(column) {
        Some(column) => rows.iter().filter(|row| column.values.value(**row as usize) != Value::None).count(),
        None => 0,
    };
    // What has no name of its own is named by its file, and what could not be read says why.
    if count("id") < rows.len() {
        columns.insert(0, "path".to_owned());
    }
    if count("error") > 0 {
        columns.push("error".to_owned());
    }
    columns
}

fn objects(dataset: &Dataset, columns: &[String], rows: &[u32]) -> Result<Vec<Map<String, Json>>> {
    let mut objects = vec![Map::new(); rows.len()];
    for name in columns {
        let wrong = |why| anyhow!("--columns: {why}");
        let values: Vec<Json> = match HeadColumn::parse(name) {
            Some(column) => {
                let values = dataset.head(&column.map_err(wrong)?).map_err(wrong)?;
                rows.iter().map(|&row| Json::from(Some(values[row as usize]).filter(|value| !value.is_nan()))).collect()
            }
            None => {
                let column = dataset.table.required(name).map_err(wrong)?;
                rows.iter().map(|&row| json(column.values.value(row as usize))).collect()
            }
        };
        objects.iter_mut().zip(values).for_each(|(object, value)| {
            object.insert(name.clone(), value);
        });
    }
    Ok(objects)
}

/// A cell as JSON: whole numbers as such.
fn json(value: Value<'_>) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Text(text) => Json::from(text),
        Value::Flag(flag) => Json::from(flag),
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 2_f64.powi(53) => Json::from(number as i64),
        Value::Number(number) => Json::from(number),
    }
}
