//! `vlscope bench`: which figures it prints; how large they are is nobody's business here.

use crate::common::{Result, succeed};
use serde_json::Value;

#[test]
fn every_figure_has_its_runs() -> Result {
    let printed = succeed(&["bench", "tests/traces/multi-image.safetensors", "--json", "--size", "320x240"])?;
    let report: Value = serde_json::from_str(&printed)?;
    assert!(report["adapter"].as_str().is_some_and(|name| !name.is_empty()));
    let all = ["heads", "image", "text", "matrix", "links", "embedding", "thumbnails", "overlays", "timeline", "all"];
    let wanted: [(&str, &[&str]); 5] = [
        ("click_to_frame_ms", &all),
        ("hover_to_frame_ms", &all),
        ("window_ms", &["head", "token", "patch"]),
        (
            "pan_ms",
            &[
                "points_10000",
                "points_1000000",
                "token_atlas_100000",
                "token_atlas_1000000",
                "links_10000",
                "links_100000",
                "links_2000_and_points_2000",
            ],
        ),
        ("numbers_ms", &["statistics", "upload", "t-SNE of a hidden state", "PCA of a hidden state"]),
    ];
    for (part, names) in wanted {
        for name in names {
            let timing = &report[part][name];
            let [median, min, max] = ["median", "min", "max"].map(|which| timing[which].as_f64().unwrap_or(f64::NAN));
            assert!(0.0 < min && min <= median && median <= max, "{part} of {name}: {timing}");
            assert!(timing["n"].as_u64() > Some(0), "{part} of {name}: {timing}");
        }
    }
    Ok(())
}
