//! Indexing that is killed, and several that index at once: the index is that of one run which nobody disturbed.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::common::{Result, assert_same, begin, counts, dataset, end, index, leftovers, parts};

fn count_parts(index: &Path) -> usize {
    parts(index).map_or(0, |parts| parts.len())
}

#[test]
fn killed_and_continued_is_as_if_never_killed() -> Result {
    let folder = tempfile::tempdir()?;
    let [traces, killed, whole] = ["traces", "killed", "whole"].map(|name| folder.path().join(name));
    dataset(&traces, 600)?;
    for round in 0..4 {
        let mut child = begin(&traces, &killed, &["--part-traces", "20"])?;
        let before = count_parts(&killed);
        // Not always at the same moment of a part.
        while count_parts(&killed) < before + 2 && child.try_wait()?.is_none() {
            thread::sleep(Duration::from_millis(1 + round));
        }
        child.kill()?;
        child.wait()?;
    }
    let done = parts(&killed)?;
    assert!((2..30).contains(&done.len()), "killed before the end, but not before the first part: {}", done.len());
    let report = index(&traces, &killed, &["--part-traces", "20"])?;
    assert_eq!(report["traces"], 600);
    assert!(counts(&report)[0] <= 600 - 20 * done.len() as u64, "what was indexed is not read again: {report}");
    assert!(done.iter().all(|name| parts(&killed).is_ok_and(|parts| parts.contains(name))), "nor written again");
    assert_eq!(leftovers(&killed)?, [""; 0], "what the killed runs left is gone");
    assert_eq!(index(&traces, &whole, &[])?["traces"], 600);
    assert_same(&killed, &whole)
}

#[test]
fn killed_while_it_replaces_rows_loses_none_for_good() -> Result {
    let folder = tempfile::tempdir()?;
    let [traces, killed, whole] = ["traces", "killed", "whole"].map(|name| folder.path().join(name));
    dataset(&traces, 300)?;
    index(&traces, &killed, &["--part-traces", "40"])?;
    for round in 0..6 {
        // Other options are another content for every row.
        let options = [["--specials", "--part-traces=7"], ["--hidden-states=none", "--part-traces=9"]][round % 2];
        let mut child = begin(&traces, &killed, &options)?;
        thread::sleep(Duration::from_millis(40 * (round as u64 + 1)));
        child.kill()?;
        child.wait()?;
    }
    index(&traces, &killed, &[])?;
    assert_eq!(leftovers(&killed)?, [""; 0]);
    index(&traces, &whole, &[])?;
    assert_same(&killed, &whole)
}

#[test]
fn two_indexers_at_once() -> Result {
    let folder = tempfile::tempdir()?;
    let [traces, both, whole] = ["traces", "both", "whole"].map(|name| folder.path().join(name));
    dataset(&traces, 400)?;
    let together = || -> Result<Vec<serde_json::Value>> {
        let children =
            [begin(&traces, &both, &["--part-traces", "15"])?, begin(&traces, &both, &["--part-traces", "25"])?];
        children.into_iter().map(end).collect()
    };
    let reports = together()?;
    let counted: Vec<u64> = reports.iter().filter_map(|report| report["traces"].as_u64()).collect();
    assert!(counted.len() == 2 && counted.iter().all(|count| *count <= 400), "{reports:?}");
    index(&traces, &whole, &[])?;
    assert_same(&both, &whole)?;

    // The same where rows are replaced and taken out.
    let other = folder.path().join("other");
    let changed = vlscope::trace::SyntheticDataset { count: 200, ..dataset(&other, 1)? };
    for number in 0..200 {
        let path = traces.join(vlscope::trace::SyntheticDataset::path(number));
        if number % 3 == 0 {
            fs::remove_file(&path)?;
        } else {
            vlscope::trace::Synthetic { seed: 1000 + number as u64, ..changed.each.clone() }
                .write(&path, &mut |_| {})?;
        }
    }
    together()?;
    assert_eq!(index(&traces, &whole, &[])?["traces"], 333);
    assert_same(&both, &whole)?;
    assert_eq!(counts(&index(&traces, &both, &[])?), [0; 3]);
    assert_eq!(leftovers(&both)?, [""; 0]);
    Ok(())
}

#[test]
fn shards_together_are_the_whole() -> Result {
    let folder = tempfile::tempdir()?;
    let [traces, shards, whole] = ["traces", "shards", "whole"].map(|name| folder.path().join(name));
    dataset(&traces, 300)?;
    let together = || -> Result<Vec<serde_json::Value>> {
        let children =
            ["0/3", "1/3", "2/3"].map(|shard| begin(&traces, &shards, &["--shard", shard, "--part-traces=30"]));
        children.into_iter().map(|child| end(child?)).collect()
    };
    let reports = together()?;
    let sizes: Vec<u64> = reports.iter().filter_map(|report| report["new"].as_u64()).collect();
    assert_eq!(sizes.iter().sum::<u64>(), 300);
    assert!(sizes.iter().all(|&size| (60..140).contains(&size)), "{sizes:?}");
    index(&traces, &whole, &[])?;
    assert_same(&shards, &whole)?;
    let before = parts(&shards)?;
    assert_eq!(counts(&index(&traces, &shards, &[])?), [0; 3], "a run without shards has nothing to do");
    assert_eq!(parts(&shards)?, before);

    // Shards of an index that was made whole: each replaces its own rows in parts that they share.
    fs::remove_dir_all(&shards)?;
    index(&traces, &shards, &[])?;
    let gone = vlscope::trace::SyntheticDataset::path(7);
    fs::remove_file(traces.join(gone))?;
    fs::remove_file(traces.join(vlscope::trace::SyntheticDataset::path(100)))?;
    let reports = together()?;
    assert_eq!(reports.iter().filter_map(|report| report["gone"].as_u64()).sum::<u64>(), 2);
    index(&traces, &whole, &[])?;
    assert_same(&shards, &whole)
}

#[test]
fn a_run_that_lives_keeps_its_hidden_folders() -> Result {
    let folder = tempfile::tempdir()?;
    let [traces, at] = ["traces", "index"].map(|name| folder.path().join(name));
    dataset(&traces, 3)?;
    index(&traces, &at, &[])?;
    let alive = fs::File::create(at.join(".run-0000aaaa"))?;
    alive.lock()?;
    fs::create_dir(at.join(".part-0000aaaa-0"))?;
    fs::create_dir(at.join(".part-0000bbbb-0"))?;
    fs::create_dir(at.join(".gone-0000bbbb-1"))?;
    index(&traces, &at, &[])?;
    let mut left = leftovers(&at)?;
    left.sort();
    assert_eq!(left, [".part-0000aaaa-0", ".run-0000aaaa"]);
    drop(alive);
    index(&traces, &at, &[])?;
    assert_eq!(leftovers(&at)?, [""; 0]);
    Ok(())
}
