//! A progress bar on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `total` steps; silent where nobody looks.
pub fn bar(quiet: bool, total: u64, doing: &'static str) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} % {eta}");
    let bar = ProgressBar::new(total).with_message(doing);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The same in bytes, with the rate.
pub fn byte_bar(quiet: bool, total: u64, doing: &'static str) -> ProgressBar {
    let bar = bar(quiet, total, doing);
    match ProgressStyle::with_template("{msg} {wide_bar} {bytes} of {total_bytes} {bytes_per_sec} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
