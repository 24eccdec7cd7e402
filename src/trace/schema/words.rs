//! What version 2 says besides attention: relevance, words of hidden states, times of images.

use super::super::json::{Fields, Json};
use super::super::{Document, Relevance, WordState, Words};
use super::fields::{
    Place, as_list, as_object, block_index, boolean, count, each, number, optional, required, sequence_index, string,
};

/// One a image, in seconds; null for an image that is no frame.
pub fn image_times(value: &Json<'_>, place: Place<'_>, images: usize) -> Result<Vec<Option<f32>>, String> {
    let items = as_list(value, place)?;
    if items.len() != images {
        return Err(format!("`{place}` has {} entries, expected {images}: one an image", items.len()));
    }
    let time = |(index, item): (usize, &Json<'_>)| match item {
        Json::Null => Ok(None),
        item => number(item, &format_args!("{place}[{index}]")).map(Some),
    };
    items.iter().enumerate().map(time).collect()
}

pub fn relevance(root: &Fields<'_>, document: &Document) -> Result<Vec<Relevance>, String> {
    let mut names: Vec<String> = Vec::new();
    each(root, "relevance", |value, place| {
        let fields = as_object(value, place)?;
        let name = string(required(fields, place, "name")?, &format_args!("{place}.name"))?;
        if names.contains(&name) {
            return Err(format!("`{place}.name` is \"{name}\", which another relevance has"));
        }
        names.push(name.clone());
        let sequence = sequence_index(fields, place, "sequence", document)?;
        let has = |key: &str| !matches!(fields.get(key), None | Some(Json::Null));
        let target_sequence =
            if has("target_sequence") { sequence_index(fields, place, "target_sequence", document)? } else { sequence };
        let of = &document.sequences[target_sequence];
        let tokens = of.tokens.len();
        let listed = as_list(required(fields, place, "targets")?, &format_args!("{place}.targets"))?.iter().enumerate();
        let target = |(index, item): (usize, &Json<'_>)| match count(item, &format_args!("{place}.targets[{index}]"))? {
            target if target >= tokens => Err(format!(
                "`{place}.targets[{index}]` is {target}, expected less than {tokens}: sequence `{}` has {tokens} tokens",
                of.name
            )),
            target => Ok(target),
        };
        Ok(Relevance {
            targets: listed.map(target).collect::<Result<_, String>>()?,
            block: if has("attention") { Some(block_index(fields, place, document)?) } else { None },
            signed: optional(fields, place, "signed", boolean)?.unwrap_or(false),
            source: optional(fields, place, "source", string)?,
            name,
            sequence,
            target_sequence,
        })
    })
}

pub fn words(root: &Fields<'_>, document: &Document) -> Result<Vec<Words>, String> {
    each(root, "words", |value, place| {
        let fields = as_object(value, place)?;
        let sequence = sequence_index(fields, place, "sequence", document)?;
        let list = as_list(required(fields, place, "states")?, &format_args!("{place}.states"))?;
        let mut states: Vec<WordState> = Vec::new();
        for (index, item) in list.iter().enumerate() {
            let place = format_args!("{place}.states[{index}]");
            let state = match item.as_str() {
                Some("logits") => WordState::Logits,
                Some(_) => {
                    return Err(format!("`{place}` is {item}, expected the number of a hidden state or \"logits\""));
                }
                None => WordState::Hidden(count(item, &place)?),
            };
            if let Some(before) = states.last().filter(|before| **before >= state) {
                return Err(format!(
                    "`{place}` is {state} behind {before}, expected each state once, in ascending order"
                ));
            }
            states.push(state);
        }
        Ok(Words { sequence, states })
    })
}
