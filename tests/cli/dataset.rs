//! `vlscope examples` and `vlscope atlas` on the demo, indexed for the occasion.

use std::fs;
use std::path::Path;

use crate::common::{Result, fail, json, run, succeed};
use tempfile::TempDir;

/// The demo with an index.
fn indexed() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo"))? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "safetensors") {
            fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
        }
    }
    succeed(&["index", folder.path().to_str().ok_or("no path")?, "--quiet"])?;
    Ok(folder)
}

fn rows(csv: &str) -> Vec<Vec<&str>> {
    csv.lines().map(|line| line.split(',').collect()).collect()
}

#[test]
fn examples_are_filtered_sorted_and_counted() -> Result {
    let folder = indexed()?;
    let dir = folder.path().to_str().ok_or("no path")?;
    let all = json(&["examples", dir, "--json"])?;
    assert_eq!((all["of"].as_u64(), all["count"].as_u64()), (Some(32), Some(32)));
    let right = json(&["examples", dir, "--filter", "is:right", "--json"])?;
    let wrong = json(&["examples", dir, "--filter", "is:wrong", "--json", "--limit", "1"])?;
    let [rights, wrongs] = [&right, &wrong].map(|report| report["count"].as_u64().unwrap_or(0));
    assert!(rights > 0 && wrongs > 0 && rights + wrongs == 32, "{rights} right, {wrongs} wrong");
    assert_eq!(wrong["examples"].as_array().map(Vec::len), Some(1), "the limit is not the count");
    let right = right["examples"].as_array().ok_or("no examples")?;
    assert_eq!(right.iter().filter(|example| example["correct"] == true).count() as u64, rights);

    let text = succeed(&["examples", dir, "--filter", "-is:right", "--columns", "path,prediction"])?;
    assert!(text.contains(" of 32 examples") && text.starts_with("path "), "{text}");

    let sorted = ["examples", dir, "--sort", "entropy[0.1]:desc", "--columns", "path,entropy[0.1]", "--csv"];
    let sorted = succeed(&sorted)?;
    let values: Vec<f64> = rows(&sorted).iter().skip(1).filter_map(|row| row.get(1)?.parse().ok()).collect();
    assert!(values.len() == 32 && values.is_sorted_by(|a, b| a >= b), "{sorted}");
    let middle = values[15];
    let above = json(&["examples", dir, "--filter", &format!("entropy[0.1]>{middle}"), "--json"])?;
    assert_eq!(above["count"].as_u64(), Some(values.iter().filter(|value| **value > middle).count() as u64));
    Ok(())
}

#[test]
fn what_could_not_be_read_is_listed_with_its_path_and_why() -> Result {
    let folder = indexed()?;
    let dir = folder.path().to_str().ok_or("no path")?;
    let sound = succeed(&["examples", dir])?;
    assert!(sound.starts_with("id ") && !sound.contains("error"), "{sound}");
    fs::write(folder.path().join("0.safetensors"), b"")?;
    assert_eq!(run(&["index", dir, "--quiet"])?.code, Some(0), "a broken trace is no failure");
    let with_broken = succeed(&["examples", dir])?;
    assert!(with_broken.starts_with("path "), "{with_broken}");
    let row = with_broken.lines().find(|line| line.starts_with("0.safetensors")).ok_or("no row")?;
    assert!(row.contains("not a safetensors file: it has 0 bytes"), "{row}");
    Ok(())
}

#[test]
fn what_an_index_says_of_a_head_is_what_stats_says() -> Result {
    let folder = indexed()?;
    let dir = folder.path().to_str().ok_or("no path")?;
    let found = json(&["examples", dir, "--columns", "path,mass.text.image[2.3]", "--limit", "1", "--json"])?;
    let path = folder.path().join(found["examples"][0]["path"].as_str().ok_or("no path")?);
    let stats = json(&["stats", path.to_str().ok_or("no path")?, "--compute", "cpu", "--json"])?;
    let all = stats["attention"][0]["statistics"].as_array().ok_or("no statistics")?;
    let mass = all.iter().find(|statistic| statistic["name"] == "mass.text.image").ok_or("no mass")?;
    let (indexed, computed) = (&found["examples"][0]["mass.text.image[2.3]"], &mass["values"][2][3]);
    let difference = indexed.as_f64().ok_or("no value")? - computed.as_f64().ok_or("no value")?;
    assert!(difference.abs() < 1e-6, "{indexed} {computed}");
    Ok(())
}

