//! From what is shown to the `vlscope render …` line that draws the same. A test parses the line again and compares.
//!
//! An option is declared once, as a field with `clap` and `serde`: what differs from an empty line is typed ([`flags_of`]).

use std::borrow::Cow;
use std::path::Path;

use clap::{Arg, ArgAction, Args, Command, FromArgMatches};
use serde::Serialize;
use serde_json::Value;

use super::ViewState;
use crate::analysis::{Combine, Direction, Rollout, Selection, SinkTreatment, WeightKind};
use crate::trace::Document;

/// Options of `vlscope render`, each with its value, if it takes one.
pub type Flags = Vec<(Cow<'static, str>, Option<String>)>;

/// What `vlscope render` has to be told for this picture: the options, without trace, output and size.
///
/// Fails to name a block that the trace lacks; the line then means the first.
pub fn render_flags(document: &Document, state: &ViewState) -> Flags {
    let ViewState { trace: _, view, selection, options, front } = state;
    let mut flags: Flags = vec![("--view".into(), Some(view.map_or("window", |view| view.name()).to_owned()))];
    if view.is_none() && !front.is_empty() {
        let names: Vec<&str> = front.iter().map(|view| view.name()).collect();
        flags.push(("--front".into(), Some(names.join(","))));
    }
    flags.extend(flags_of_selection(document, selection));
    flags.extend(flags_of(options));
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
        Some(value) if value.starts_with('-') || name == "--rollout" => vec![format!("{name}={value}")],
        Some(value) => vec![name.to_string(), value.clone()],
        None => vec![name.to_string()],
    });
    words.collect()
}

pub(super) fn flags_of_selection(document: &Document, selection: &Selection) -> Flags {
    let Selection { block, layer, head, tokens, direction, combine, weights, sinks, sink_criteria } =
        &selection.numbered(document);
    let mut flags = Flags::new();
    let mut add = |name: &'static str, value: String| flags.push((name.into(), Some(value)));
    if let Some(block) = document.attention.get(*block) {
        add("--block", block.name.clone());
    }
    add("--layer", layer.to_string());
    add("--head", head.to_string());
    tokens.iter().for_each(|token| add("--token", token.to_string()));
    if *direction != Direction::default() {
        add("--direction", direction.name().to_owned());
    }
    if *combine != Combine::default() {
        add("--combine", combine.name().to_owned());
    }
    match weights {
        WeightKind::Raw => {}
        WeightKind::NormWeighted | WeightKind::Relevance(_) => add("--weights", weights.to_string()),
        WeightKind::Rollout(Rollout { start, residual_percent }) => {
            add("--rollout", start.to_string());
            add("--residual", (f64::from(*residual_percent) / 100.0).to_string());
        }
    }
    if *sinks != SinkTreatment::default() {
        add("--sinks", sinks.name().to_owned());
    }
    flags.extend(flags_of(sink_criteria));
    flags
}

/// The options that make a value of what is usual. Fields and options are the same, since `clap` reads what `serde` writes: so each
/// option is told by its name, and its text is that of the field. What is missing is typed, and read back, until nothing is.
fn flags_of<T: Args + FromArgMatches + Serialize>(wanted: &T) -> Flags {
    let command = T::augment_args(Command::new("vlscope"));
    let wanted = fields_of(&command, wanted);
    let mut flags = Flags::new();
    loop {
        let words = ["vlscope".to_owned()].into_iter().chain(words_of(&flags));
        let read = command.clone().try_get_matches_from(words).and_then(|matches| T::from_arg_matches(&matches));
        let Ok(read) = read.map(|read| fields_of(&command, &read)) else { return flags };
        let typed = flags.len();
        let missing = wanted.iter().filter(|field| !read.contains(field)).filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::Bool(_) => Some((name.clone(), None)),
            value => Some((name.clone(), Some(text_of(value, separator_of(&command, name))))),
        });
        let missing: Flags = missing.filter(|flag| !flags.contains(flag)).collect();
        flags.extend(missing);
        if flags.len() == typed {
            return flags;
        }
    }
}

/// Every option with the value of its field.
fn fields_of(command: &Command, value: &impl Serialize) -> Vec<(Cow<'static, str>, Value)> {
    // By way of text, where a number has no more digits than it needs.
    let value = serde_json::to_string(value).and_then(|text| serde_json::from_str(&text)).unwrap_or_default();
    let mut fields = Vec::new();
    collect_fields(command, "", value, &mut fields);
    fields
}

fn collect_fields(command: &Command, name: &str, value: Value, fields: &mut Vec<(Cow<'static, str>, Value)>) {
    let option = |name: &str| command.get_arguments().find(|option| option.get_id() == name);
    match (value, option(name).and_then(Arg::get_long)) {
        (Value::Object(inner), long) if long.is_none() || inner.keys().all(|name| option(name).is_some()) => {
            inner.into_iter().for_each(|(name, value)| collect_fields(command, &name, value, fields));
        }
        // Each of several that are typed one by one.
        (Value::Array(values), Some(long)) if option(name).is_some_and(is_repeated) => {
            fields.extend(values.into_iter().map(|value| (format!("--{long}").into(), value)));
        }
        (value, Some(long)) => fields.push((format!("--{long}").into(), value)),
        (_, None) => {}
    }
}

/// Whether it is typed once for each of its values.
fn is_repeated(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Append)
}

/// What stands between the numbers of an option: a colon where its value is called `LOW:HIGH`, else a comma.
fn separator_of(command: &Command, name: &str) -> &'static str {
    let option = command.get_arguments().find(|option| option.get_long() == name.strip_prefix("--"));
    let has_colon =
        |option: &Arg| option.get_value_names().is_some_and(|names| names.iter().any(|name| name.contains(':')));
    if option.is_some_and(has_colon) { ":" } else { "," }
}

/// As it is typed.
fn text_of(value: &Value, separator: &str) -> String {
    let joined = |values: &mut dyn Iterator<Item = &Value>| {
        values.map(|value| text_of(value, separator)).collect::<Vec<_>>().join(separator)
    };
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => whole.to_string(),
            None => number.as_f64().unwrap_or_default().to_string(),
        },
        Value::Array(values) => joined(&mut values.iter()),
        Value::Object(values) => joined(&mut values.values()),
        Value::Null | Value::Bool(_) => String::new(),
    }
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
        assert_eq!(words_of(&vec![("--range".into(), Some("-1,1".to_owned()))]), ["--range=-1,1"]);
    }
}
