//! What `vlscope index` writes, what it reads again, and what it says where it cannot.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::common::{Row, counts, dataset, index, parts, rows, vlscope};
use crate::traces::{Raw, Result, Tensor, reference};
use serde_json::{Value, json};
use vlscope::analysis::Engine;
use vlscope::analysis::statistics::{self, head_metrics};
use vlscope::dataset::Dataset;
use vlscope::dataset::index::{Index, Table, example_key, metric_column, statistic_column};
use vlscope::dataset::table::Filter;
use vlscope::trace::{Dtype, Synthetic, SyntheticDataset, Trace};

fn run(arguments: &[&str], dataset: &Path) -> Result<(Option<i32>, String, String)> {
    let output = vlscope().arg("index").arg(dataset).args(arguments).output()?;
    Ok((output.status.code(), String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
}

fn by_example(rows: Vec<Row>) -> BTreeMap<i64, Vec<Row>> {
    let mut sorted: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    for row in rows {
        sorted.entry(row["example"].as_i64().unwrap_or(0)).or_default().push(row);
    }
    sorted
}

#[test]
fn rows_are_what_the_traces_say() -> Result {
    let folder = tempfile::tempdir()?;
    let (traces, at) = (folder.path().join("traces"), folder.path().join("index"));
    fs::create_dir_all(traces.join("a/b"))?;
    for name in ["multi-image", "encoder-decoder", "vl-interpret-0", "broken-nan"] {
        fs::copy(reference(name), traces.join(format!("a/{name}.safetensors")))?;
    }
    Raw::sound().write(&traces.join("a/b/sound.safetensors"))?;
    Synthetic { layers: 1, heads: 4, text: 4, rows: 8, columns: 12, dim: 200, dtype: Dtype::Bf16, seed: 1 }
        .write(&traces.join("wide.safetensors"), &mut |_| {})?;
    assert_eq!(index(&traces, &at, &["--hidden-states", "all"])?["traces"], 6);

    let [examples, heads, tokens, thumbnails] = [Table::Examples, Table::HeadStats, Table::Tokens, Table::Thumbnails]
        .map(|table| rows(&at, table).map(by_example));
    let (examples, heads, tokens, thumbnails) = (examples?, heads?, tokens?, thumbnails?);
    for path in ["a/multi-image", "a/encoder-decoder", "a/vl-interpret-0", "a/broken-nan", "a/b/sound", "wide"] {
        let path = format!("{path}.safetensors");
        let trace = Trace::open(&traces.join(&path))?;
        let key = example_key(&path);
        let none = Vec::new();
        let of = |table: &BTreeMap<i64, Vec<Row>>| table.get(&key).unwrap_or(&none).clone();
        let [example] = of(&examples).try_into().map_err(|_| "not one row")?;
        check_example(&trace, &path, &example);
        check_heads(&trace, &of(&heads))?;
        check_tokens(&trace, &of(&tokens))?;
        check_thumbnails(&trace, &of(&thumbnails))?;
    }
    Ok(())
}

fn check_example(trace: &Trace, path: &str, row: &Row) {
    let document = trace.document();
    assert_eq!(row["path"], path);
    assert_eq!(row["size"], trace.bytes());
    assert!(row["mtime_ns"].as_i64() > Some(1_500_000_000_000_000_000));
    assert!(!row.contains_key("error"));
    assert_eq!(row.get("id").and_then(Value::as_str), document.id.as_deref());
    assert_eq!(row.get("model"), document.model.get("name"));
    let tokens: usize = document.sequences.iter().map(|sequence| sequence.tokens.len()).sum();
    assert_eq!(row["tokens"], tokens);
    assert_eq!(row["text_tokens"].as_i64().zip(row["image_tokens"].as_i64()).map(|(a, b)| a + b), Some(tokens as i64));
    assert_eq!(row["images"], document.images);
    assert_eq!(row["layers"], document.attention.iter().map(|block| block.layers).sum::<usize>());
    let heads = (0..document.attention.len()).map(|block| trace.max_heads(block)).max();
    assert_eq!(row["heads"].as_u64(), heads.map(|heads| heads as u64));
    assert_eq!(row.contains_key("regions"), !document.regions.is_empty());
    for (prefix, map) in [("output", &document.outputs), ("attribute", &document.attributes)] {
        for (key, value) in map {
            let found = &row[&format!("{prefix}_{key}")];
            let same = found == value || found.as_f64().is_some_and(|number| Some(number) == value.as_f64());
            assert!(same || *found == format!("{value}"), "{key}: {found} is not {value}");
        }
    }
}

fn check_heads(trace: &Trace, rows: &[Row]) -> Result {
    let mut rows = rows.iter();
    for (index, block) in trace.document().attention.iter().enumerate() {
        let options = statistics::Options::default();
        let mut expected = Engine::cpu().statistics(trace, index, &options, &mut |_, _| true)?;
        let mut names: Vec<String> = expected.iter().map(|statistic| statistic_column(&statistic.name)).collect();
        let titles = trace.document().head_metrics.iter().filter(|metric| metric.block == index);
        names.extend(titles.map(|metric| metric_column(&metric.name)));
        expected.extend(head_metrics(trace, index));
        for layer in 0..block.layers {
            for head in 0..trace.heads(index, layer) {
                let row = rows.next().ok_or("too few rows")?;
                assert_eq!(
                    [&row["block"], &row["layer"], &row["head"]],
                    [&json!(block.name), &json!(layer), &json!(head)]
                );
                assert_eq!(row["rows_left_out"].as_u64(), expected[0].rows_left_out(layer, head).map(u64::from));
                for (name, statistic) in names.iter().zip(&expected) {
                    let value = statistic.value(layer, head);
                    let value = value.is_finite().then_some(value);
                    let found = row.get(name).and_then(Value::as_f64).map(|number| number as f32);
                    assert_eq!(found, value, "{name} of {layer}.{head}");
                }
            }
        }
    }
    assert!(rows.next().is_none());
    Ok(())
}

fn check_tokens(trace: &Trace, rows: &[Row]) -> Result {
    let document = trace.document();
    let mut rows = rows.iter();
    for (index, sequence) in document.sequences.iter().enumerate() {
        let described = document.hidden.iter().enumerate().find(|(_, hidden)| hidden.sequence == index);
        for (position, token) in sequence.tokens.iter().enumerate() {
            let row = rows.next().ok_or("too few rows")?;
            assert_eq!([&row["sequence"], &row["position"]], [&json!(sequence.name), &json!(position)]);
            assert_eq!(row["special"], token.special);
            assert_eq!(row.get("segment").and_then(Value::as_str), token.segment.as_deref());
            match token.image_area() {
                Some((image, area)) => {
                    assert_eq!([&row["modality"], &row["image"]], [&json!("image"), &json!(image)]);
                    let sides = ["x0", "y0", "x1", "y1"].map(|side| row[side].as_f64().map(|side| side as f32));
                    assert_eq!(sides, [area.x0, area.y0, area.x1, area.y1].map(Some));
                }
                None => assert_eq!(
                    [&row["modality"], &row.get("image").cloned().unwrap_or_default()],
                    [&json!("text"), &Value::Null]
                ),
            }
            let Some((number, hidden)) = described else { continue };
            let numbers = |state: usize| trace.hidden(number, state).entry(position).to_f32();
            let length = |numbers: &[f32]| numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
            assert_eq!(row["hidden_size"], numbers(0).len());
            let norm = length(&numbers(hidden.states - 1));
            assert!((row["norm"].as_f64().unwrap_or(-1.0) - f64::from(norm)).abs() < 1e-3);
            for state in 0..hidden.states {
                let found = row[&format!("hidden_{state}")].as_array().into_iter().flatten();
                let found: Vec<f32> = found.filter_map(|number| Some(number.as_f64()? as f32)).collect();
                let expected = numbers(state);
                if expected.len() <= 64 {
                    assert_eq!(found, expected);
                } else {
                    assert_eq!(found.len(), 64);
                    let ratio = length(&found) / length(&expected);
                    assert!((0.6..1.4).contains(&ratio), "{ratio}");
                }
            }
        }
    }
    assert!(rows.next().is_none());
    Ok(())
}

fn check_thumbnails(trace: &Trace, rows: &[Row]) -> Result {
    assert_eq!(rows.len(), trace.document().images);
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row["image"], index);
        let png = row["png"].as_array().into_iter().flatten();
        let png: Vec<u8> = png.filter_map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
        let picture = image::load_from_memory(&png)?;
        let whole = trace.image(index);
        let [width, height] = [whole.width, whole.height].map(|side| side as f64);
        let scale = (96.0 / width.max(height)).min(1.0);
        assert!((f64::from(picture.width()) - width * scale).abs() <= 1.0);
        assert!((f64::from(picture.height()) - height * scale).abs() <= 1.0);
    }
    Ok(())
}

