//! From what the panels of a dataset show to the `vlscope …` line that draws the same, or with `--csv` and `--json` prints it.

use std::borrow::Cow;
use std::path::Path;

use super::command_line::{Flags, flags_of_selection, quoted, words_of};
use crate::analysis::Selection;
use crate::query::{AtlasQuestion, AtlasValue, PERMUTATIONS};
use crate::trace::Document;
use crate::view::TokenColor;
use crate::view::{CompareView, Options, Theme};

/// How large, how fine, and for which ground a picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Picture {
    /// In logical pixels.
    pub size: [f32; 2],
    /// Pixels per logical pixel.
    pub scale: f32,
    /// The theme.
    pub theme: Theme,
}

/// A dataset, and where its index lies if not in its folder.
#[derive(Clone, Copy, Debug)]
pub struct DatasetPaths<'a> {
    /// The folder of the traces.
    pub dir: &'a Path,
    /// The folder of the index.
    pub index_dir: Option<&'a Path>,
}

/// The head atlas. A lasso's tokens have no option: they are as if none were picked.
pub fn atlas_line(paths: DatasetPaths<'_>, question: &AtlasQuestion, value: AtlasValue, picture: Picture) -> String {
    let AtlasQuestion { statistic, block, a, b, picked: _, permutations } = question;
    let mut flags = vec![flag("--statistic", statistic), flag("--value", value.name())];
    flags.extend(block.as_ref().map(|block| flag("--block", block)));
    flags.extend(filter("--filter", a));
    flags.extend(b.as_ref().map(|b| flag("--against", b)));
    if *permutations != PERMUTATIONS {
        flags.push(flag("--permutations", permutations));
    }
    line("atlas", &[paths.dir], paths.index_dir, flags, picture, "head-atlas")
}

/// The token atlas, all of it: the part that is zoomed in on has no option.
pub fn tokens_line(paths: DatasetPaths<'_>, state: usize, color: TokenColor, query: &str, picture: Picture) -> String {
    let mut flags = vec![flag("--state", &state), flag("--color", color.name())];
    flags.extend(filter("--filter", query));
    line("tokens", &[paths.dir], paths.index_dir, flags, picture, "token-atlas")
}

/// Two traces side by side; `document` is that of A.
pub fn compare_line(
    traces: [&Path; 2],
    document: &Document,
    view: CompareView,
    selection: &Selection,
    options: &Options,
    picture: Picture,
) -> String {
    let mut flags = vec![flag("--view", view.name())];
    flags.extend(flags_of_selection(document, selection));
    if view == CompareView::Heads {
        flags.push(flag("--statistic", &options.statistic));
    }
    let switches = [(options.specials, "--specials"), (options.join_pieces, "--join-pieces")];
    flags.extend(switches.into_iter().filter(|(is_on, _)| *is_on).map(|(_, name)| (name.into(), None)));
    flags.extend(options.range.map(|[low, high]| flag("--range", &format!("{low}:{high}"))));
    line("compare", &traces, None, flags, picture, "compare")
}

fn flag(name: &'static str, value: &(impl ToString + ?Sized)) -> (Cow<'static, str>, Option<String>) {
    (name.into(), Some(value.to_string()))
}

fn filter(name: &'static str, query: &str) -> Option<(Cow<'static, str>, Option<String>)> {
    (!query.is_empty()).then(|| flag(name, query))
}

fn line(
    command: &str,
    paths: &[&Path],
    index_dir: Option<&Path>,
    mut flags: Flags,
    picture: Picture,
    name: &str,
) -> String {
    let [width, height] = picture.size.map(|side| side.round().clamp(16.0, 65_535.0));
    flags.extend(index_dir.map(|dir| flag("--index-dir", &dir.display())));
    flags.push(flag("--size", &format!("{width}x{height}")));
    if picture.scale != 1.0 {
        flags.push(flag("--scale", &picture.scale));
    }
    if picture.theme != Theme::Paper {
        flags.push(flag("--theme", picture.theme.name()));
    }
    let paths = paths.iter().map(|path| path.display().to_string());
    let output = ["-o".to_owned(), format!("{name}.png")];
    let words = ["vlscope".to_owned(), command.to_owned()].into_iter().chain(paths);
    words.chain(words_of(&flags)).chain(output).map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}
