//! From what is shown to the `vlscope render …` line that draws the same. A test parses the line again and compares.
//!
//! The structs are taken apart without `..`: a field that is new does not compile until it has its option here.

use std::path::Path;

use super::ViewState;
use crate::analysis::normalize::Normalization;
use crate::analysis::projection::Recipe;
use crate::analysis::sinks::Criteria;
use crate::analysis::statistics::Over;
use crate::analysis::{Combine, Direction, Rollout, Selection, SinkTreatment};
use crate::render::{Keep, Rect, Transform};
use crate::trace::Document;
use crate::view::{Caption, EmbeddingOptions, Options, Theme, View};

/// Options of `vlscope render`, each with its value, if it takes one.
pub type Flags = Vec<(&'static str, Option<String>)>;

/// What `vlscope render` has to be told for this picture: the options, without trace, output and size.
///
/// Fails to name a block that the trace lacks; the line then means the first.
pub fn render_flags(document: &Document, state: &ViewState) -> Flags {
    let ViewState { trace: _, view, selection, options, front } = state;
    let mut flags = vec![("--view", Some(view.map_or("window", |view| view.name()).to_owned()))];
    if view.is_none() && !front.is_empty() {
        let names: Vec<&str> = front.iter().map(|view| view.name()).collect();
        flags.push(("--front", Some(names.join(","))));
    }
    flags.extend(flags_of_selection(document, selection));
    flags.extend(flags_of_options(*view, options));
    flags
}

/// The whole line, as it is typed in a shell; `dataset` is the folder whose examples a window lists.
pub fn render_line(
    document: &Document,
    state: &ViewState,
    dataset: Option<&Path>,
    size: [f32; 2],
    scale: f32,
) -> String {
    let trace = state.trace.as_deref().unwrap_or(Path::new("trace.safetensors")).display().to_string();
    let mut words = vec!["vlscope".to_owned(), "render".to_owned(), trace];
    if let Some(dataset) = dataset {
        words.extend(["--dataset".to_owned(), dataset.display().to_string()]);
    }
    words.extend(words_of(&render_flags(document, state)));
    let [width, height] = size.map(|side| side.round().clamp(16.0, 65_535.0));
    words.extend(["--size".to_owned(), format!("{width}x{height}")]);
    if scale != 1.0 {
        words.extend(["--scale".to_owned(), scale.to_string()]);
    }
    let name = state.view.map_or("window", |view| view.name());
    words.extend(["-o".to_owned(), format!("{name}.png")]);
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// The options one after another, each value a word of its own; one that begins with a minus is joined to its option.
pub fn words_of(flags: &Flags) -> Vec<String> {
    let words = flags.iter().flat_map(|(name, value)| match value {
        Some(value) if value.starts_with('-') || *name == "--rollout" => vec![format!("{name}={value}")],
        Some(value) => vec![(*name).to_owned(), value.clone()],
        None => vec![(*name).to_owned()],
    });
    words.collect()
}

pub(super) fn flags_of_selection(document: &Document, selection: &Selection) -> Flags {
    let Selection { block, layer, head, tokens, direction, combine, rollout, sinks, sink_criteria } = selection;
    let mut flags = Flags::new();
    if let Some(block) = document.attention.get(*block) {
        flags.push(("--block", Some(block.name.clone())));
    }
    flags.push(("--layer", Some(layer.to_string())));
    flags.push(("--head", Some(head.to_string())));
    flags.extend(tokens.iter().map(|token| ("--token", Some(token.to_string()))));
    if *direction == Direction::AttendedBy {
        flags.push(("--direction", Some("from".to_owned())));
    }
    match combine {
        Combine::Mean => {}
        Combine::Sum => flags.push(("--combine", Some("sum".to_owned()))),
        Combine::Max => flags.push(("--combine", Some("max".to_owned()))),
    }
    if let Some(Rollout { start, residual_percent }) = rollout {
        flags.push(("--rollout", Some(start.to_string())));
        flags.push(("--residual", Some((f64::from(*residual_percent) / 100.0).to_string())));
    }
    match sinks {
        SinkTreatment::Show => {}
        SinkTreatment::Mark => flags.push(("--sinks", Some("mark".to_owned()))),
        SinkTreatment::Hide => flags.push(("--sinks", Some("hide".to_owned()))),
        SinkTreatment::Renormalise => flags.push(("--sinks", Some("renormalise".to_owned()))),
    }
    flags.extend(flags_of_criteria(sink_criteria));
    flags
}

fn flags_of_criteria(criteria: &Criteria) -> Flags {
    let Criteria { share_ratio, head_share, seen_share, activation, dimension_ratio } = criteria;
    let usual = Criteria::default();
    let thresholds = [
        ("--sink-ratio", *share_ratio, usual.share_ratio),
        ("--sink-heads", *head_share, usual.head_share),
        ("--sink-seen", *seen_share, usual.seen_share),
        ("--sink-activation", *activation, usual.activation),
        ("--sink-dimension", *dimension_ratio, usual.dimension_ratio),
    ];
    let changed = thresholds.into_iter().filter(|(_, value, usual)| value != usual);
    changed.map(|(name, value, _)| (name, Some(value.to_string()))).collect()
}

fn flags_of_options(view: Option<View>, options: &Options) -> Flags {
    let Options {
        statistic,
        specials,
        z_score,
        pooling,
        hidden_state,
        colormap,
        range,
        normalization,
        smooth,
        opacity,
        fade,
        contours,
        image,
        matrix_window,
        embedding_view,
        links,
        links_of_selection,
        theme,
        font_scale,
        colour_bar,
        title,
        embedding,
        heads_order,
        heads_filter,
        thumbnails_own_scale,
        overlays_own_scale,
        lock_scale,
        tiles,
        join_pieces,
        text_scroll: _,
        timeline_group,
        matrix_block,
        links_color,
        links_bundle,
        caption,
    } = options;
    let usual = Options::default();
    let mut flags = Flags::new();
    let mut add = |is_needed: bool, name, value| {
        if is_needed {
            flags.push((name, value));
        }
    };
    add(!statistic.is_empty(), "--statistic", Some(statistic.clone()));
    add(*specials, "--specials", None);
    let is_normalized = *normalization != Normalization::None;
    add(is_normalized, "--normalization", Some(normalization_name(*normalization).to_owned()));
    if let Normalization::Percentile(percent) = normalization {
        add(*percent != 99.0, "--percentile", Some(percent.to_string()));
    }
    add(hidden_state.is_some(), "--hidden-state", hidden_state.map(|state| state.to_string()));
    add(z_score.is_some(), "--z-score", z_score.map(|over| over_name(over).to_owned()));
    add(*pooling != usual.pooling, "--pool", typed(pooling));
    add(colormap.is_some(), "--colormap", colormap.map(|colormap| colormap.to_string()));
    add(range.is_some(), "--range", range.map(|[low, high]| format!("{low}:{high}")));
    add(!smooth, "--by-patch", None);
    add(*opacity != usual.opacity, "--opacity", Some(opacity.to_string()));
    add(!*fade, "--no-fade", None);
    add(*contours, "--contours", None);
    add(image.is_some(), "--image", image.map(|image| image.to_string()));
    add(matrix_window.is_some(), "--matrix-window", matrix_window.map(window));
    add(embedding_view.is_some(), "--embedding-view", embedding_view.map(transform));
    match links {
        Keep::Strongest(count) => add(*links != usual.links, "--strongest", Some(count.to_string())),
        Keep::AtLeast(weight) => add(true, "--min-weight", Some(weight.to_string())),
    }
    add(*links_of_selection, "--links-of-selection", None);
    add(*theme == Theme::Dark, "--theme", Some(theme.to_string()));
    add(*font_scale != usual.font_scale, "--font-scale", Some(font_scale.to_string()));
    add(!colour_bar, "--no-colour-bar", None);
    add(!title, "--no-title", None);
    let caption = caption.as_ref().map(|caption| match caption {
        Caption::Auto => "auto".to_owned(),
        Caption::Text(text) => text.clone(),
    });
    add(caption.is_some(), "--caption", caption);
    add(*heads_order != usual.heads_order, "--sort", typed(heads_order));
    add(heads_filter.is_some(), "--heads-filter", heads_filter.map(|ends| numbers(&ends)));
    let scale_name = |own: bool| Some(if own { "own" } else { "shared" }.to_owned());
    match view {
        Some(View::Thumbnails) => {
            add(*thumbnails_own_scale != usual.thumbnails_own_scale, "--head-scale", scale_name(*thumbnails_own_scale));
        }
        _ => add(*overlays_own_scale != usual.overlays_own_scale, "--head-scale", scale_name(*overlays_own_scale)),
    }
    add(*lock_scale, "--lock-scale", None);
    add(*tiles != usual.tiles, "--tiles", typed(tiles));
    add(*join_pieces, "--join-pieces", None);
    add(*timeline_group != usual.timeline_group, "--timeline-mass", typed(timeline_group));
    add(*matrix_block != usual.matrix_block, "--matrix-block", typed(matrix_block));
    add(*links_color != usual.links_color, "--links-color", typed(links_color));
    add(*links_bundle, "--links-bundle", None);
    flags.extend(flags_of_embedding(embedding));
    flags
}

fn flags_of_embedding(options: &EmbeddingOptions) -> Flags {
    let EmbeddingOptions { recipe, color_by, size_by, trajectories, pictures, neighbours, lasso: _ } = options;
    let Recipe { method, align, seed } = recipe;
    let usual = EmbeddingOptions::default();
    let mut flags = Flags::new();
    let mut add = |is_needed: bool, name, value| {
        if is_needed {
            flags.push((name, value));
        }
    };
    add(*method != usual.recipe.method, "--projection", Some(method.name().to_owned()));
    // Trajectories have another way of aligning where none is given.
    add(*align != usual.recipe.align || *trajectories, "--align", Some(align.name().to_owned()));
    add(*seed != usual.recipe.seed, "--seed", Some(seed.to_string()));
    add(*color_by != usual.color_by, "--color-by", Some(color_by.name().to_owned()));
    add(*size_by != usual.size_by, "--size-by", Some(size_by.name().to_owned()));
    add(*trajectories, "--trajectories", None);
    add(*pictures, "--patches", None);
    add(neighbours.is_some(), "--neighbours", neighbours.map(|metric| metric.name().to_owned()));
    flags
}

/// A choice as it is typed.
fn typed(choice: &impl clap::ValueEnum) -> Option<String> {
    choice.to_possible_value().map(|value| value.get_name().to_owned())
}

fn over_name(over: Over) -> &'static str {
    match over {
        Over::Layers => "head",
        Over::Heads => "layer",
        Over::Everything => "all",
    }
}

fn normalization_name(normalization: Normalization) -> &'static str {
    match normalization {
        Normalization::None => "none",
        Normalization::MinMax => "min-max",
        Normalization::RowMaximum => "row-maximum",
        Normalization::Percentile(_) => "percentile",
        Normalization::Log => "log",
    }
}

fn window(rect: Rect) -> String {
    numbers(&[rect.min.x, rect.min.y, rect.max.x, rect.max.y])
}

fn transform(view: Transform) -> String {
    numbers(&[view.scale.x, view.scale.y, view.offset.x, view.offset.y])
}

fn numbers(numbers: &[f32]) -> String {
    numbers.iter().map(f32::to_string).collect::<Vec<_>>().join(",")
}

/// A word as a POSIX shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("a/b-c_1.safetensors"), "a/b-c_1.safetensors");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(quoted(""), "''");
        assert_eq!(words_of(&vec![("--range", Some("-1,1".to_owned()))]), ["--range=-1,1"]);
    }
}
