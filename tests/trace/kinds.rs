//! The table of tensor kinds, where else it stands.

use crate::common::Result;
use vlscope::trace::kinds::{TABLE, as_json};

const PYTHON: &str = "python/vlscope/tensor_kinds.json";

/// `VLSCOPE_BLESS=1 cargo test --test trace kinds` writes it anew.
#[test]
fn the_python_package_has_the_table() -> Result {
    let table = format!("{:#}\n", as_json());
    if std::env::var_os("VLSCOPE_BLESS").is_some() {
        std::fs::write(PYTHON, &table)?;
    }
    assert_eq!(std::fs::read_to_string(PYTHON)?, table, "{PYTHON} is not the table: run `make bless`");
    Ok(())
}

#[test]
fn the_document_has_the_table() -> Result {
    let document = std::fs::read_to_string("docs/trace-format.md")?;
    for kind in &TABLE {
        let sides: Vec<&str> = kind.shape.iter().map(|side| side.word()).collect();
        let dtypes = match kind.dtypes {
            [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            one => one.concat(),
        };
        let name = [kind.name, kind.each.pattern()].join(".");
        let (begin, end) =
            (format!("| `{}` | `[{}]`", name.trim_end_matches('.'), sides.join(", ")), format!(" | {dtypes} |"));
        let is_row = |line: &str| line.starts_with(&begin) && line.ends_with(&end);
        assert!(document.lines().any(is_row), "docs/trace-format.md has no row {begin} … {end}");
    }
    Ok(())
}
