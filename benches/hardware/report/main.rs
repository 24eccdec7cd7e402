//! Makes one JSON and one Markdown table of what the parts of the hardware kit printed, and says whether all is well:
//! `hardware-report RESULTS EXPECTED`, the folder that run.sh filled and that of llvmpipe's pictures.

mod pictures;
mod table;
mod verdicts;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::Value;

use self::pictures::Difference;
use self::verdicts::Part;

/// All that is known of a run.
#[derive(Serialize)]
struct Report {
    /// The version of vlscope and the commit that the kit was built from.
    kit: String,
    /// The system and its processor.
    machine: String,
    /// The adapter that was tried: the first of those below.
    adapter: String,
    driver: String,
    /// What `vlscope devices --json` printed.
    adapters: Value,
    parts: Vec<Part>,
    pictures: Vec<Difference>,
    /// What `vlscope bench --json` printed of the small and of the large trace; null if it failed.
    bench: [Value; 2],
    /// The same of the trace of queries and keys.
    queries: Value,
}

impl Report {
    fn read(results: &Path, expected: &Path) -> Result<Self> {
        let line = |name: &str| Ok::<_, anyhow::Error>(text(&results.join(name))?.trim().to_owned());
        let adapters = json(&results.join("devices.out"));
        let name = |key: &str| adapters[0][key].as_str().unwrap_or("none").to_owned();
        Ok(Self {
            kit: line("kit")?,
            machine: line("machine")?,
            adapter: name("name"),
            driver: name("driver"),
            parts: verdicts::parts(&line("parts")?, |part| text(&results.join(format!("{part}.out")))),
            pictures: pictures::compare_folders(&results.join("pictures"), expected)?,
            bench: ["bench-small", "bench-large"].map(|part| json(&results.join(format!("{part}.out")))),
            queries: json(&results.join("bench-queries.out")),
            adapters,
        })
    }

    fn is_well(&self) -> bool {
        self.parts.iter().all(Part::is_well) && self.pictures.iter().all(Difference::is_small)
    }
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Null if the part that writes it failed, which is known already.
fn json(path: &Path) -> Value {
    fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Value::Null)
}

fn run() -> Result<ExitCode> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    ensure!(folders.len() == 2, "usage: hardware-report RESULTS EXPECTED");
    let (results, expected) = (&folders[0], &folders[1]);
    let report = Report::read(results, expected)?;
    for (name, content) in
        [("results.json", serde_json::to_string_pretty(&report)?), ("results.md", table::markdown(&report))]
    {
        let path = results.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("hardware-report: {error:#}");
        ExitCode::FAILURE
    })
}
