//! What `vlscope stats` and `vlscope render` do with heads: z-scores, metrics, the strongest, pooled and laid over.

use crate::common::{Result, fail, json, succeed};

const MULTI_IMAGE: &str = "tests/traces/multi-image.safetensors";
const VL_INTERPRET: &str = "tests/traces/vl-interpret-0.safetensors";

#[test]
fn the_strongest_heads_alone() -> Result {
    let text = succeed(&["stats", MULTI_IMAGE, "--compute", "cpu", "--top", "2", "--csv"])?;
    let entropy: Vec<&str> = text.lines().filter(|line| line.starts_with("self,entropy,")).collect();
    assert_eq!(entropy.len(), 2, "{text}");
    assert!(entropy[0].starts_with("self,entropy,1,") && entropy[0].ends_with(",nats,0"), "{text}");
    let value = |line: &str| line.split(',').nth(5).and_then(|value| value.parse::<f64>().ok());
    assert!(value(entropy[0]) >= value(entropy[1]));
    let report = json(&["stats", MULTI_IMAGE, "--compute", "cpu", "--top", "2", "--json"])?;
    let strongest = &report["attention"][0]["statistics"][7]["strongest"];
    assert_eq!(strongest.as_array().map(Vec::len), Some(2));
    assert!(strongest[0]["layer"].is_u64() && strongest[0]["value"].is_f64());
    Ok(())
}

#[test]
fn z_scores_have_no_mean_over_what_they_are_compared_with() -> Result {
    for (z_score, means) in [("layer", "layer_mean"), ("head", "head_mean")] {
        let report = json(&["stats", MULTI_IMAGE, "--compute", "cpu", "--z-score", z_score, "--json"])?;
        let statistics = report["attention"][0]["statistics"].as_array().ok_or("no statistics")?;
        let entropy = statistics.iter().find(|statistic| statistic["name"] == "entropy").ok_or("no entropy")?;
        assert_eq!(entropy["unit"], "standard deviations");
        for mean in entropy[means].as_array().ok_or("no means")? {
            assert!(mean.as_f64().is_some_and(|mean| mean.abs() < 1e-5), "{z_score}: {mean}");
        }
    }
    Ok(())
}

#[test]
fn metrics_of_the_trace_are_printed_and_drawn() -> Result {
    let report = json(&["stats", VL_INTERPRET, "--compute", "cpu", "--json"])?;
    let statistics = report["attention"][0]["statistics"].as_array().ok_or("no statistics")?;
    assert_eq!(statistics.last().map(|statistic| &statistic["name"]), Some(&"head_metric.0".into()));
    let folder = tempfile::tempdir()?;
    let picture = folder.path().join("heads.png");
    let output = picture.to_str().ok_or("no path")?;
    succeed(&["render", VL_INTERPRET, "--view", "heads", "--statistic", "head_metric.0", "-o", output])?;
    assert!(picture.exists());
    let said = fail(1, &["render", MULTI_IMAGE, "--view", "heads", "--statistic", "head_metric.0", "-o", output])?;
    assert!(said.contains("no statistic is called `head_metric.0`"), "{said}");
    Ok(())
}

#[test]
fn thumbnails_and_overlays_are_pictures() -> Result {
    let folder = tempfile::tempdir()?;
    let colours = |arguments: &[&str]| -> Result<usize> {
        let picture = folder.path().join("picture.png");
        let output = picture.to_str().ok_or("no path")?;
        succeed(&[&["render", MULTI_IMAGE, "--size", "480x360", "-o", output], arguments].concat())?;
        let pixels = image::open(&picture)?.into_rgb8();
        Ok(pixels.pixels().collect::<std::collections::HashSet<_>>().len())
    };
    assert!(colours(&["--view", "thumbnails", "--pool", "mean", "--head-scale", "shared"])? > 100);
    assert!(colours(&["--view", "overlays", "--layer", "1", "--token", "2"])? > 100);
    assert!(colours(&["--view", "overlays", "--layer", "mean", "--compute", "gpu", "--head-scale", "own"])? > 100);
    let sorted = ["--view", "heads", "--z-score", "all", "--sort", "both", "--heads-filter", "-1,0.5"];
    assert!(colours(&sorted)? > 20);
    Ok(())
}