#[test]
fn only_what_changed_is_read_again() -> Result {
    let folder = tempfile::tempdir()?;
    let (traces, at) = (folder.path().join("traces"), folder.path().join("index"));
    let made = dataset(&traces, 40)?;
    let five = ["--part-traces", "5"];
    assert_eq!(counts(&index(&traces, &at, &five)?), [40, 0, 0]);
    let before = parts(&at)?;
    assert_eq!(before.len(), 8);
    assert_eq!(counts(&index(&traces, &at, &[])?), [0; 3]);
    assert_eq!(parts(&at)?, before, "nothing to do, nothing done");

    // One new, one changed, one deleted, one renamed.
    let path = |number: usize| traces.join(SyntheticDataset::path(number));
    Synthetic { seed: 500, ..made.each.clone() }.write(&traces.join("new.safetensors"), &mut |_| {})?;
    Synthetic { seed: 501, ..made.each.clone() }.write(&path(2), &mut |_| {})?;
    fs::remove_file(path(11))?;
    fs::rename(path(12), traces.join("renamed.safetensors"))?;
    let report = index(&traces, &at, &[])?;
    assert_eq!((counts(&report), &report["traces"]), ([2, 1, 2], &json!(40)));
    let after = parts(&at)?;
    let kept = before.iter().filter(|name| after.contains(name)).count();
    assert!((5..8).contains(&kept), "parts whose traces did not change keep their names: {before:?}, {after:?}");
    let whole = folder.path().join("whole");
    index(&traces, &whole, &[])?;
    crate::common::assert_same(&at, &whole)?;

    // A new time alone is a change; so are other options.
    fs::File::options().append(true).open(path(0))?.set_modified(std::time::SystemTime::UNIX_EPOCH)?;
    assert_eq!(counts(&index(&traces, &at, &[])?), [0, 1, 0]);
    assert_eq!(counts(&index(&traces, &at, &["--specials"])?), [0, 40, 0]);
    assert_eq!(counts(&index(&traces, &at, &["--specials"])?), [0; 3]);

    // All gone: the index is empty, and still an index.
    let inside = traces.join(".vlscope");
    fs::rename(&at, &inside)?;
    for entry in traces.read_dir()? {
        let path = entry?.path();
        if path.is_dir() && path != inside {
            fs::remove_dir_all(path)?;
        } else if path.is_file() {
            fs::remove_file(path)?;
        }
    }
    assert_eq!(
        run(&[], &traces)?.1,
        format!("0 traces: 0 new, 0 changed, 40 gone, 0 broken; {} s\n", seconds(&run(&[], &traces)?.1))
    );
    assert!(Index::open(&traces, None)?.parts().is_empty());
    Ok(())
}

