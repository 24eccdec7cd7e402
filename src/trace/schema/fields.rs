//! Values of the JSON document, each with its place, which the message of a refusal names.

use std::fmt;

use serde_json::{Map, Value};

use super::super::Document;
use super::super::json::{Fields, Json};

/// Where a value is, as messages say it: written out only for them, since most traces are sound.
pub type Place<'a> = &'a dyn fmt::Display;

/// The document itself, which has no name.
pub const ROOT: Place<'_> = &"";

/// The list as Python writes it, with a space behind each comma.
pub fn spaced(value: &Json<'_>) -> String {
    match value.as_list() {
        Some(items) => format!("[{}]", items.iter().map(Json::to_string).collect::<Vec<_>>().join(", ")),
        None => value.to_string(),
    }
}

/// The items of an optional list.
pub fn each<T>(
    root: &Fields<'_>,
    key: &str,
    mut read: impl FnMut(&Json<'_>, Place<'_>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let Some(value) = root.get(key) else { return Ok(Vec::new()) };
    as_list(value, &key)?.iter().enumerate().map(|(index, item)| read(item, &format_args!("{key}[{index}]"))).collect()
}

pub fn required<'a, 't>(fields: &'a Fields<'t>, place: Place<'_>, key: &str) -> Result<&'a Json<'t>, String> {
    fields.get(key).ok_or_else(|| format!("`{}` is missing", Inside(place, key)))
}

pub fn optional<T>(
    fields: &Fields<'_>,
    place: Place<'_>,
    key: &str,
    read: impl Fn(&Json<'_>, Place<'_>) -> Result<T, String>,
) -> Result<Option<T>, String> {
    match fields.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => read(value, &Inside(place, key)).map(Some),
    }
}

/// A key of what is at a place.
struct Inside<'a>(Place<'a>, &'a str);

impl fmt::Display for Inside<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(place, key) = self;
        match place.to_string().as_str() {
            "" => formatter.write_str(key),
            place => write!(formatter, "{place}.{key}"),
        }
    }
}

fn wrong(value: &Json<'_>, place: Place<'_>, expected: &str) -> String {
    let found = match value {
        Json::Null => "null",
        Json::Boolean(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::List(_) => "a list",
        Json::Object(_) => "an object",
    };
    format!("`{place}` is {found}, expected {expected}")
}

pub fn as_object<'a, 't>(value: &'a Json<'t>, place: Place<'_>) -> Result<&'a Fields<'t>, String> {
    value.as_object().ok_or_else(|| wrong(value, place, "an object"))
}

pub fn as_list<'a, 't>(value: &'a Json<'t>, place: Place<'_>) -> Result<&'a [Json<'t>], String> {
    value.as_list().ok_or_else(|| wrong(value, place, "a list"))
}

pub fn object(value: &Json<'_>, place: Place<'_>) -> Result<Map<String, Value>, String> {
    as_object(value, place).map(Fields::to_map)
}

pub fn string(value: &Json<'_>, place: Place<'_>) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| wrong(value, place, "a string"))
}

pub fn boolean(value: &Json<'_>, place: Place<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| wrong(value, place, "a boolean"))
}

pub fn count(value: &Json<'_>, place: Place<'_>) -> Result<usize, String> {
    let whole = value.as_u64().and_then(|number| usize::try_from(number).ok());
    whole.ok_or_else(|| wrong(value, place, "a whole number that is not negative"))
}

/// The place of a sequence that a key names.
pub fn sequence_index(fields: &Fields<'_>, place: Place<'_>, key: &str, document: &Document) -> Result<usize, String> {
    let name = string(required(fields, place, key)?, &format_args!("{place}.{key}"))?;
    document.sequences.iter().position(|sequence| sequence.name == name).ok_or_else(|| {
        let names: Vec<&str> = document.sequences.iter().map(|sequence| sequence.name.as_str()).collect();
        format!("`{place}.{key}` is \"{name}\", expected a name in `sequences`: {}", names.join(", "))
    })
}

/// The place of the block that `attention` names.
pub fn block_index(fields: &Fields<'_>, place: Place<'_>, document: &Document) -> Result<usize, String> {
    let name = string(required(fields, place, "attention")?, &format_args!("{place}.attention"))?;
    document.block_index(&name).ok_or_else(|| {
        let names: Vec<&str> = document.attention.iter().map(|block| block.name.as_str()).collect();
        format!("`{place}.attention` is \"{name}\", expected a name in `attention`: {}", names.join(", "))
    })
}

/// A finite number.
pub fn number(value: &Json<'_>, place: Place<'_>) -> Result<f32, String> {
    let number = value.as_f64().map(|number| number as f32).filter(|number| number.is_finite());
    number.ok_or_else(|| wrong(value, place, "a finite number"))
}

/// The one of these words that a string is.
pub fn one_of<T: Copy>(value: &Json<'_>, place: Place<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        format!("`{place}` is {value}, expected {}", either(&words))
    })
}

/// `a, b or c`.
pub fn either(words: &[impl AsRef<str>]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        words => words.concat(),
    }
}
