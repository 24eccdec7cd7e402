//! A dataset as it is opened: with an index, without one, and what its heads say.

use std::error::Error;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use vlscope::analysis::Engine;
use vlscope::analysis::statistics::{Options, statistic};
use vlscope::dataset::index::{Build, BuildOptions};
use vlscope::dataset::table::{Filter, HeadColumn, Value};
use vlscope::dataset::{Dataset, IndexError, Order, traces_in};
use vlscope::trace::Trace;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const TRACES: [&str; 5] = ["multi-image", "encoder-decoder", "vl-interpret-0", "vl-interpret-1", "broken-box"];

/// Traces of several models, one of them broken.
fn folder() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("more"))?;
    for (number, name) in TRACES.iter().enumerate() {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/traces/{name}.safetensors"));
        let to = if number % 2 == 0 { folder.path().to_owned() } else { folder.path().join("more") };
        fs::copy(from, to.join(format!("{name}.safetensors")))?;
    }
    Ok(folder)
}

fn indexed() -> Result<(TempDir, Dataset)> {
    let folder = folder()?;
    Build::plan(folder.path(), BuildOptions::default())?.run(&|_| true)?;
    let dataset = Dataset::open(folder.path(), None)?;
    Ok((folder, dataset))
}

fn row_of(dataset: &Dataset, name: &str) -> Result<usize> {
    let rows = 0..dataset.table.len();
    let found = rows.into_iter().find(|&row| dataset.table.value("path", row).text().contains(name));
    Ok(found.ok_or_else(|| format!("{name} is not listed"))?)
}

#[test]
fn headers_say_the_same_as_the_index() -> Result {
    let (folder, with) = indexed()?;
    let without = Dataset::of_headers(folder.path(), &traces_in(folder.path())?.files, &|| true).ok_or("cancelled")?;
    assert_eq!((with.table.len(), without.table.len()), (TRACES.len(), TRACES.len()));
    assert_eq!(with.table.keys(), without.table.keys());
    let names = |dataset: &Dataset| -> Vec<String> {
        let mut names: Vec<_> = dataset.table.columns().iter().map(|column| column.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&with), names(&without));
    for name in names(&with) {
        for row in 0..with.table.len() {
            assert_eq!(with.table.value(&name, row), without.table.value(&name, row), "{name} of row {row}");
        }
    }
    assert!(without.heads().is_none() && without.head(&HeadColumn::parse("entropy[0.0]").ok_or("no head")??).is_err());
    assert!(Dataset::of_headers(folder.path(), &traces_in(folder.path())?.files, &|| false).is_none());
    assert!(matches!(Dataset::open(tempfile::tempdir()?.path(), None), Err(IndexError::Missing { .. })));
    Ok(())
}

#[test]
fn each_head_of_each_block_has_the_value_that_its_trace_gives() -> Result {
    let (_folder, dataset) = indexed()?;
    let heads = dataset.heads().ok_or("no heads")?;
    let wanted = statistic("entropy").ok_or("no entropy")?.name;
    let values = heads.values(wanted)?;
    let engine = Engine::cpu();
    for name in ["multi-image", "encoder-decoder"] {
        let row = row_of(&dataset, name)?;
        let trace = Trace::open(&dataset.table.path(row))?;
        let mut known = 0;
        for (index, block) in trace.document().attention.iter().enumerate() {
            let grid = heads.grid(Some(&block.name))?;
            let found = engine.statistics(&trace, index, &Options::default(), &mut |_, _| true)?;
            let found = found.iter().find(|found| found.name == wanted).ok_or("no entropy")?;
            for layer in 0..block.layers {
                for head in 0..trace.heads(index, layer) {
                    let stored = values.row(row)[grid.cell(layer, head).ok_or("no cell")?];
                    let computed = found.value(layer, head);
                    assert!(stored == computed || (stored.is_nan() && !computed.is_finite()), "{name} {layer} {head}");
                    known += 1;
                }
            }
        }
        let present = values.row(row).iter().filter(|value| !value.is_nan()).count();
        assert!(present <= known, "heads that the trace lacks have no value");
    }
    let broken = row_of(&dataset, "broken-box")?;
    assert!(values.row(broken).iter().all(|value| value.is_nan()));
    Ok(())
}

#[test]
fn heads_filter_and_sort_by_block_layer_and_number() -> Result {
    let (_folder, dataset) = indexed()?;
    let rows = dataset.rows(&Filter::parse("entropy[cross:0.0]>0")?)?;
    let paths: Vec<_> = rows.iter().map(|&row| dataset.table.value("path", row as usize).text()).collect();
    assert_eq!(paths, ["more/encoder-decoder.safetensors"]);
    let broken = dataset.rows(&Filter::parse("is:broken")?)?;
    assert_eq!(broken, [row_of(&dataset, "broken-box")? as u32]);
    let mut all: Vec<u32> = (0..dataset.table.len() as u32).collect();
    let order: Order = "entropy[self:0.0]:desc".parse()?;
    dataset.sort(&mut all, &order)?;
    let column = dataset.head(&HeadColumn::parse("entropy[self:0.0]").ok_or("no head")??)?;
    let sorted: Vec<f32> = all.iter().map(|&row| column[row as usize]).take_while(|value| !value.is_nan()).collect();
    assert!(sorted.len() >= 2 && sorted.is_sorted_by(|a, b| a >= b), "{sorted:?}");
    let error = dataset.rows(&Filter::parse("entropy[nowhere:0.0]>0")?).err().ok_or("it was found")?;
    assert!(error.message.contains("no attention block is called `nowhere`: there are "), "{}", error.message);
    Ok(())
}

#[test]
fn pictures_come_from_the_index_or_the_trace() -> Result {
    let (folder, with) = indexed()?;
    let without = Dataset::of_headers(folder.path(), &traces_in(folder.path())?.files, &|| true).ok_or("cancelled")?;
    // The last first: pictures come in the order in which they were asked for.
    let rows: Vec<u32> = (0..with.table.len() as u32).rev().collect();
    let (indexed, read) = (with.thumbnails(&rows), without.thumbnails(&rows));
    let has_image = |row: u32| matches!(with.table.value("images", row as usize), Value::Number(count) if count > 0.0);
    for ((row, indexed), read) in rows.into_iter().zip(&indexed).zip(&read) {
        assert_eq!(indexed.is_some(), has_image(row), "row {row}");
        assert_eq!(indexed, read, "row {row}");
        assert!(indexed.as_ref().is_none_or(|image| image.width().max(image.height()) <= 96));
    }
    Ok(())
}