fn seconds(said: &str) -> String {
    said.trim_end().trim_end_matches(" s").rsplit(' ').next().unwrap_or_default().to_owned()
}

#[test]
fn a_broken_trace_is_a_row_and_the_rest_goes_on() -> Result {
    let folder = tempfile::tempdir()?;
    let words: BTreeMap<String, String> = serde_json::from_slice(&fs::read("tests/traces/messages.json")?)?;
    for name in words.keys().map(String::as_str).chain(["multi-image", "broken-nan"]) {
        fs::copy(reference(name), folder.path().join(format!("{name}.safetensors")))?;
    }
    let (code, said, complaints) = run(&[], folder.path())?;
    assert_eq!(code, Some(0), "{complaints}");
    let broken = words.len();
    assert!(
        said.starts_with(&format!("{} traces: {} new, 0 changed, 0 gone, {broken} broken; ", broken + 2, broken + 2)),
        "{said}"
    );
    assert_eq!(complaints.lines().count(), 6, "{complaints}");
    assert!(complaints.ends_with(&format!("vlscope: and {} more that are broken\n", broken - 5)), "{complaints}");
    let rows = rows(&folder.path().join(".vlscope"), Table::Examples)?;
    for (name, message) in &words {
        let row = rows.iter().find(|row| row["path"] == format!("{name}.safetensors")).ok_or("no row")?;
        assert_eq!(row["error"], *message);
        assert_eq!(row.len(), 5, "key, path, size, time and error: {row:?}");
    }
    // What is broken is read again when it has changed.
    assert!(run(&[], folder.path())?.1.contains(": 0 new, 0 changed, "));
    let first = folder.path().join(format!("{}.safetensors", words.keys().next().ok_or("none")?));
    fs::copy(reference("multi-image"), first)?;
    assert!(run(&[], folder.path())?.1.contains(&format!(": 0 new, 1 changed, 0 gone, {} broken; ", broken - 1)));
    Ok(())
}

