//! `vlscope check`: reads every value of traces and reports what is not sound.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde::Serialize;

use super::progress;
use super::table::print_json;
use crate::dataset::traces_in;
use crate::trace::Trace;
use crate::trace::check::{self, Finding, Severity};

const EXAMPLES: &str = "Examples:
  vlscope check trace.safetensors
  vlscope check traces/ --json | jq '.[] | select(.sound | not) | .path'

Exit code 1 if a file is no trace or has wrong numbers; rows that do not sum to 1 are only a warning.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Traces, or folders of traces.
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    path: &'a Path,
    /// It opens, and no finding is an error.
    sound: bool,
    /// Why it does not open.
    refusal: Option<String>,
    findings: Vec<FindingReport>,
}

#[derive(Serialize)]
struct FindingReport {
    severity: &'static str,
    problem: &'static str,
    tensor: String,
    position: Vec<usize>,
    /// Null where it is not a number.
    value: f64,
    count: u64,
    total: u64,
    message: String,
}

pub fn run(arguments: &Arguments, quiet: bool) -> Result<ExitCode> {
    let mut paths = Vec::new();
    for path in &arguments.paths {
        // What is not there is refused below, in its turn, so that the other files are checked all the same.
        let found = if path.is_dir() { traces_in(path) } else { Ok(vec![path.clone()]) };
        let found = found.with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(!found.is_empty(), "there are no traces in {}", path.display());
        paths.extend(found);
    }
    let mut reports = Vec::new();
    for path in &paths {
        let report = report(path, quiet);
        if !arguments.json {
            print(&report)?;
        }
        reports.push(report);
    }
    if arguments.json {
        print_json(&reports)?;
    }
    Ok(if reports.iter().all(|report| report.sound) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(path: &Path, quiet: bool) -> Report<'_> {
    let trace = match Trace::open(path) {
        Ok(trace) => trace,
        Err(error) => return Report { path, sound: false, refusal: Some(error.message), findings: Vec::new() },
    };
    let bar = progress::byte_bar(quiet, check::bytes(&trace), "checking");
    let findings = check::check(&trace, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let sound = findings.iter().all(|finding| finding.problem.severity() == Severity::Warning);
    Report { path, sound, refusal: None, findings: findings.into_iter().map(FindingReport::new).collect() }
}

impl FindingReport {
    fn new(finding: Finding) -> Self {
        let Finding { problem, tensor, position, value, count, total, message } = finding;
        let severity = match problem.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Self { severity, problem: problem.name(), tensor, position, value, count, total, message }
    }
}

fn print(report: &Report<'_>) -> Result<()> {
    let mut out = io::stdout().lock();
    let path = report.path.display();
    let (warnings, errors): (Vec<_>, Vec<_>) =
        report.findings.iter().partition(|finding| finding.severity == "warning");
    match &report.refusal {
        Some(message) => writeln!(out, "{path}: refused\n  error: {message}")?,
        None if report.findings.is_empty() => writeln!(out, "{path}: sound")?,
        None if report.sound => writeln!(out, "{path}: sound, {}", counted(warnings.len(), "warning"))?,
        None => {
            let warned = if warnings.is_empty() { String::new() } else { counted(warnings.len(), "warning") };
            let parts = [counted(errors.len(), "error"), warned];
            writeln!(out, "{path}: {}", parts.join(", ").trim_end_matches(", "))?;
        }
    }
    for finding in errors.iter().chain(&warnings) {
        writeln!(out, "  {}: {}", finding.severity, finding.message)?;
    }
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
