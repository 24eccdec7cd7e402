//! The Markdown table, whose rows are those of BENCHMARKS.md.

use std::fmt::Write as _;

use serde_json::Value;

use crate::Report;

/// A row of the measurements: what is measured, where it stands in the JSON of `vlscope bench`, digits after the point.
const MEASURED: [(&str, &str, usize); 22] = [
    ("engine: click → all views drawn, ms", "/click_to_frame_ms/all/median", 1),
    ("engine: hover → preview, ms", "/hover_to_frame_ms/all/median", 1),
    ("engine: click → links, ms", "/click_to_frame_ms/links/median", 1),
    ("window: click on a head, ms", "/window_ms/head/median", 1),
    ("window: click on a token, ms", "/window_ms/token/median", 1),
    ("window: click on a patch, ms", "/window_ms/patch/median", 1),
    ("window: first frame with the trace, ms", "/open_ms/first frame/median", 0),
    ("window: all numbers, ms", "/open_ms/all numbers/median", 0),
    ("panning 10,000 points, ms", "/pan_ms/points_10000/median", 2),
    ("panning 100,000 points, ms", "/pan_ms/points_100000/median", 2),
    ("panning 1,000,000 points, ms", "/pan_ms/points_1000000/median", 2),
    ("panning the token atlas, 1,000,000 tokens, ms", "/pan_ms/token_atlas_1000000/median", 2),
    ("panning 10,000 links of 240 pixels, ms", "/pan_ms/links_10000/median", 2),
    ("panning 100,000 links of 240 pixels, ms", "/pan_ms/links_100000/median", 2),
    ("panning 2,000 links and 2,000 points, ms", "/pan_ms/links_2000_and_points_2000/median", 2),
    ("statistics of all heads, ms", "/numbers_ms/statistics/median", 2),
    ("upload of all heads, ms", "/numbers_ms/upload/median", 2),
    ("upload, GB/s", "/bandwidth/upload_gb_per_s", 1),
    ("copy within the device, read and written, GB/s", "/bandwidth/copy_gb_per_s", 0),
    ("statistics of resident pages, GB/s", "/bandwidth/statistics_gb_per_s", 0),
    ("statistics as a share of the copy (goal 0.7)", "/bandwidth/statistics_share_of_copy", 2),
    ("threads of the processor", "/threads", 0),
];

/// The same of the trace of queries and keys.
const COMPUTED: [(&str, &str, usize); 10] = [
    ("statistics of all heads, ms (goal 10,000)", "/numbers_ms/statistics/median", 0),
    ("the same, before queries and keys are resident, ms", "/numbers_ms/statistics, the first time/median", 0),
    ("click, one head, ms", "/numbers_ms/click, one head/median", 2),
    ("click, each head of a layer, ms", "/numbers_ms/click, each head of a layer/median", 2),
    ("click, all heads of all layers, ms (goal 8)", "/numbers_ms/click, all heads of all layers/median", 2),
    ("products, 10¹² operations a second", "/strip/products_tflop_per_s", 1),
    ("rows of a strip", "/strip/rows", 0),
    ("products of a strip, ms", "/strip/products_ms", 3),
    ("weights of a strip, ms", "/strip/strip_ms", 3),
    ("threads of the processor", "/threads", 0),
];

