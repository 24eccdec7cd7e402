//! From the JSON document to a checked [`Document`]: every name that is used exists, every box lies in its image.

use std::fmt;

use serde_json::{Map, Value};

use super::json::{Fields, Json};
use super::{Area, Block, Content, Document, FORMAT, HeadMetric, Hidden, Region, Sequence, Token};

/// Where a value is, as messages say it: written out only for them, since most traces are sound.
type Place<'a> = &'a dyn fmt::Display;

/// The document itself, which has no name.
const ROOT: Place<'_> = &"";

/// Reads and checks the document.
pub(super) fn parse(text: &str) -> Result<Document, String> {
    let value: Json<'_> = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("`vlscope` in `__metadata__` is not valid JSON: line {line}, column {column}")
    })?;
    let root = as_object(&value, &"vlscope")?;
    let format = required(root, ROOT, "format")?;
    if format.as_u64() != Some(FORMAT) {
        return Err(format!("`format` is {format}, expected {FORMAT}: this version of vlscope reads format {FORMAT}"));
    }
    let mut document = Document {
        id: optional(root, ROOT, "id", string)?,
        model: optional(root, ROOT, "model", object)?.unwrap_or_default(),
        images: optional(root, ROOT, "images", count)?.unwrap_or(0),
        outputs: optional(root, ROOT, "outputs", object)?.unwrap_or_default(),
        attributes: optional(root, ROOT, "attributes", object)?.unwrap_or_default(),
        ..Document::default()
    };
    for (name, sequence) in &as_object(required(root, ROOT, "sequences")?, &"sequences")?.0 {
        if document.sequences.iter().any(|other| other.name == **name) {
            return Err(format!("sequence `{name}` is in `sequences` twice"));
        }
        let place = format_args!("sequences.{name}");
        let tokens =
            as_list(required(as_object(sequence, &place)?, &place, "tokens")?, &format_args!("{place}.tokens"))?;
        let tokens = tokens.iter().enumerate().map(|(index, value)| {
            let place = format_args!("{place}.tokens[{index}]");
            token(as_object(value, &place)?, &place, document.images)
        });
        document.sequences.push(Sequence { name: name.to_string(), tokens: tokens.collect::<Result<_, String>>()? });
    }
    for (index, value) in as_list(required(root, ROOT, "attention")?, &"attention")?.iter().enumerate() {
        let block = block(value, &format_args!("attention[{index}]"), &document)?;
        if document.block_index(&block.name).is_some() {
            return Err(format!("`attention[{index}].name` is \"{}\", which another block has", block.name));
        }
        document.attention.push(block);
    }
    each(root, "hidden", |value, place| {
        let fields = as_object(value, place)?;
        let sequence = sequence_index(fields, place, "sequence", &document)?;
        let states = count(required(fields, place, "states")?, &format_args!("{place}.states"))?;
        Ok(Hidden { sequence, states })
    })
    .map(|hidden| document.hidden = hidden)?;
    each(root, "regions", |value, place| {
        let fields = as_object(value, place)?;
        let (image, area) = image_area(fields, place, document.images)?;
        let label = string(required(fields, place, "label")?, &format_args!("{place}.label"))?;
        Ok(Region { label, image, area })
    })
    .map(|regions| document.regions = regions)?;
    each(root, "head_metrics", |value, place| {
        let fields = as_object(value, place)?;
        let name = string(required(fields, place, "name")?, &format_args!("{place}.name"))?;
        let attention = string(required(fields, place, "attention")?, &format_args!("{place}.attention"))?;
        let block = document.block_index(&attention).ok_or_else(|| {
            let names: Vec<&str> = document.attention.iter().map(|block| block.name.as_str()).collect();
            format!("`{place}.attention` is \"{attention}\", expected a name in `attention`: {}", names.join(", "))
        })?;
        Ok(HeadMetric { name, block })
    })
    .map(|metrics| document.head_metrics = metrics)?;
    Ok(document)
}

fn token(fields: &Fields<'_>, place: Place<'_>, images: usize) -> Result<Token, String> {
    let content = match (fields.get("text"), fields.get("image")) {
        (Some(text), None) => Content::Text(string(text, &format_args!("{place}.text"))?),
        (None, Some(_)) => {
            let (image, area) = image_area(fields, place, images)?;
            Content::Image { image, area }
        }
        (None, None) => return Err(format!("`{place}` has neither `text` nor `image`, expected one of them")),
        (Some(_), Some(_)) => return Err(format!("`{place}` has both `text` and `image`, expected one of them")),
    };
    let special = optional(fields, place, "special", boolean)?.unwrap_or(false);
    Ok(Token { content, special, segment: optional(fields, place, "segment", string)? })
}

