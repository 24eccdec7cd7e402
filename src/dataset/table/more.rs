//! Keys of outputs and attributes that have no column of their own, or have one in some parts of the index alone: their values
//! lie in the JSON of all others. Read when they are asked for: few datasets have such keys, and none needs all of them.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;

use super::{Column, Table, Texts, Value, Values};

/// How columns of a kind begin, and where the others of that kind lie.
const KINDS: [(&str, &str); 2] = [("output_", "more_outputs"), ("attribute_", "more_attributes")];

impl Table {
    /// A column with what the JSON has where it has nothing.
    pub(super) fn completed<'a>(&'a self, column: &'a Column) -> Cow<'a, Column> {
        self.read_more(&column.name, Some(column)).map_or(Cow::Borrowed(column), Cow::Owned)
    }

    /// The values of a key that has no column, by the name that one would have, whole or without its beginning.
    pub(super) fn among_more(&self, name: &str) -> Option<Column> {
        let whole = || self.read_more(name, None);
        whole().or_else(|| KINDS.iter().find_map(|(prefix, _)| self.read_more(&format!("{prefix}{name}"), None)))
    }

    /// `None` where the JSON has no value of that name.
    fn read_more(&self, name: &str, before: Option<&Column>) -> Option<Column> {
        let (key, more) = KINDS.iter().find_map(|(prefix, more)| Some((name.strip_prefix(prefix)?, *more)))?;
        let more = self.columns.iter().find(|column| column.name == more)?;
        let is_found = AtomicBool::new(false);
        let value = |row: usize| match before.map_or(Value::None, |column| column.values.value(row)) {
            Value::None => {
                let found = value_of(&more.values, row, key)?;
                is_found.store(true, Ordering::Relaxed);
                Some(found)
            }
            Value::Text(text) => Some(Json::from(text)),
            Value::Number(number) => Some(Json::from(number)),
            Value::Flag(flag) => Some(Json::from(flag)),
        };
        let all: Vec<Option<Json>> = (0..self.len()).into_par_iter().map(value).collect();
        is_found.into_inner().then(|| Column { name: name.to_owned(), values: typed(&all) })
    }
}

fn value_of(more: &Values, row: usize, key: &str) -> Option<Json> {
    let Value::Text(text) = more.value(row) else { return None };
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(OfKey(key)).ok()?.filter(|value| !value.is_null())
}

/// Takes one value out of an object without a look at the others, of which there may be many.
struct OfKey<'a>(&'a str);

impl<'de> Visitor<'de> for OfKey<'_> {
    type Value = Option<Json>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Option<Json>, M::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            if key == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// As the index types its columns.
fn typed(rows: &[Option<Json>]) -> Values {
    let all = |is_such: fn(&Json) -> bool| rows.iter().flatten().all(is_such);
    if all(Json::is_boolean) {
        return Values::Flag(rows.iter().map(|value| value.as_ref()?.as_bool()).collect());
    }
    if all(Json::is_number) {
        let number = |value: &Option<Json>| value.as_ref().and_then(Json::as_f64).unwrap_or(f64::NAN);
        return Values::Number(rows.iter().map(number).collect());
    }
    let texts: Vec<Option<Cow<'_, str>>> = rows
        .iter()
        .map(|value| match value.as_ref()? {
            Json::String(text) => Some(Cow::Borrowed(text.as_str())),
            other => Some(Cow::Owned(other.to_string())),
        })
        .collect();
    Values::Text(Texts::of(texts.iter().map(Option::as_deref)))
}
