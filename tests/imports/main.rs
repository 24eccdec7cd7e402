//! Imports point one way: each module names only those that stand below it, and no files name each other in a circle.

mod graph;
mod source;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use graph::{Arrow, Crate, circles, rust_files};

/// What each module may import, besides itself and `typed`. `gpu` and `render` know the plain types of the
/// trace, `query` those of `render`.
const ALLOWED: [(&str, &[&str]); 12] = [
    ("typed", &[]),
    ("trace", &[]),
    ("gpu", &["trace"]),
    ("analysis", &["trace", "gpu"]),
    ("dataset", &["trace", "analysis"]),
    ("render", &["trace", "gpu"]),
    ("query", &["trace", "gpu", "analysis", "dataset", "render"]),
    ("view", &["trace", "analysis", "dataset", "render", "query"]),
    ("headless", &["gpu", "render", "view"]),
    ("export", &["trace", "analysis", "dataset", "render", "query", "view", "headless"]),
    ("app", &["trace", "gpu", "analysis", "dataset", "render", "query", "view", "headless", "export"]),
    ("cli", &["trace", "gpu", "analysis", "dataset", "render", "query", "view", "headless", "export", "app"]),
];

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
        if module == used || used == "typed" || matches!(module, "main" | "lib") {
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
    let wrong: Vec<String> = circles(&all)
        .iter()
        .map(|circle| {
            let inside = |(from, to): &&Arrow| circle.contains(from.as_str()) && circle.contains(to.as_str());
            all.iter().filter(inside).map(|(from, to)| format!("{from} uses {to}")).collect::<Vec<_>>().join("\n")
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
