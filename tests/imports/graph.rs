//! Which file uses a name of which other: paths are followed through modules and re-exports to the file that declares the name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FilePath, PathBuf};

use crate::source::{Path, Source};

/// All files of a crate, by the path of their module without `crate`.
pub struct Crate {
    files: BTreeMap<Path, (String, Source)>,
}

/// What a path leads to.
enum Found {
    /// A name that this module's file declares.
    Item(Path),
    Module(Path),
}

/// A → B, by the names of the files: A uses a name of B.
pub type Arrow = (String, String);

impl Crate {
    /// Reads a `src` folder, without files that hold tests alone.
    pub fn read(src: &FilePath) -> std::io::Result<Self> {
        let named = |file: PathBuf| {
            let name = file.strip_prefix(src).unwrap_or(&file).to_string_lossy().replace('\\', "/");
            Ok((name, std::fs::read_to_string(&file)?))
        };
        Ok(Self::of(rust_files(src)?.into_iter().map(named).collect::<std::io::Result<Vec<_>>>()?))
    }

    /// Of files by their names under `src`.
    fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut files: BTreeMap<Path, (String, Source)> = files
            .into_iter()
            .map(|(name, code)| {
                let mut module: Path = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
                if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
                    module.pop();
                }
                (module, (name, Source::parse(&code)))
            })
            .collect();
        let is_test = |module: &Path| {
            (1..=module.len()).any(|length| {
                let (last, parent) = (&module[length - 1], &module[..length - 1]);
                files.get(parent).is_some_and(|(_, parent)| parent.tests.contains(last))
            })
        };
        let tests: Vec<Path> = files.keys().filter(|module| is_test(module)).cloned().collect();
        tests.iter().for_each(|module| _ = files.remove(module));
        Self { files }
    }

    /// Every arrow from one file to another.
    pub fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (module, (file, source)) in &self.files {
            for used in self.used(module, source) {
                let other = &self.files[&used].0;
                if other != file {
                    arrows.insert((file.clone(), other.clone()));
                }
            }
        }
        arrows
    }

    /// The modules whose names a file uses. A `pub use` alone uses nothing; what it brings may be used below it.
    fn used(&self, module: &Path, source: &Source) -> BTreeSet<Path> {
        let mut known: BTreeMap<&str, Path> = BTreeMap::new();
        let mut used = BTreeSet::new();
        let visible = source.imports.iter().map(|import| (import, false));
        for ((name, path), is_export) in visible.chain(source.exports.iter().map(|export| (export, true))) {
            match self.find(module, path) {
                Some(Found::Module(found)) if name == "*" && !is_export => {
                    used.insert(found);
                }
                Some(Found::Module(found)) => {
                    known.insert(name, found);
                }
                Some(Found::Item(found)) if !is_export || source.names.contains(name) => {
                    used.insert(found);
                }
                Some(Found::Item(_)) | None => {}
            }
        }
        for path in &source.paths {
            let found = match known.get(path[0].as_str()) {
                Some(start) => self.walk(start, &path[1..], 0),
                // An enum that was re-exported, and one of its variants.
                None => {
                    let export = source.exports.iter().find(|(name, _)| *name == path[0]);
                    self.find(module, export.map_or(path, |(_, path)| path))
                }
            };
            if let Some(Found::Item(found)) = found {
                used.insert(found);
            }
        }
        used
    }

    /// What a path in a module leads to; `None` outside of the crate.
    fn find(&self, module: &Path, path: &[String]) -> Option<Found> {
        self.find_within(module, path, 0)
    }

    fn find_within(&self, module: &Path, path: &[String], depth: usize) -> Option<Found> {
        let mut start = module.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" | "vlscope" => (start, rest) = (Path::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    start.pop()?;
                    rest = &rest[1..];
                }
            }
            first if self.child(module, first).is_some() => {}
            _ => return None,
        }
        self.walk(&start, rest, depth)
    }

    /// The module of that name in a module, if it has a file.
    fn child(&self, module: &Path, name: &str) -> Option<Path> {
        let child = [module.as_slice(), &[name.to_owned()]].concat();
        self.files.contains_key(&child).then_some(child)
    }

    fn walk(&self, start: &Path, rest: &[String], depth: usize) -> Option<Found> {
        // A re-export that leads back to itself.
        if depth > 16 {
            return None;
        }
        let Some(name) = rest.first() else { return Some(Found::Module(start.clone())) };
        let source = &self.files.get(start)?.1;
        if let Some(child) = self.child(start, name) {
            return self.walk(&child, &rest[1..], depth);
        }
        if source.items.contains(name) {
            return Some(Found::Item(start.clone()));
        }
        for (_, path) in source.exports.iter().filter(|(exported, _)| exported == name) {
            if let Some(found) = self.find_within(start, path, depth + 1) {
                return match found {
                    Found::Module(found) => self.walk(&found, &rest[1..], depth + 1),
                    Found::Item(found) => Some(Found::Item(found)),
                };
            }
        }
        for (_, path) in source.exports.iter().filter(|(exported, _)| exported == "*") {
            if let Some(Found::Module(found)) = self.find_within(start, path, depth + 1)
                && let Some(Found::Item(found)) = self.walk(&found, rest, depth + 1)
                && self.files[&found].1.items.contains(name)
            {
                return Some(Found::Item(found));
            }
        }
        // What a file imports for itself, its children see as `super::name`.
        let private = source.imports.iter().find(|(imported, _)| imported == name);
        private.and_then(|(_, path)| self.find_within(start, path, depth + 1)).or(Some(Found::Item(start.clone())))
    }
}

