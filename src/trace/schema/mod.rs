//! From the JSON document to a checked [`Document`]: every name that is used exists, every box lies in its image.

mod block;
mod fields;
mod token;
mod words;

use block::{block, first_block};
use fields::{ROOT, as_list, as_object, block_index, count, each, object, optional, required, sequence_index, string};
use token::{first_token, image_area, token};
use words::{image_times, relevance, words};

use super::json::Json;
use super::{Document, FORMATS, HeadMetric, Hidden, Region, Sequence};

/// Reads and checks the document.
pub(super) fn parse(text: &str) -> Result<Document, String> {
    let value: Json<'_> = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("`vlscope` in `__metadata__` is not valid JSON: line {line}, column {column}")
    })?;
    let root = as_object(&value, &"vlscope")?;
    let format = required(root, ROOT, "format")?;
    let (first, last) = (FORMATS.start(), FORMATS.end());
    let version = format.as_u64().filter(|version| FORMATS.contains(version)).ok_or_else(|| {
        format!(
            "`format` is {format}, expected {first} or {last}: this version of vlscope reads formats {first} and {last}"
        )
    })?;
    // What a reader of the first version ignores means nothing in a file of the first version.
    let is_first = version == *first;
    let mut document = Document {
        format: version,
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
            let fields = as_object(value, &place)?;
            let read = if is_first { first_token } else { token };
            read(fields, &place, document.images)
        });
        document.sequences.push(Sequence { name: name.to_string(), tokens: tokens.collect::<Result<_, String>>()? });
    }
    for (index, value) in as_list(required(root, ROOT, "attention")?, &"attention")?.iter().enumerate() {
        let read = if is_first { first_block } else { block };
        let block = read(value, &format_args!("attention[{index}]"), &document)?;
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
        let block = block_index(fields, place, &document)?;
        Ok(HeadMetric { name, block })
    })
    .map(|metrics| document.head_metrics = metrics)?;
    if !is_first {
        document.image_times =
            optional(root, ROOT, "image_times", |value, place| image_times(value, place, document.images))?
                .unwrap_or_default();
        document.relevance = relevance(root, &document)?;
        document.words = words(root, &document)?;
    }
    Ok(document)
}
