//! The command, run as a person runs it.
#![allow(dead_code, reason = "each test uses its part")]

use std::process::{Child, Command, ExitStatus, Output, Stdio};

pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vlscope"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env("RUST_BACKTRACE", "1");
    command
}

/// What a run left behind.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn run(arguments: &[&str]) -> Result<Run> {
    let Output { status, stdout, stderr } = command(arguments).output()?;
    Ok(Run { code: status.code(), stdout: String::from_utf8(stdout)?, stderr: String::from_utf8(stderr)? })
}

/// A run that goes on beside the test.
pub fn started(arguments: &[&str]) -> Result<Child> {
    Ok(command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

/// How it ended.
pub fn finished(child: Child) -> Result<(ExitStatus, Run)> {
    let Output { status, stdout, stderr } = child.wait_with_output()?;
    Ok((status, Run { code: status.code(), stdout: String::from_utf8(stdout)?, stderr: String::from_utf8(stderr)? }))
}

/// Runs and expects success and silence on standard error.
pub fn succeed(arguments: &[&str]) -> Result<String> {
    let run = run(arguments)?;
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    Ok(run.stdout)
}

/// The JSON that a successful run prints.
pub fn json(arguments: &[&str]) -> Result<serde_json::Value> {
    Ok(serde_json::from_str(&succeed(arguments)?)?)
}

/// What a run says on standard error when it fails with this code.
pub fn fail(code: i32, arguments: &[&str]) -> Result<String> {
    let run = run(arguments)?;
    assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{arguments:?}: {}", run.stderr);
    assert!(!run.stderr.contains("backtrace") && !run.stderr.contains("panicked"), "{}", run.stderr);
    Ok(run.stderr)
}

/// Runs with a standard output that nobody reads any more, as `| head` leaves it.
pub fn run_unread(arguments: &[&str]) -> Result<Run> {
    let mut child = command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(child.stdout.take());
    let Output { status, stderr, .. } = child.wait_with_output()?;
    Ok(Run { code: status.code(), stdout: String::new(), stderr: String::from_utf8(stderr)? })
}
