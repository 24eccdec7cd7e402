//! What people read on a terminal. All of it passes through here, since ids, labels and file names may hold what a terminal
//! obeys, and may have no end.

use std::fmt::Display;
use std::io::{self, Write as _};

use crate::trace::{escaped, shortened};

/// The most characters of a message.
const MESSAGE_LETTERS: usize = 10_000;

/// Prints lines on standard output.
pub fn print(lines: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{}", plain(&lines.to_string()))
}

/// Prints a message on standard error.
pub fn warn(message: impl Display) {
    eprintln!("vlscope: {}", plain(&shortened(&message.to_string(), MESSAGE_LETTERS)));
}

/// Line breaks stay.
fn plain(text: &str) -> String {
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}
