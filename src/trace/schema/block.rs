//! Attention blocks: their layers, masks, and what is stored of them.

use std::ops::Range;

use super::super::json::{Fields, Json};
use super::super::{Block, Document, Mask, Sequence, Stored};
use super::fields::{
    Place, as_list, as_object, boolean, count, either, number, one_of, optional, required, sequence_index, spaced,
    string,
};

/// A block of the first version: weights, causal or not.
pub fn first_block(value: &Json<'_>, place: Place<'_>, document: &Document) -> Result<Block, String> {
    let fields = as_object(value, place)?;
    let layers = layer_count(required(fields, place, "layers")?, &format_args!("{place}.layers"))?;
    let block = named(fields, place, document, layers)?;
    Ok(Block { masks: vec![causal(fields, place)?.unwrap_or(Mask::Full)], ..block })
}

/// A block of the second version.
pub fn block(value: &Json<'_>, place: Place<'_>, document: &Document) -> Result<Block, String> {
    let fields = as_object(value, place)?;
    let (layers, numbers) = layers(required(fields, place, "layers")?, &format_args!("{place}.layers"))?;
    let block = Block { numbers, ..named(fields, place, document, layers)? };
    let shorter = |sequence: &&Sequence| sequence.tokens.len();
    let sides = [block.query, block.key].map(|index| &document.sequences[index]);
    let Some(&sequence) = sides.iter().min_by_key(|sequence| shorter(sequence)) else { return Ok(block) };
    let given = optional(fields, place, "mask", |value, place| masks(value, place, layers, sequence))?;
    let masks = match (given, causal(fields, place)?) {
        (Some(_), Some(_)) => return Err(format!("`{place}` has both `mask` and `causal`, expected one of them")),
        (Some(masks), None) => masks,
        (None, causal) => vec![causal.unwrap_or(Mask::Full)],
    };
    let scale = optional(fields, place, "scale", number)?;
    let softcap = optional(fields, place, "softcap", number)?;
    if let Some(softcap) = softcap.filter(|softcap| *softcap <= 0.0) {
        return Err(format!("`{place}.softcap` is {softcap}, expected a number above 0"));
    }
    let kinds = [("weights", Stored::Weights), ("queries_keys", Stored::QueriesKeys { scale, softcap })];
    let stored = optional(fields, place, "stored", |value, place| one_of(value, place, &kinds))?;
    let sink_share = optional(fields, place, "sink_share", boolean)?.unwrap_or(false);
    let statistics = optional(fields, place, "statistics", statistics)?.unwrap_or_default();
    Ok(Block { masks, stored: stored.unwrap_or(Stored::Weights), sink_share, statistics, ..block })
}

fn statistics(value: &Json<'_>, place: Place<'_>) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for (index, value) in as_list(value, place)?.iter().enumerate() {
        let name = string(value, &format_args!("{place}[{index}]"))?;
        if names.contains(&name) {
            return Err(format!("`{place}[{index}]` is \"{name}\", which is there already"));
        }
        names.push(name);
    }
    Ok(names)
}

fn named(fields: &Fields<'_>, place: Place<'_>, document: &Document, layers: usize) -> Result<Block, String> {
    let name = string(required(fields, place, "name")?, &format_args!("{place}.name"))?;
    let query = sequence_index(fields, place, "query", document)?;
    Ok(Block::new(name, query, sequence_index(fields, place, "key", document)?, layers))
}

fn causal(fields: &Fields<'_>, place: Place<'_>) -> Result<Option<Mask>, String> {
    let causal = optional(fields, place, "causal", boolean)?;
    Ok(causal.map(|causal| if causal { Mask::Causal } else { Mask::Full }))
}

fn layer_count(value: &Json<'_>, place: Place<'_>) -> Result<usize, String> {
    match count(value, place)? {
        0 => Err(format!("`{place}` is 0, expected at least 1")),
        layers => Ok(layers),
    }
}