#[test]
fn the_atlas_is_the_mean_of_its_examples_and_compares_groups() -> Result {
    let folder = indexed()?;
    let dir = folder.path().to_str().ok_or("no path")?;
    let listed = succeed(&["examples", dir, "--columns", "entropy[3.2],correct", "--csv"])?;
    let values: Vec<(f64, bool)> =
        rows(&listed).iter().skip(1).filter_map(|row| Some((row[0].parse().ok()?, row[1] == "true"))).collect();
    let mean = |right: Option<bool>| {
        let chosen: Vec<f64> = values
            .iter()
            .filter(|(_, is_right)| right.is_none_or(|right| right == *is_right))
            .map(|(v, _)| *v)
            .collect();
        chosen.iter().sum::<f64>() / chosen.len() as f64
    };
    let cell = |report: &serde_json::Value| {
        let heads = report["heads"].as_u64().unwrap_or(0) as usize;
        report["values"][3 * heads + 2].clone()
    };
    let report = json(&["atlas", dir, "--statistic", "entropy", "--json"])?;
    assert!((cell(&report)["mean"].as_f64().ok_or("no mean")? - mean(None)).abs() < 1e-5);
    assert!(cell(&report).get("p").is_none());
    let compared = ["atlas", dir, "--statistic", "entropy", "--filter", "is:right", "--against", "is:wrong"];
    let report = json(&[&compared[..], &["--permutations", "99", "--json", "--quiet"]].concat())?;
    let difference = cell(&report)["difference"].as_f64().ok_or("no difference")?;
    assert!((difference - (mean(Some(true)) - mean(Some(false)))).abs() < 1e-5);
    let p = cell(&report)["p"].as_f64().ok_or("no p")?;
    assert!((0.01..=1.0).contains(&p) && cell(&report)["effect"].is_f64());
    let again = json(&[&compared[..], &["--permutations", "99", "--json", "--quiet"]].concat())?;
    assert_eq!(again, report, "the same seed");

    let list = succeed(&[&compared[..], &["--permutations", "9", "--csv", "--quiet"]].concat())?;
    assert!(
        list.starts_with(
            "block,layer,head,count,mean,deviation,min,max,count_against,mean_against,difference,effect,p\n"
        )
    );
    let table = succeed(&[&compared[..], &["--permutations", "9", "--value", "effect", "--quiet"]].concat())?;
    assert!(table.contains("is:right (") && table.contains("− is:wrong ("), "{table}");
    let extremes = succeed(&["atlas", dir, "--statistic", "entropy", "--extremes", "3.2", "--csv"])?;
    let highest = values.iter().map(|(value, _)| *value).fold(f64::NEG_INFINITY, f64::max);
    let first: f64 = rows(&extremes)[1][2].parse()?;
    assert!(
        extremes.lines().nth(1).is_some_and(|line| line.starts_with("highest,1,")) && (first - highest).abs() < 1e-6
    );
    Ok(())
}

#[test]
fn the_atlas_is_drawn_with_its_counts_and_marks() -> Result {
    let folder = indexed()?;
    let dir = folder.path().to_str().ok_or("no path")?;
    let svg = folder.path().join("atlas.svg");
    let out = svg.to_str().ok_or("no path")?;
    succeed(&["atlas", dir, "--statistic", "sink", "--filter", "is:right", "--value", "mean", "-o", out])?;
    let drawn = fs::read_to_string(&svg)?;
    assert!(drawn.contains("Sink, mean") && drawn.contains("is:right (") && drawn.contains(" of 32)"), "{drawn}");
    let compare = ["--against", "is:wrong", "--value", "effect", "--quiet"];
    succeed(&[&["atlas", dir, "--statistic", "sink", "--filter", "is:right", "-o", out], &compare[..]].concat())?;
    let drawn = fs::read_to_string(&svg)?;
    assert!(
        drawn.contains("Sink, Cohen's d") && drawn.contains("with a dot: p &lt; 0.05, 999 permutations"),
        "{drawn}"
    );
    Ok(())
}

#[test]
fn messages_say_what_to_do() -> Result {
    let folder = indexed()?;
    let dir = folder.path().to_str().ok_or("no path")?;
    let empty = tempfile::tempdir()?;
    let no_index = fail(1, &["examples", empty.path().to_str().ok_or("no path")?])?;
    assert!(no_index.contains("make one with `vlscope index "), "{no_index}");
    let unknown = fail(1, &["examples", dir, "--filter", "is:right colour=red"])?;
    assert!(
        unknown.contains("--filter: no column is called `colour`") && unknown.contains("\n           ^^^^^^^^^^"),
        "{unknown}"
    );
    let sort = fail(1, &["examples", dir, "--sort", "colour"])?;
    assert!(sort.contains("--sort: no column is called `colour`"), "{sort}");
    let statistic = fail(1, &["atlas", dir, "--statistic", "beauty"])?;
    assert!(statistic.contains("no statistic is called `beauty`: there are vli.image_to_text, "), "{statistic}");
    let head = fail(1, &["examples", dir, "--filter", "entropy[99.0]>1"])?;
    assert!(head.contains("no example has layer 99, head 0 in block `self`"), "{head}");
    let alone = fail(1, &["atlas", dir, "--statistic", "sink", "--value", "p"])?;
    assert!(alone.contains("--value p is of two groups"), "{alone}");
    Ok(())
}
