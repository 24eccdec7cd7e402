//! Large traces: what does not fit the device's memory gives the same numbers and pictures as what does, and the
//! processor's engine needs little memory of its own.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::common::{Result, fail, json, succeed};
use vlscope::analysis::statistics::{Options, Part, Parts, plan::Plan};
use vlscope::analysis::{BlockLayout, Engine, WeightKind};
use vlscope::trace::{Dtype, Synthetic, Trace};

/// 4 layers of 3 heads of 65 tokens: a head has 8,450 bytes, and a page of one begins in the middle of a word.
const SMALL: Synthetic =
    Synthetic { layers: 4, heads: 3, text: 16, rows: 7, columns: 7, dim: 8, dtype: Dtype::F16, seed: 1 };

#[test]
fn a_budget_smaller_than_a_layer_changes_nothing() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("small.safetensors");
    SMALL.write(&path, &mut |_| ())?;
    let trace = path.to_str().ok_or("no name")?;
    let with = |memory: &'static str| ["--compute", "gpu", "--gpu-memory", memory];
    let statistics = |memory| json(&[&["stats", trace, "--json"][..], &with(memory)].concat());
    assert_eq!(statistics("9000")?, statistics("1G")?);
    for view in ["heads", "matrix", "image", "thumbnails", "overlays"] {
        let picture = |memory| -> Result<Vec<u8>> {
            let output = folder.path().join("picture.png");
            let drawn = ["render", trace, "--view", view, "--layer", "2", "--head", "1", "--size", "320x240", "-o"];
            succeed(&[&drawn[..], &[output.to_str().ok_or("no name")?], &with(memory)].concat())?;
            Ok(std::fs::read(output)?)
        };
        assert_eq!(picture("9000")?, picture("1G")?, "{view}");
    }
    let message = fail(1, &[&["stats", trace][..], &with("8K")].concat())?;
    assert_eq!(message, "vlscope: one head has 8450 bytes, the memory budget is 8192\n");
    let message = fail(2, &["stats", trace, "--gpu-memory", "much"])?;
    assert!(message.contains("`much` is no size: expected for example 512M or 2G"), "{message}");
    Ok(())
}

/// Weights stay in the file: the pass takes some megabytes, not hundreds.
#[test]
#[cfg(target_os = "linux")]
fn the_statistics_of_a_large_trace_take_little_memory() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("large.safetensors");
    Synthetic { layers: 8, heads: 16, text: 64, rows: 24, columns: 24, dim: 0, dtype: Dtype::F32, seed: 1 }
        .write(&path, &mut |_| ())?;
    let trace = Trace::open(Path::new(&path))?;
    assert!(trace.bytes() > 200_000_000);
    let before = own_memory_bytes()?;
    let mut most = 0;
    let mut on_layer = |_, _| {
        most = most.max(own_memory_bytes().unwrap_or(u64::MAX));
        true
    };
    Engine::cpu().statistics(&trace, 0, &Options::default(), &mut on_layer)?;
    assert!(most < before + (64 << 20), "{most} bytes, {before} of them before");
    Ok(())
}

/// What each key receives waits until all rows of its head are added, of a bounded number of parts: here one for each run of
/// 4 rows would be 268 MB. The file has holes, so that it takes no time to write.
#[test]
#[cfg(target_os = "linux")]
fn columns_of_many_rows_take_little_memory() -> Result {
    const TOKENS: usize = 8192;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("long.safetensors");
    let tokens = vec![serde_json::json!({"text": "a"}); TOKENS];
    let document = serde_json::json!({
        "format": 1, "images": 0, "sequences": {"main": {"tokens": tokens}},
        "attention": [{"name": "self", "query": "main", "key": "main", "layers": 1}],
    });
    let bytes = 4 * TOKENS * TOKENS * 2;
    let header = serde_json::json!({
        "__metadata__": {"vlscope": document.to_string()},
        "attention.self.0": {"dtype": "F16", "shape": [4, TOKENS, TOKENS], "data_offsets": [0, bytes]},
    });
    let header = header.to_string();
    std::fs::write(&path, [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat())?;
    std::fs::File::options().append(true).open(&path)?.set_len((8 + header.len() + bytes) as u64)?;
    let trace = Trace::open(&path)?;
    let options = Options { parts: Parts::of([Part::Columns]), ..Options::default() };
    let plan = Plan::new(&BlockLayout::of(&trace, 0), &options);
    let before = own_memory_bytes()?;
    let most = AtomicU64::new(0);
    let measure = || {
        most.fetch_max(own_memory_bytes().unwrap_or(u64::MAX), Ordering::Relaxed);
        true
    };
    Engine::cpu().layer_sums(&trace, (0, 0), &WeightKind::Raw, &plan, &measure)?;
    let most = most.into_inner();
    assert!(most < before + (100 << 20), "{most} bytes, {before} of them before");
    Ok(())
}

/// Memory that no file stands behind.
#[cfg(target_os = "linux")]
fn own_memory_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}