fn block(value: &Json<'_>, place: Place<'_>, document: &Document) -> Result<Block, String> {
    let fields = as_object(value, place)?;
    let layers = count(required(fields, place, "layers")?, &format_args!("{place}.layers"))?;
    if layers == 0 {
        return Err(format!("`{place}.layers` is 0, expected at least 1"));
    }
    Ok(Block {
        name: string(required(fields, place, "name")?, &format_args!("{place}.name"))?,
        query: sequence_index(fields, place, "query", document)?,
        key: sequence_index(fields, place, "key", document)?,
        layers,
        causal: optional(fields, place, "causal", boolean)?.unwrap_or(false),
    })
}

/// `image` and `box` of a token or a region.
fn image_area(fields: &Fields<'_>, place: Place<'_>, images: usize) -> Result<(usize, Area), String> {
    let image = count(required(fields, place, "image")?, &format_args!("{place}.image"))?;
    if image >= images {
        return Err(format!("`{place}.image` is {image}, expected less than {images}: `images` is {images}"));
    }
    let value = required(fields, place, "box")?;
    let sides: Option<Vec<f64>> = value.as_list().and_then(|sides| sides.iter().map(Json::as_f64).collect());
    match sides.as_deref() {
        Some(&[x0, y0, x1, y1]) if 0.0 <= x0 && x0 < x1 && x1 <= 1.0 && 0.0 <= y0 && y0 < y1 && y1 <= 1.0 => {
            // A box that is narrower than an f32 can tell gets the least width: none has an area of 0.
            let ([x0, x1], [y0, y1]) = (narrowed(x0, x1), narrowed(y0, y1));
            Ok((image, Area { x0, y0, x1, y1 }))
        }
        _ => Err(format!(
            "`{place}.box` is {}, expected [x0, y0, x1, y1] with 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1",
            spaced(value)
        )),
    }
}

/// Two sides of a box, still one behind the other.
fn narrowed(low: f64, high: f64) -> [f32; 2] {
    let [low, high] = [low as f32, high as f32];
    match (low < high, high < 1.0) {
        (true, _) => [low, high],
        (false, true) => [low, high.next_up()],
        (false, false) => [low.next_down(), high],
    }
}

/// The list as Python writes it, with a space behind each comma.
fn spaced(value: &Json<'_>) -> String {
    match value.as_list() {
        Some(items) => format!("[{}]", items.iter().map(Json::to_string).collect::<Vec<_>>().join(", ")),
        None => value.to_string(),
    }
}

fn sequence_index(fields: &Fields<'_>, place: Place<'_>, key: &str, document: &Document) -> Result<usize, String> {
    let name = string(required(fields, place, key)?, &format_args!("{place}.{key}"))?;
    document.sequences.iter().position(|sequence| sequence.name == name).ok_or_else(|| {
        let names: Vec<&str> = document.sequences.iter().map(|sequence| sequence.name.as_str()).collect();
        format!("`{place}.{key}` is \"{name}\", expected a name in `sequences`: {}", names.join(", "))
    })
}

/// The items of an optional list.
fn each<T>(
    root: &Fields<'_>,
    key: &str,
    mut read: impl FnMut(&Json<'_>, Place<'_>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let Some(value) = root.get(key) else { return Ok(Vec::new()) };
    as_list(value, &key)?.iter().enumerate().map(|(index, item)| read(item, &format_args!("{key}[{index}]"))).collect()
}

fn required<'a, 't>(fields: &'a Fields<'t>, place: Place<'_>, key: &str) -> Result<&'a Json<'t>, String> {
    fields.get(key).ok_or_else(|| format!("`{}` is missing", Inside(place, key)))
}

fn optional<T>(
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

fn as_object<'a, 't>(value: &'a Json<'t>, place: Place<'_>) -> Result<&'a Fields<'t>, String> {
    value.as_object().ok_or_else(|| wrong(value, place, "an object"))
}

fn as_list<'a, 't>(value: &'a Json<'t>, place: Place<'_>) -> Result<&'a [Json<'t>], String> {
    value.as_list().ok_or_else(|| wrong(value, place, "a list"))
}

fn object(value: &Json<'_>, place: Place<'_>) -> Result<Map<String, Value>, String> {
    as_object(value, place).map(Fields::to_map)
}

fn string(value: &Json<'_>, place: Place<'_>) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| wrong(value, place, "a string"))
}

fn boolean(value: &Json<'_>, place: Place<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| wrong(value, place, "a boolean"))
}

fn count(value: &Json<'_>, place: Place<'_>) -> Result<usize, String> {
    let whole = value.as_u64().and_then(|number| usize::try_from(number).ok());
    whole.ok_or_else(|| wrong(value, place, "a whole number that is not negative"))
}
