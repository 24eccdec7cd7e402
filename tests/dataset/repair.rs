//! Indexes that are not as they should be, and datasets whose traces do not agree.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{assert_same, begin, counts, dataset, index, parts, rows, vlscope};
use crate::traces::{Raw, Result, Tensor};
use serde_json::{Value, json};
use tempfile::TempDir;
use vlscope::dataset::index::{Index, Table};
use vlscope::dataset::table::Filter;
use vlscope::dataset::{Dataset, Order};

/// A sound trace with these outputs.
fn with_outputs(path: &Path, outputs: Value) -> Result {
    let mut raw = Raw::sound();
    raw.document["outputs"] = outputs;
    raw.write(path)
}

/// Six traces, a place for their index, and one that is whole; all as long as the folder.
fn beside_a_whole_index() -> Result<(TempDir, PathBuf, PathBuf, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let [traces, at, whole] = ["traces", "index", "whole"].map(|name| folder.path().join(name));
    dataset(&traces, 6)?;
    index(&traces, &whole, &[])?;
    Ok((folder, traces, at, whole))
}

fn copy_part(index: &Path, name: &str, copy: &str) -> Result {
    fs::create_dir(index.join(copy))?;
    for table in Table::ALL {
        fs::copy(index.join(name).join(table.file_name()), index.join(copy).join(table.file_name()))?;
    }
    Ok(())
}

/// What two runs leave on a file system without locks.
#[test]
fn an_example_in_two_parts_is_put_into_one() -> Result {
    let (_folder, traces, at, whole) = beside_a_whole_index()?;
    index(&traces, &at, &[])?;
    copy_part(&at, &parts(&at)?[0], "part-z")?;
    assert_eq!(counts(&index(&traces, &at, &[])?), [0, 6, 0]);
    assert_same(&at, &whole)?;
    assert_eq!(counts(&index(&traces, &at, &[])?), [0, 0, 0]);
    Ok(())
}

#[test]
fn a_damaged_part_is_set_aside_and_its_traces_read_again() -> Result {
    let (_folder, traces, at, whole) = beside_a_whole_index()?;
    index(&traces, &at, &["--part-traces", "2"])?;
    let names = parts(&at)?;
    let cut = at.join(&names[0]).join(Table::Examples.file_name());
    fs::write(&cut, &fs::read(&cut)?[..100])?;
    fs::remove_file(at.join(&names[1]).join(Table::Tokens.file_name()))?;
    fs::write(at.join("part-stray"), "no part")?;
    let output = begin(&traces, &at, &[])?.wait_with_output()?;
    let (report, said): (Value, _) = (serde_json::from_slice(&output.stdout)?, String::from_utf8(output.stderr)?);
    assert_eq!(counts(&report), [4, 0, 0], "{said}");
    assert_eq!(said.matches("; the part is set aside as ").count(), 3, "{said}");
    assert!(at.join(format!(".damaged-{}", names[0])).is_dir(), "nothing is deleted");
    assert_same(&at, &whole)
}

#[test]
fn a_key_without_a_value_says_nothing_of_its_type() -> Result {
    let folder = tempfile::tempdir()?;
    let at = folder.path().join(".vlscope");
    for (name, score) in [("a", json!(null)), ("b", json!(2)), ("c", json!(10)), ("d", json!(9))] {
        with_outputs(&folder.path().join(format!("{name}.safetensors")), json!({"score": score}))?;
    }
    index(folder.path(), &at, &["--part-traces", "1"])?;
    for part in Index::open(folder.path(), None)?.parts() {
        let schema = part.schema(Table::Examples)?;
        let field = schema.field_with_name("output_score").ok();
        assert!(field.is_none_or(|field| *field.data_type() == arrow_schema::DataType::Float64), "{field:?}");
    }
    let dataset = Dataset::open(folder.path(), None)?;
    assert_eq!(dataset.rows(&Filter::parse("score>5")?)?, [2, 3]);
    let mut all = vec![0, 1, 2, 3];
    dataset.sort(&mut all, &Order { column: "score".into(), is_descending: true })?;
    assert_eq!(all, [2, 3, 1, 0]);
    Ok(())
}