/// Files that reach each other: groups of two and more, each a circle.
pub fn circles(arrows: &BTreeSet<Arrow>) -> Vec<BTreeSet<&str>> {
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in arrows {
        next.entry(from).or_default().push(to);
    }
    for &start in next.keys() {
        let seen = reached.entry(start).or_default();
        let mut open = vec![start];
        while let Some(file) = open.pop() {
            open.extend(next.get(file).into_iter().flatten().filter(|other| seen.insert(other)));
        }
    }
    let mut circles: Vec<BTreeSet<&str>> = Vec::new();
    for (file, seen) in reached.iter().filter(|(file, seen)| seen.contains(*file)) {
        if !circles.iter().any(|circle| circle.contains(file)) {
            let back = |other: &&&str| reached.get(**other).is_some_and(|seen| seen.contains(file));
            circles.push(seen.iter().filter(back).copied().collect());
        }
    }
    circles
}

pub fn rust_files(folder: &FilePath) -> std::io::Result<Vec<PathBuf>> {
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

#[test]
fn names_are_followed_to_the_file_that_declares_them() {
    let files = [
        ("lib.rs", "pub mod a; pub mod b; mod only; #[cfg(test)] mod tested;"),
        (
            "a/mod.rs",
            "mod deep; pub mod shown; pub use deep::Deep; pub use shown::*; use crate::b::{B, inner::{self}}; fn f(_: B) { inner::g() }",
        ),
        ("a/deep.rs", "pub struct Deep; fn f() { super::shown::from_sibling() }"),
        ("a/shown.rs", "pub fn from_sibling() {} pub struct Shown; #[cfg(test)] mod tests { use crate::only::Only; }"),
        ("b/mod.rs", "pub mod inner; pub struct B;"),
        ("b/inner.rs", "use crate::a::{Deep, Shown}; pub fn g() {}"),
        ("only.rs", "pub struct Only; fn f() -> crate::a::Deep { crate::a::Deep }"),
        ("tested.rs", "use crate::a::Deep;"),
    ];
    let all = Crate::of(files.map(|(name, code)| (name.to_owned(), code.to_owned()))).arrows();
    let arrow = |(from, to): (&str, &str)| (from.to_owned(), to.to_owned());
    let expected = [
        ("a/deep.rs", "a/shown.rs"),
        ("a/mod.rs", "b/inner.rs"),
        ("a/mod.rs", "b/mod.rs"),
        ("b/inner.rs", "a/deep.rs"),
        ("b/inner.rs", "a/shown.rs"),
        ("only.rs", "a/deep.rs"),
    ];
    assert_eq!(all, expected.map(arrow).into());
    assert!(circles(&all).is_empty(), "a re-export alone is no arrow");
    let back = all.iter().cloned().chain([arrow(("a/shown.rs", "a/mod.rs"))]).collect();
    assert_eq!(circles(&back), [["a/deep.rs", "a/mod.rs", "a/shown.rs", "b/inner.rs"].into()]);
}