#[test]
fn values_that_are_no_numbers_are_null_and_columns_take_their_types() -> Result {
    let folder = tempfile::tempdir()?;
    for (name, outputs) in
        [("a", json!({"x": 1, "y": true, "z": "s"})), ("b", json!({"x": 2.5, "y": null, "z": [1, "t"]}))]
    {
        let mut raw = Raw::sound();
        raw.document["outputs"] = outputs;
        *raw.tensor("attention.self.0") = Tensor::f32(&[2, 2, 2], [f32::NAN, 0.5, 0.5, f32::NAN, 0.5, 0.5, 0.5, 0.5]);
        *raw.tensor("head_metric.0") = Tensor::f32(&[2, 3], [0.0, f32::NAN, f32::NAN, 3.0, 4.0, 5.0]);
        raw.write(&folder.path().join(format!("{name}.safetensors")))?;
    }
    run(&[], folder.path())?;
    let at = folder.path().join(".vlscope");
    let examples = rows(&at, Table::Examples)?;
    let values =
        |row: &Row| ["output_x", "output_y", "output_z"].map(|name| row.get(name).cloned().unwrap_or_default());
    assert_eq!(values(&examples[0]), [json!(1.0), json!(true), json!("s")]);
    assert_eq!(values(&examples[1]), [json!(2.5), Value::Null, json!("[1,\"t\"]")]);
    let heads = rows(&at, Table::HeadStats)?;
    assert_eq!(heads.len(), 10);
    assert!(!heads[0].contains_key("entropy") && heads[1].contains_key("entropy"));
    assert!(!heads[1].contains_key("metric_metric"), "NaN");
    assert_eq!(heads[2]["metric_metric"], 3.0, "the third head of the first layer is none");
    Ok(())
}

/// 80 traces with 20 keys of each kind that no other has, and one that all have; read in two runs.
#[test]
fn keys_without_an_end_share_a_column() -> Result {
    let folder = tempfile::tempdir()?;
    let keys = |prefix: &str, trace: usize| -> serde_json::Map<String, Value> {
        let own = (0..20).map(|key| (format!("{prefix}{trace}_{key}"), json!(trace)));
        own.chain([("shared".to_owned(), json!(trace.is_multiple_of(2))), ("x".repeat(5000), json!("long"))]).collect()
    };
    let write = |trace: usize| {
        let mut raw = Raw::sound();
        raw.document["outputs"] = keys("o", trace).into();
        raw.document["attributes"] = keys("a", trace).into();
        let metric = |name: String| json!({"name": name, "attention": "self"});
        raw.document["head_metrics"] = (0..3).map(|key| metric(format!("m {trace} {key}"))).collect();
        for key in 1..3 {
            raw.tensors.push((format!("head_metric.{key}"), Tensor::f32(&[2, 3], [key as f32; 6])));
        }
        raw.write(&folder.path().join(format!("{trace:03}.safetensors")))
    };
    (0..60).try_for_each(write)?;
    run(&["--part-traces", "7"], folder.path())?;
    (60..80).try_for_each(write)?;
    run(&[], folder.path())?;
    let at = folder.path().join(".vlscope");
    let index = Index::open(Path::new(""), Some(&at))?;
    let mut names = [Vec::new(), Vec::new()];
    for part in index.parts() {
        for (names, table) in names.iter_mut().zip([Table::Examples, Table::HeadStats]) {
            names.extend(part.schema(table)?.fields().iter().map(|field| field.name().clone()));
        }
    }
    for (names, prefix) in [(&names[0], "output_"), (&names[0], "attribute_"), (&names[1], "metric_")] {
        let own: std::collections::BTreeSet<_> = names.iter().filter(|name| name.starts_with(prefix)).collect();
        assert_eq!(own.len(), 128, "{prefix}: {own:?}");
    }
    let examples = rows(&at, Table::Examples)?;
    let value_of = |row: &Row, kind: &str, key: &str| -> Option<Value> {
        let more: Option<Value> =
            row.get(&format!("more_{kind}s")).and_then(|more| serde_json::from_str(more.as_str()?).ok());
        row.get(&format!("{kind}_{key}")).or(more.as_ref().and_then(|more| more.get(key))).cloned()
    };
    assert_eq!(examples.len(), 80);
    for row in &examples {
        let trace: usize = row["path"].as_str().unwrap_or_default()[..3].parse()?;
        for (kind, prefix) in [("output", "o"), ("attribute", "a")] {
            assert_eq!(row[&format!("{kind}_shared")], trace.is_multiple_of(2), "what most have is a column");
            for key in 0..20 {
                let found = value_of(row, kind, &format!("{prefix}{trace}_{key}"));
                assert_eq!(found.and_then(|found| found.as_f64()), Some(trace as f64), "{row:?}");
            }
            assert_eq!(value_of(row, kind, &"x".repeat(5000)), Some(json!("long")));
        }
    }
    let heads = rows(&at, Table::HeadStats)?;
    let more = json!("{\"metric_m_79_0\":5,\"metric_m_79_1\":1,\"metric_m_79_2\":2}");
    assert_eq!(heads.iter().filter(|row| row.get("more_metrics") == Some(&more)).count(), 1);

    let dataset = Dataset::open(folder.path(), None)?;
    let count = |query: &str| -> Result<usize> { Ok(dataset.rows(&Filter::parse(query)?)?.len()) };
    for trace in [0, 41, 79] {
        assert_eq!(count(&format!("a{trace}_19={trace}"))?, 1);
        assert_eq!(count(&format!("output_o{trace}_3>=0"))?, 1);
    }
    assert_eq!((count("attribute_shared=true")?, count("a81_0=1").is_err()), (40, true));
    Ok(())
}