/// What people read and paste.
pub fn markdown(report: &Report) -> String {
    let mut lines = vec![
        format!("# vlscope on {}", report.adapter),
        String::new(),
        format!("{}. {}. Driver: {}.", report.kit, report.machine, report.driver),
    ];
    if report.adapters[0]["runs_shaders"] == Value::Bool(false) {
        lines.push(String::new());
        lines.push("**This adapter is a program: the figures say nothing about a graphics card.**".to_owned());
    }
    lines.extend(["", "| part | outcome | seconds |", "| --- | --- | ---: |"].map(str::to_owned));
    for part in &report.parts {
        lines.push(format!("| {} | {} | {} |", part.name, part.verdict(), part.seconds));
    }
    let others: Vec<_> = report.pictures.iter().filter(|picture| !picture.is_small()).collect();
    lines.extend([
        String::new(),
        format!("{} of {} pictures are llvmpipe's.", report.pictures.len() - others.len(), report.pictures.len()),
    ]);
    if !others.is_empty() {
        lines
            .extend(["", "| picture that differs | pixels | worst tile |", "| --- | ---: | ---: |"].map(str::to_owned));
    }
    for other in others {
        lines.push(format!("| {} | {:.2} % | {:.0} |", other.picture, other.pixels * 100.0, other.worst_tile));
    }
    lines.extend(
        ["", "| adapter | kind | backend | driver | binding | buffer |", "| --- | --- | --- | --- | ---: | ---: |"]
            .map(str::to_owned),
    );
    for adapter in report.adapters.as_array().into_iter().flatten() {
        let [name, kind, backend, driver] =
            ["name", "kind", "backend", "driver"].map(|key| adapter[key].as_str().unwrap_or_default());
        let [binding, buffer] = ["max_binding_bytes", "max_buffer_bytes"]
            .map(|key| adapter[key].as_u64().map_or_else(String::new, |bytes| format!("{} MiB", bytes >> 20)));
        lines.push(format!("| {name} | {kind} | {backend} | {driver} | {binding} | {buffer} |"));
    }
    lines.extend(
        ["", "| measured | 12 × 12 heads, 185 tokens | 32 × 32 heads, 640 tokens |", "| --- | ---: | ---: |"]
            .map(str::to_owned),
    );
    lines.extend(MEASURED.iter().map(|row| line(row, &report.bench)));
    lines.extend(
        ["", "| computed from queries and keys | 28 × 28 heads, 16,384 tokens |", "| --- | ---: |"].map(str::to_owned),
    );
    lines.extend(COMPUTED.iter().map(|row| line(row, std::slice::from_ref(&report.queries))));
    lines.push(String::new());
    lines.join("\n")
}

fn line((what, pointer, digits): &(&str, &str, usize), benches: &[Value]) -> String {
    let mut line = format!("| {what} |");
    for bench in benches {
        let value = bench.pointer(pointer).and_then(Value::as_f64);
        let cell = value.map_or_else(String::new, |value| format!(" {value:.digits$}"));
        // Writing to a string does not fail.
        let _ = write!(line, "{cell} |");
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pictures::Difference;
    use crate::verdicts::parts;

    #[test]
    fn the_table_names_the_adapter_what_failed_and_what_was_measured() {
        let report = Report {
            kit: "vlscope 0.1.0 (abc)".into(),
            machine: "Linux, two processors".into(),
            adapter: "Card".into(),
            driver: "1.2".into(),
            adapters: json!([{"name": "Card", "kind": "discrete", "runs_shaders": true, "max_binding_bytes": 2_147_483_648_u64}]),
            parts: parts("kernels 101 7", |_| Ok("test gather::a ... FAILED\n".into())),
            pictures: vec![
                Difference { picture: "links.png".into(), pixels: 0.5, worst_tile: 99.0 },
                Difference { picture: "text.png".into(), pixels: 0.0, worst_tile: 0.0 },
            ],
            bench: [json!({"bandwidth": {"copy_gb_per_s": 2500.4}}), Value::Null],
            queries: json!({"numbers_ms": {"statistics, the first time": {"median": 1234.5}}, "strip": {"products_ms": 0.5}}),
        };
        let text = markdown(&report);
        for line in [
            "# vlscope on Card",
            "| kernels | 1 of 1 tests failed: gather::a | 7 |",
            "1 of 2 pictures are llvmpipe's.",
            "| links.png | 50.00 % | 99 |",
            "| Card | discrete |  |  | 2048 MiB |  |",
            "| copy within the device, read and written, GB/s | 2500 | |",
            "| the same, before queries and keys are resident, ms | 1234 |",
            "| products of a strip, ms | 0.500 |",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(!report.is_well());
    }
}
