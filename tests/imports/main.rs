//! Imports point one way: each module names only those that stand below it, and no files name each other in a circle.

mod graph;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};

use graph::{Crate, circles, rust_files};

/// What each module may import, besides itself. `gpu` and `render` know the plain types of the trace.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("trace", &[]),
    ("gpu", &["trace"]),
    ("analysis", &["trace", "gpu"]),
    ("dataset", &["trace", "analysis"]),
    ("render", &["trace", "gpu"]),
    ("view", &["trace", "analysis", "render"]),
    ("query", &["trace", "analysis", "dataset", "render", "view"]),
    ("headless", &["gpu", "render", "view"]),
    ("export", &["trace", "analysis", "render", "view", "query", "headless"]),
    ("app", &["trace", "gpu", "analysis", "dataset", "render", "view", "query", "headless", "export"]),
    ("cli", &["trace", "gpu", "analysis", "dataset", "render", "view", "query", "headless", "export", "app"]),
];

/// Arrows that still close a circle, to be broken: each is one, and without them there is none. A line that is no longer
/// needed fails.
const TO_BREAK: [(&str, &str); 0] = [];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// `render` of `render/svg.rs`, `headless` of `headless.rs`.
fn module_of(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or_default()
}

#[test]
fn imports_point_one_way() -> Result<(), Box<dyn Error>> {
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    let mut wrong = Vec::new();
    for (from, to) in Crate::read(&src())?.arrows() {
        let (module, used) = (module_of(&from), module_of(&to));
        if module == used || matches!(module, "main" | "lib") {
            continue;
        }
        let below = allowed.get(module).ok_or_else(|| format!("src/{module} is not in the table"))?;
        if !below.contains(&used) {
            wrong.push(format!("{from} uses {to}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn no_files_use_each_other_in_a_circle() -> Result<(), Box<dyn Error>> {
    let all = Crate::read(&src())?.arrows();
    let to_break: BTreeSet<_> = TO_BREAK.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    let found = circles(&all);
    let closes =
        |(from, to): &(String, String)| found.iter().any(|c| c.contains(from.as_str()) && c.contains(to.as_str()));
    let stale: Vec<_> = to_break.iter().filter(|arrow| !all.contains(*arrow) || !closes(arrow)).collect();
    assert!(stale.is_empty(), "no part of a circle any more: {stale:#?}");
    let left = all.difference(&to_break).cloned().collect();
    let wrong: Vec<String> = circles(&left)
        .iter()
        .map(|circle| {
            let inside =
                |(from, to): &&(String, String)| circle.contains(from.as_str()) && circle.contains(to.as_str());
            left.iter().filter(inside).map(|(from, to)| format!("{from} uses {to}")).collect::<Vec<_>>().join("\n")
        })
        .collect();
    assert!(wrong.is_empty(), "in circles:\n{}", wrong.join("\n\n"));
    Ok(())
}

#[test]
fn only_the_app_names_egui_and_winit() -> Result<(), Box<dyn Error>> {
    let src = src();
    for file in rust_files(&src)? {
        let code = std::fs::read_to_string(&file)?;
        let names = ["egui::", "egui_wgpu", "egui_winit", "winit::"].into_iter().find(|name| code.contains(name));
        let in_app = file.strip_prefix(&src)?.starts_with("app");
        assert!(in_app || names.is_none(), "{} names {}", file.display(), names.unwrap_or_default());
    }
    Ok(())
}