#[test]
fn bad_calls_say_what_would_do() -> Result {
    let folder = tempfile::tempdir()?;
    let (traces, at) = (folder.path().join("traces"), folder.path().join("index"));
    let shown = |path: &Path| path.display().to_string();
    dataset(&traces, 2)?;
    for (shard, words) in
        [("3/3", "counted from 0 to 2"), ("0/0", "is no shard"), ("1", "is no shard"), ("-1/2", "is no shard")]
    {
        let (code, _, said) = run(&[&format!("--shard={shard}")], &traces)?;
        assert!(code == Some(2) && said.contains(words), "{said}");
    }
    assert_eq!(run(&["--hidden-states", "first"], &traces)?.0, Some(2));
    let (code, _, said) = run(&[], &folder.path().join("absent"))?;
    assert_eq!(
        (code, said),
        (Some(1), format!("vlscope: {} is not a folder of traces\n", shown(&folder.path().join("absent"))))
    );
    fs::create_dir(folder.path().join("empty"))?;
    let (code, _, said) = run(&[], &folder.path().join("empty"))?;
    assert_eq!(
        (code, said),
        (Some(1), format!("vlscope: there are no traces in {}\n", shown(&folder.path().join("empty"))))
    );
    assert_eq!(folder.path().join("empty").read_dir()?.count(), 0, "and nothing is left there");

    // The index of another dataset is not emptied by mistake.
    index(&traces, &at, &[])?;
    let other = folder.path().join("other");
    fs::create_dir(&other)?;
    fs::copy(reference("multi-image"), other.join("x.safetensors"))?;
    let (code, _, said) = run(&["--index-dir", &shown(&at)], &other)?;
    assert_eq!(code, Some(1));
    assert!(said.contains("is the index of other traces: none of its 2 is in"), "{said}");
    let missing = Index::open(&other, None).err().ok_or("found")?.to_string();
    assert!(
        missing.starts_with("there is no index in ") && missing.ends_with("`vlscope index` makes one"),
        "{missing}"
    );
    Ok(())
}