/// How many, and the model's own numbers where they are others than 0 to that.
fn layers(value: &Json<'_>, place: Place<'_>) -> Result<(usize, Option<Vec<usize>>), String> {
    let Some(items) = value.as_list() else { return Ok((layer_count(value, place)?, None)) };
    let each = items.iter().enumerate();
    let numbers: Vec<usize> =
        each.map(|(index, item)| count(item, &format_args!("{place}[{index}]"))).collect::<Result<_, String>>()?;
    if numbers.is_empty() {
        return Err(format!("`{place}` is [], expected at least 1 layer"));
    }
    if let Some(at) = numbers.windows(2).position(|pair| pair[0] >= pair[1]) {
        let (before, number) = (numbers[at], numbers[at + 1]);
        return Err(format!(
            "`{place}[{}]` is {number} behind {before}, expected each layer once, in ascending order",
            at + 1
        ));
    }
    let is_counted = numbers.iter().enumerate().all(|(index, number)| index == *number);
    Ok((numbers.len(), Some(numbers).filter(|_| !is_counted)))
}

/// One for all layers, or one a layer.
fn masks(value: &Json<'_>, place: Place<'_>, layers: usize, sequence: &Sequence) -> Result<Vec<Mask>, String> {
    let Some(items) = value.as_list() else { return Ok(vec![mask(value, place, sequence)?]) };
    if items.len() != layers {
        return Err(format!("`{place}` has {} entries, expected {layers}: one a layer", items.len()));
    }
    items.iter().enumerate().map(|(index, item)| mask(item, &format_args!("{place}[{index}]"), sequence)).collect()
}

/// Those that have a size, by their keys.
const SIZED: [&str; 4] = ["sliding", "prefix", "spans", "causal_but"];

fn mask(value: &Json<'_>, place: Place<'_>, sequence: &Sequence) -> Result<Mask, String> {
    let plain = [("full", Mask::Full), ("causal", Mask::Causal), ("stored", Mask::Stored)];
    if let Some((_, mask)) = value.as_str().and_then(|text| plain.iter().find(|(word, _)| *word == text)) {
        return Ok(mask.clone());
    }
    let unknown = || {
        let words: Vec<String> = plain.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let keys = either(&SIZED.map(|key| format!("`{key}`")));
        format!("`{place}` is {}, expected {}, or an object with {keys}", spaced(value), words.join(", "))
    };
    let fields = value.as_object().ok_or_else(unknown)?;
    let mut sized = SIZED.iter().filter_map(|key| Some((*key, fields.get(key)?)));
    let (Some((key, size)), None) = (sized.next(), sized.next()) else { return Err(unknown()) };
    let place = format_args!("{place}.{key}");
    let tokens = sequence.tokens.len();
    match key {
        "sliding" => match count(size, &place)? {
            0 => Err(format!("`{place}` is 0, expected at least 1")),
            width => Ok(Mask::Sliding(width)),
        },
        "prefix" => match count(size, &place)? {
            width if width > tokens => Err(format!(
                "`{place}` is {width}, expected at most {tokens}: sequence `{}` has {tokens} tokens",
                sequence.name
            )),
            width => Ok(Mask::Prefix(width)),
        },
        "spans" => Ok(Mask::Spans(spans(size, &place, sequence)?)),
        _ => Ok(Mask::CausalBut(spans(size, &place, sequence)?)),
    }
}

/// `[first, end]` each, ascending, without overlap.
fn spans(value: &Json<'_>, place: Place<'_>, sequence: &Sequence) -> Result<Vec<Range<usize>>, String> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (index, item) in as_list(value, place)?.iter().enumerate() {
        let least = spans.last().map_or(0, |span| span.end);
        let sides: Option<Vec<u64>> = item.as_list().and_then(|sides| sides.iter().map(Json::as_u64).collect());
        let sides = sides.as_deref().and_then(|sides| <[u64; 2]>::try_from(sides).ok());
        let sides = sides.and_then(|[first, end]| Some([usize::try_from(first).ok()?, usize::try_from(end).ok()?]));
        match (sides, sequence.tokens.len()) {
            (Some([first, end]), tokens) if least <= first && first < end && end <= tokens => spans.push(first..end),
            (_, tokens) => {
                return Err(format!(
                    "`{place}[{index}]` is {}, expected [first, end] with {least} <= first < end <= {tokens}: sequence \
                     `{}` has {tokens} tokens",
                    spaced(item),
                    sequence.name
                ));
            }
        }
    }
    Ok(spans)
}
