//! `vlscope check`: opens traces, reads every value, and reports what is not sound.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::progress;
use super::table::print_json;
use crate::trace::Trace;

#[derive(Args, Debug)]
pub struct Arguments {
    /// The traces.
    #[arg(required = true)]
    traces: Vec<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    path: PathBuf,
    errors: Vec<String>,
    warnings: Vec<String>,
}

/// Exit code 1 if a trace has an error; warnings alone are none.
pub fn run(arguments: &Arguments, quiet: bool) -> Result<ExitCode> {
    let reports: Vec<Report> = arguments.traces.iter().map(|path| check(path.clone(), quiet)).collect();
    if arguments.json {
        print_json(&reports)?;
    } else {
        for report in &reports {
            let path = report.path.display();
            for error in &report.errors {
                println!("error: {error}: {path}");
            }
            for warning in &report.warnings {
                println!("warning: {warning}: {path}");
            }
            if report.errors.is_empty() && report.warnings.is_empty() {
                println!("sound: {path}");
            }
        }
    }
    let is_sound = reports.iter().all(|report| report.errors.is_empty());
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check(path: PathBuf, quiet: bool) -> Report {
    let trace = match Trace::open(&path) {
        Ok(trace) => trace,
        Err(error) => return Report { path, errors: vec![error.message], warnings: Vec::new() },
    };
    let bar = progress::byte_bar(quiet, trace.check_bytes(), "check");
    let findings = trace.check(&mut |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let (errors, warnings): (Vec<_>, Vec<_>) = findings.into_iter().partition(|finding| finding.is_error);
    let messages = |findings: Vec<crate::trace::Finding>| findings.into_iter().map(|finding| finding.message).collect();
    Report { path, errors: messages(errors), warnings: messages(warnings) }
}