/// `/sys` is no place for files, not even for root: there the index of this dataset would lie.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_leaves_index_dir() -> Result {
    let folder = tempfile::tempdir()?;
    dataset(folder.path(), 3)?;
    std::os::unix::fs::symlink("/sys/kernel", folder.path().join(".vlscope"))?;
    let (code, _, said) = run(&[], folder.path())?;
    assert_eq!(code, Some(1));
    assert!(
        said.starts_with("vlscope: cannot write the index to ")
            && said.ends_with("; `--index-dir DIR` puts the index elsewhere\n"),
        "{said}"
    );
    let elsewhere = tempfile::tempdir()?;
    let at = elsewhere.path().join("new/index");
    assert_eq!(index(folder.path(), &at, &[])?["traces"], 3);
    assert_eq!(Index::open(folder.path(), Some(&at))?.parts().len(), 1);
    Ok(())
}

/// A limit on the size of files stands for a disk that is full.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_index_as_it_was() -> Result {
    let folder = tempfile::tempdir()?;
    let made = dataset(folder.path(), 200)?;
    let at = folder.path().join(".vlscope");
    run(&["--part-traces", "20"], folder.path())?;
    let before = (parts(&at)?, crate::common::contents(&at)?);
    for number in 200..400 {
        let path = folder.path().join(SyntheticDataset::path(number));
        Synthetic { seed: number as u64, ..made.each.clone() }.write(&path, &mut |_| {})?;
    }
    let command =
        format!("trap '' XFSZ; ulimit -f 8; exec {} index {}", env!("CARGO_BIN_EXE_vlscope"), folder.path().display());
    let output = std::process::Command::new("bash").args(["-c", &command]).output()?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("vlscope: cannot write the index to ") && said.contains(".parquet: File too large"),
        "{said}"
    );
    assert!(said.ends_with("; what was indexed before is intact\n"), "{said}");
    assert!((parts(&at)?, crate::common::contents(&at)?) == before);
    assert_eq!(crate::common::leftovers(&at)?, [""; 0]);
    assert!(run(&[], folder.path())?.1.starts_with("400 traces: 200 new, 0 changed, 0 gone, 0 broken; "));
    Ok(())
}

/// A file that is cut short and written again all the while is broken or sound, and never the end of the process.
#[test]
fn traces_that_change_meanwhile() -> Result {
    use std::sync::atomic::{AtomicBool, Ordering};
    let folder = tempfile::tempdir()?;
    let (traces, at) = (folder.path().join("traces"), folder.path().join("index"));
    dataset(&traces, 30)?;
    let restless: Vec<_> = (0..30).map(|number| traces.join(SyntheticDataset::path(number))).collect();
    let whole: Vec<Vec<u8>> = restless.iter().map(fs::read).collect::<std::io::Result<_>>()?;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| -> Result {
        let writer = scope.spawn(|| -> std::io::Result<()> {
            while !is_over.load(Ordering::Relaxed) {
                for (path, bytes) in restless.iter().zip(&whole) {
                    fs::write(path, &bytes[..bytes.len() / 3])?;
                    fs::write(path, bytes)?;
                }
            }
            Ok(())
        });
        let reports: Result<Vec<Value>> =
            (0..12).map(|_| Ok(index(&traces, &at, &[]).map_err(|error| error.to_string())?)).collect();
        is_over.store(true, Ordering::Relaxed);
        writer.join().map_err(|_| "the writer failed")??;
        assert!(reports?.iter().all(|report| report["traces"] == 30));
        Ok(())
    })?;
    let report = index(&traces, &at, &[])?;
    assert_eq!(report["broken"], json!([]), "the files are whole in the end");
    Ok(())
}

#[cfg(unix)]
#[test]
fn links_and_names() -> Result {
    use std::os::unix::ffi::OsStrExt;
    let (folder, elsewhere) = (tempfile::tempdir()?, tempfile::tempdir()?);
    dataset(folder.path(), 2)?;
    dataset(elsewhere.path(), 2)?;
    std::os::unix::fs::symlink("000/000000.safetensors", folder.path().join("again.safetensors"))?;
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("out"))?;
    std::os::unix::fs::symlink("..", folder.path().join("000/up"))?;
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff name \xc3\xa9.safetensors");
    let (code, said, _) = run(&[], folder.path())?;
    assert!(code == Some(0) && said.starts_with("2 traces: 2 new"), "{said}");
    fs::copy(reference("multi-image"), folder.path().join(odd))?;
    assert!(run(&[], folder.path())?.1.starts_with("3 traces: 1 new, 0 changed, 0 gone, "));
    assert!(run(&[], folder.path())?.1.starts_with("3 traces: 0 new, 0 changed, 0 gone, "));
    Ok(())
}