#[test]
fn the_first_block_is_that_of_the_first_example() -> Result {
    let folder = tempfile::tempdir()?;
    let at = folder.path().join(".vlscope");
    for (name, block) in [("b", "beta"), ("a", "alpha"), ("c", "beta")] {
        let mut raw = Raw::sound();
        raw.document["attention"][0]["name"] = json!(block);
        raw.document["head_metrics"] = json!([]);
        for (name, _) in &mut raw.tensors {
            *name = name.replace("attention.self.", &format!("attention.{block}."));
        }
        raw.tensors.retain(|(name, _)| !name.starts_with("head_metric."));
        raw.write(&folder.path().join(format!("{name}.safetensors")))?;
        // A part each, in another order than that of the paths.
        index(folder.path(), &at, &[])?;
    }
    let dataset = Dataset::open(folder.path(), None)?;
    let grids = dataset.heads().ok_or("no heads")?.grids()?;
    assert_eq!(grids.iter().map(|grid| grid.block.as_str()).collect::<Vec<_>>(), ["alpha", "beta"]);
    Ok(())
}

#[test]
fn metrics_of_like_names_have_a_column_each() -> Result {
    let folder = tempfile::tempdir()?;
    let at = folder.path().join(".vlscope");
    let mut raw = Raw::sound();
    raw.document["head_metrics"] =
        json!([{"name": "My metric", "attention": "self"}, {"name": "my_metric", "attention": "self"}]);
    raw.tensors.retain(|(name, _)| !name.starts_with("head_metric."));
    for (index, first) in [(0, 1.0), (1, 101.0)] {
        let values = (0..6).map(|value| first + value as f32);
        raw.tensors.push((format!("head_metric.{index}"), Tensor::f32(&[2, 3], values)));
    }
    raw.write(&folder.path().join("a.safetensors"))?;
    index(folder.path(), &at, &[])?;
    let first = rows(&at, Table::HeadStats)?.remove(0);
    assert_eq!([&first["metric_my_metric"], &first["metric_my_metric_2"]], [&json!(1.0), &json!(101.0)]);
    Ok(())
}

#[test]
fn an_index_elsewhere_follows_what_goes_and_refuses_what_moved() -> Result {
    let folder = tempfile::tempdir()?;
    let (traces, at) = (folder.path().join("traces"), folder.path().join("index"));
    dataset(&traces, 12)?;
    index(&traces, &at, &[])?;
    let of_shard: Vec<String> = rows(&at, Table::Examples)?
        .iter()
        .filter(|row| row["example"].as_i64().is_some_and(|key| key.cast_unsigned() % 3 == 1))
        .filter_map(|row| row["path"].as_str().map(str::to_owned))
        .collect();
    of_shard.iter().try_for_each(|path| fs::remove_file(traces.join(path)))?;
    let report = index(&traces, &at, &["--shard", "1/3"])?;
    assert_eq!(counts(&report), [0, 0, of_shard.len() as u64], "all of a shard may go");

    let moved = folder.path().join("moved");
    fs::create_dir(&moved)?;
    fs::rename(&traces, moved.join("traces"))?;
    let output = vlscope().arg("index").arg(&moved).arg("--index-dir").arg(&at).output()?;
    let said = String::from_utf8(output.stderr)?;
    assert!(said.contains("is the index of other traces") && said.contains("; if they were moved, delete "), "{said}");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_alike_as_text_are_told() -> Result {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir()?;
    for name in [b"\xff.safetensors".as_slice(), b"\xfe.safetensors"] {
        Raw::sound().write(&folder.path().join(OsStr::from_bytes(name)))?;
    }
    let output = vlscope().arg("index").arg(folder.path()).output()?;
    let said = String::from_utf8(output.stderr)?;
    assert!(output.status.success() && said.contains("left out: its name is no text"), "{said}");
    Ok(())
}
