//! Imports point one way: each module names only those that stand below it.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

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

fn rust_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// The modules behind each `crate::` in a file, whether in a `use` or in the middle of the code.
fn imported(code: &str) -> Vec<String> {
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    code.split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn imports_point_one_way() -> Result<(), Box<dyn Error>> {
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for file in rust_files(&src)? {
        let place = file.strip_prefix(&src)?;
        let first = place.components().next().ok_or("no path")?.as_os_str().to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs");
        if matches!(module, "main" | "lib") {
            continue;
        }
        let below = allowed.get(module).ok_or_else(|| format!("src/{module} is not in the table"))?;
        for name in imported(&std::fs::read_to_string(&file)?) {
            if name != module && allowed.contains_key(name.as_str()) && !below.contains(&name.as_str()) {
                wrong.push(format!("{} imports crate::{name}", place.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn only_the_app_names_egui_and_winit() -> Result<(), Box<dyn Error>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&src)? {
        let code = std::fs::read_to_string(&file)?;
        let names = ["egui::", "egui_wgpu", "egui_winit", "winit::"].into_iter().find(|name| code.contains(name));
        let in_app = file.strip_prefix(&src)?.starts_with("app");
        assert!(in_app || names.is_none(), "{} names {}", file.display(), names.unwrap_or_default());
    }
    Ok(())
}
