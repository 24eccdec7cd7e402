//! From what the panels of a dataset show to the `vlscope …` line that draws the same, or with `--csv` and `--json` prints it.

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
pub struct Place<'a> {
    /// The folder of the traces.
    pub dir: &'a Path,
    /// The folder of the index.
    pub index_dir: Option<&'a Path>,
}

/// The head atlas. A lasso's tokens have no option: they are as if none were picked.
pub fn atlas_line(place: Place<'_>, question: &AtlasQuestion, value: AtlasValue, picture: Picture) -> String {
    let AtlasQuestion { statistic, block, a, b, picked: _, permutations } = question;
    let mut flags = vec![("--statistic", Some(statistic.clone())), ("--value", Some(value.to_string()))];
    flags.extend(block.clone().map(|block| ("--block", Some(block))));
    flags.extend(filter("--filter", a));
    flags.extend(b.clone().map(|b| ("--against", Some(b))));
    if *permutations != PERMUTATIONS {
        flags.push(("--permutations", Some(permutations.to_string())));
    }
    line("atlas", &[place.dir], place.index_dir, flags, picture, "head-atlas")
}

/// The token atlas, all of it: the part that is zoomed in on has no option.
pub fn tokens_line(place: Place<'_>, state: usize, color: TokenColor, query: &str, picture: Picture) -> String {
    let mut flags = vec![("--state", Some(state.to_string())), ("--color", Some(color.to_string()))];
    flags.extend(filter("--filter", query));
    line("tokens", &[place.dir], place.index_dir, flags, picture, "token-atlas")
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
    let mut flags = vec![("--view", Some(view.to_string()))];
    flags.extend(flags_of_selection(document, selection));
    if view == CompareView::Heads {
        flags.push(("--statistic", Some(options.statistic.clone())));
    }
    let mut add = |is_needed: bool, name, value| flags.extend(is_needed.then_some((name, value)));
    add(options.specials, "--specials", None);
    add(options.join_pieces, "--join-pieces", None);
    add(options.range.is_some(), "--range", options.range.map(|[low, high]| format!("{low}:{high}")));
    line("compare", &traces, None, flags, picture, "compare")
}

fn filter(name: &'static str, query: &str) -> Option<(&'static str, Option<String>)> {
    (!query.is_empty()).then(|| (name, Some(query.to_owned())))
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
    flags.extend(index_dir.map(|dir| ("--index-dir", Some(dir.display().to_string()))));
    flags.push(("--size", Some(format!("{width}x{height}"))));
    if picture.scale != 1.0 {
        flags.push(("--scale", Some(picture.scale.to_string())));
    }
    if picture.theme == Theme::Dark {
        flags.push(("--theme", Some(picture.theme.to_string())));
    }
    let paths = paths.iter().map(|path| path.display().to_string());
    let output = ["-o".to_owned(), format!("{name}.png")];
    let words = ["vlscope".to_owned(), command.to_owned()].into_iter().chain(paths);
    words.chain(words_of(&flags)).chain(output).map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}
