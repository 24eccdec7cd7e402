//! `vlscope check`: reads every value of traces and reports what is not sound.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde::Serialize;

use super::progress;
use super::table::print_json;
use super::terminal;
use crate::analysis::recompute;
use crate::dataset::traces_in;
use crate::trace::check::{self, Finding, Severity};
use crate::trace::{LINE_LETTERS, Trace, TraceError, shortened};

const EXAMPLES: &str = "Examples:
  vlscope check trace.safetensors
  vlscope check traces/ --json | jq '.[] | select(.sound | not) | .path'
  vlscope check trace.safetensors --recompute

Exit code 1 if a file is no trace or has wrong numbers, or a folder cannot be read; rows that do not
sum to 1 are only a warning.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Traces, or folders of traces.
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// Compute the log-sum-exp and the statistics that were stored at capture anew, and compare.
    #[arg(long)]
    recompute: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    path: &'a Path,
    /// Whether there is no error.
    sound: bool,
    errors: Vec<Entry>,
    warnings: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    message: String,
    /// `refused` if the file does not open, or changes meanwhile.
    problem: &'static str,
    #[serde(flatten)]
    place: Option<Place>,
}

/// Where in the values; nowhere if the file was refused.
#[derive(Serialize)]
struct Place {
    tensor: String,
    position: Vec<usize>,
    /// Null where it is not a number.
    value: f64,
    count: u64,
    total: u64,
}

pub fn run(arguments: &Arguments, quiet: bool) -> Result<ExitCode> {
    let (mut paths, mut is_whole) = (Vec::new(), true);
    for path in &arguments.paths {
        // What is not there is refused below, in its turn, so that the other files are checked all the same.
        if !path.is_dir() {
            paths.push(path.clone());
            continue;
        }
        let found = traces_in(path).with_context(|| format!("cannot read {}", path.display()))?;
        for (folder, error) in &found.unread {
            terminal::warn(format_args!("cannot read {}: {error}", folder.display()));
        }
        ensure!(!found.files.is_empty(), "there are no traces in {}", path.display());
        is_whole &= found.unread.is_empty();
        paths.extend(found.files);
    }
    let mut reports = Vec::new();
    for path in &paths {
        let report = report(path, arguments.recompute, quiet);
        if !arguments.json {
            print(&report)?;
        }
        reports.push(report);
    }
    if arguments.json {
        print_json(&reports)?;
    }
    Ok(if is_whole && reports.iter().all(|report| report.sound) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(path: &Path, recomputes: bool, quiet: bool) -> Report<'_> {
    let findings = Trace::open(path).and_then(|trace| {
        let bar = progress::byte_bar(quiet, check::bytes(&trace), "checking");
        let findings = check::check(&trace, &|bytes| bar.inc(bytes));
        bar.finish_and_clear();
        let findings = findings?;
        let anew = if recomputes { computed_anew(&trace, quiet)? } else { Vec::new() };
        Ok([findings, anew].concat())
    });
    let findings = match findings {
        Ok(findings) => findings,
        Err(error) => {
            let refusal = Entry { message: error.message, problem: "refused", place: None };
            return Report { path, sound: false, errors: vec![refusal], warnings: Vec::new() };
        }
    };
    let (errors, warnings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.problem.severity() == Severity::Error);
    let entries = |findings: Vec<Finding>| findings.into_iter().map(entry).collect();
    Report { path, sound: errors.is_empty(), errors: entries(errors), warnings: entries(warnings) }
}

fn computed_anew(trace: &Trace, quiet: bool) -> Result<Vec<Finding>, TraceError> {
    let bar = progress::bar(quiet, recompute::layers(trace) as u64, "layers computed anew");
    let findings = recompute::recompute(trace, &mut || bar.inc(1));
    bar.finish_and_clear();
    findings
}

fn entry(finding: Finding) -> Entry {
    let Finding { problem, tensor, position, value, count, total, message } = finding;
    Entry { message, problem: problem.name(), place: Some(Place { tensor, position, value, count, total }) }
}

fn print(report: &Report<'_>) -> Result<()> {
    let [errors, warnings] = [(&report.errors, "error"), (&report.warnings, "warning")].map(|(entries, what)| {
        let ending = if entries.len() == 1 { "" } else { "s" };
        (!entries.is_empty()).then(|| format!("{} {what}{ending}", entries.len()))
    });
    let verdict = [errors.or_else(|| Some("sound".to_owned())), warnings].into_iter().flatten().collect::<Vec<_>>();
    terminal::print(format_args!("{}: {}", report.path.display(), verdict.join(", ")))?;
    for (entries, what) in [(&report.errors, "error"), (&report.warnings, "warning")] {
        for entry in entries {
            terminal::print(format_args!("  {what}: {}", shortened(&entry.message, LINE_LETTERS)))?;
        }
    }
    Ok(())
}
