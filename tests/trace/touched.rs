//! A request touches no more of a file than it is about: what the system has mapped of it tells, in pages.
#![cfg(target_os = "linux")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use vlscope::analysis::{Direction, Engine, Pick, Selection};
use vlscope::query::{Cell, OpenTrace, Query, Solver, Weights};
use vlscope::trace::{Dtype, Synthetic};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const QUERIES: usize = 45 * 45 + 16;
const LAYERS: usize = 2;
const HEADS: usize = 2;
/// What one row may cost: around a byte that is read the system maps up to 2 MiB of files in its cache.
const SLACK_BYTES: usize = 2 << 20;

fn written(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("long.safetensors");
    Synthetic { layers: LAYERS, heads: HEADS, text: 16, rows: 45, columns: 45, dim: 0, dtype: Dtype::F32, seed: 0 }
        .write(&path, &mut |_| ())?;
    Ok(path)
}

/// How many bytes of a mapped file are in this process's memory.
fn touched_bytes(path: &Path) -> Result<usize> {
    let maps = fs::read_to_string("/proc/self/smaps")?;
    let name = path.to_str().ok_or("a path that is not UTF-8")?;
    let mut kibibytes = 0;
    let mut is_ours = false;
    for line in maps.lines() {
        if let Some(rss) = line.strip_prefix("Rss:").filter(|_| is_ours) {
            kibibytes += rss.trim_end_matches("kB").trim().parse::<usize>()?;
        } else if line.split_whitespace().next().is_some_and(|range| range.contains('-')) {
            is_ours = line.ends_with(name);
        }
    }
    Ok(kibibytes << 10)
}

/// What a request makes the process touch.
fn touched_by(path: &Path, query: &Query) -> Result<usize> {
    let open = OpenTrace::open(path)?;
    let before = touched_bytes(path)?;
    let solver = Solver::new(Engine::cpu());
    let asked = std::slice::from_ref(query);
    let results = solver.results(&open, asked, &AtomicBool::new(false))?;
    assert!(results.have(asked), "{query:?} has no result");
    Ok(touched_bytes(path)?.saturating_sub(before))
}

#[test]
fn a_row_of_a_head_reads_that_row() -> Result {
    let folder = tempfile::tempdir()?;
    let path = written(folder.path())?;
    let (row, head) = (QUERIES * 4, QUERIES * QUERIES * 4);
    let selected =
        |layer, head, direction| Selection { layer, head, direction, tokens: vec![700], ..Selection::default() };
    let of_row = selected(Pick::One(1), Pick::One(1), Direction::AttendsTo);
    for query in [Query::from(Weights::of(&of_row)), Cell::of(&of_row, 700, 12).into()] {
        let touched = touched_by(&path, &query)?;
        assert!((1..row + SLACK_BYTES).contains(&touched), "{touched} bytes for one row of {row}: {query:?}");
    }
    // A row of every head, where the mean of all is asked for.
    let of_all = Weights::of(&selected(Pick::Mean, Pick::Mean, Direction::AttendsTo)).into();
    let touched = touched_by(&path, &of_all)?;
    assert!(touched < LAYERS * HEADS * (row + SLACK_BYTES), "{touched} bytes for a row of every head");
    // A column lies in every row of its head, and in no other head.
    let of_column = Weights::of(&selected(Pick::One(1), Pick::One(1), Direction::AttendedBy)).into();
    let touched = touched_by(&path, &of_column)?;
    assert!((head / 2..head + 2 * SLACK_BYTES).contains(&touched), "{touched} bytes for a column of a head of {head}");
    Ok(())
}
