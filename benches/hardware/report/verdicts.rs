//! How each part of the kit ended, and which of its tests failed.

use anyhow::Result;
use serde::Serialize;

/// A program of the kit that has run.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    pub name: String,
    /// Its exit code; 124 or 137 if it took too long.
    pub code: i32,
    pub seconds: u64,
    /// Of a test program: how many tests passed.
    pub passed: usize,
    /// The names of those that failed.
    pub failed: Vec<String>,
}

impl Part {
    pub fn is_well(&self) -> bool {
        self.code == 0 && self.failed.is_empty()
    }

    pub fn verdict(&self) -> String {
        let tests = match (self.passed, self.failed.as_slice()) {
            (0, []) => String::new(),
            (passed, []) => format!("{passed} tests passed"),
            (passed, failed) => {
                format!("{} of {} tests failed: {}", failed.len(), passed + failed.len(), failed.join(", "))
            }
        };
        let end = match self.code {
            0 if tests.is_empty() => "done".to_owned(),
            0 => String::new(),
            124 | 137 => "**cut off: it took too long**".to_owned(),
            _ if !self.failed.is_empty() => String::new(),
            code => format!("**failed** with {code}: see {}.err", self.name),
        };
        [end, tests].into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

/// From the lines `NAME CODE SECONDS` that run.sh writes, and what each part printed.
pub fn parts(lines: &str, printed: impl Fn(&str) -> Result<String>) -> Vec<Part> {
    let part = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let (code, seconds) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let printed = printed(&name).unwrap_or_default();
        let with_end = |end| printed.lines().filter_map(move |line| line.strip_prefix("test ")?.strip_suffix(end));
        let failed = with_end(" ... FAILED").map(str::to_owned).collect();
        Some(Part { passed: with_end(" ... ok").count(), failed, name, code, seconds })
    };
    lines.lines().filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_how_it_ended() {
        let printed = "running 3 tests\ntest gather::a ... ok\ntest pool::b ... FAILED\ntest pool::c ... ok\n";
        let of = |line: &str, printed: &str| parts(line, |_| Ok(printed.to_owned())).remove(0);
        let failed = of("kernels 101 7", printed);
        assert_eq!((failed.passed, failed.failed.as_slice(), failed.seconds), (2, &["pool::b".to_owned()][..], 7));
        assert_eq!(failed.verdict(), "1 of 3 tests failed: pool::b");
        assert_eq!(of("kernels 0 7", "test gather::a ... ok\n").verdict(), "1 tests passed");
        assert_eq!(of("kernels 124 90", printed).verdict().split(';').next(), Some("**cut off: it took too long**"));
        assert_eq!(of("bench-small 1 0", "").verdict(), "**failed** with 1: see bench-small.err");
        assert!(of("devices 0 0", "[]").is_well() && !failed.is_well() && !of("devices 139 0", "").is_well());
    }
}
