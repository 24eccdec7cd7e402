//! What makes a picture, as a small JSON file that a person can read and edit: the trace, the view, the selection and
//! the options. Keys that are missing have their defaults, keys that are unknown are ignored; another version of the
//! format is an error.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::file::write_text;
use crate::analysis::normalize::Normalization;
use crate::analysis::pool::Pooling;
use crate::analysis::statistics::Over;
use crate::analysis::{Pick, Selection};
use crate::trace::{Document, Trace};
use crate::view::{Options, View};

/// The version that is written.
const VERSION: u64 = 2;
/// The version in which the selection and half of the options were a `question`; it is read as well.
const VERSION_WITH_QUESTION: u64 = 1;

/// All that a picture is a function of: a trace, and what is shown of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ViewState {
    /// The file.
    pub trace: Option<PathBuf>,
    /// `None` for the whole window.
    pub view: Option<View>,
    /// What of the trace is shown; in a file as [`Selection::numbered`] has it.
    pub selection: Selection,
    /// How it is shown.
    pub options: Options,
    /// Of the whole window: the views that lie in front of those that they share their places with; the usual ones if empty.
    pub front: Vec<View>,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u64,
    #[serde(flatten)]
    state: &'a ViewState,
}

impl ViewState {
    /// The state of a view.
    pub fn new(trace: Option<PathBuf>, view: Option<View>, selection: Selection, mut options: Options) -> Self {
        // Neither is where the text is scrolled to, nor is the tool that the pointer holds.
        options.text_scroll = None;
        options.embedding.lasso = false;
        Self { trace, view, selection, options, front: Vec::new() }
    }

    /// Writes the file. The trace's path becomes absolute, so that the file can be moved.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let absolute = |trace: &PathBuf| trace.canonicalize().unwrap_or_else(|_| trace.clone());
        let state = Self { trace: self.trace.as_ref().map(absolute), ..self.clone() };
        let mut text = serde_json::to_string_pretty(&Written { version: VERSION, state: &state })?;
        text.push('\n');
        write_text(&text, path)
    }

    /// Reads a file. A relative path of the trace starts from the file's folder.
    ///
    /// # Errors
    /// If it cannot be read, is no JSON object, has another version, or a key has a value that cannot be its; the message names
    /// the file and the key.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut state = Self::parse(&text).with_context(|| format!("{} is no view state", path.display()))?;
        if let (Some(trace), Some(folder)) = (&mut state.trace, path.parent()) {
            *trace = folder.join(&trace);
        }
        Ok(state)
    }

    /// What it says besides the trace, without what is as usual: for a line of notes.
    pub fn keys(&self) -> Map<String, Value> {
        let keys = |state: &Self| -> Map<String, Value> {
            // By way of text, where a number has no more digits than it needs.
            let text = serde_json::to_string(&Written { version: VERSION, state });
            text.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
        };
        let (mut found, usual) = (keys(self), keys(&Self::default()));
        found.remove("trace");
        for section in ["selection", "options"] {
            if let (Some(Value::Object(found)), Some(usual)) = (found.get_mut(section), usual.get(section)) {
                found.retain(|key, value| usual.get(key) != Some(value));
            }
        }
        found
    }

    /// From what [`Self::keys`] gave, for this trace.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_keys(keys: Map<String, Value>, trace: PathBuf) -> Result<Self> {
        Ok(Self { trace: Some(trace), ..Self::read(keys)? })
    }

    fn parse(text: &str) -> Result<Self> {
        Self::read(serde_json::from_str(text)?)
    }

    fn read(mut keys: Map<String, Value>) -> Result<Self> {
        name_rollouts(&mut keys);
        let version = match keys.get("version") {
            Some(version) => version.as_u64().filter(|known| [VERSION, VERSION_WITH_QUESTION].contains(known)),
            None => bail!("`version` is missing"),
        };
        let Some(version) = version else {
            bail!("`version` is {}, and versions {VERSION_WITH_QUESTION} and {VERSION} are read", keys["version"]);
        };
        let mut options: Options = section_of(&keys, "options")?;
        let selection = match version {
            VERSION_WITH_QUESTION => section_of::<Question>(&keys, "question")?.apply(&mut options),
            _ => section_of(&keys, "selection")?,
        };
        let state = Self::new(value_of(&keys, "", "trace")?, value_of(&keys, "", "view")?, selection, options);
        Ok(Self { front: value_of(&keys, "", "front")?, ..state })
    }
}

/// Before there were several kinds of weights, a rollout was a key of its own.
fn name_rollouts(keys: &mut Map<String, Value>) {
    if let Some(Value::Object(question)) = keys.get_mut("question") {
        name_rollouts(question);
    }
    if let Some(Value::Object(selection)) = keys.get_mut("selection")
        && let Some(rollout) = selection.remove("rollout").filter(|rollout| !rollout.is_null())
    {
        selection.entry("weights").or_insert_with(|| serde_json::json!({ "rollout": rollout }));
    }
}

/// What version 1 kept apart from the options.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Question {
    selection: Selection,
    statistic: String,
    specials: bool,
    normalization: Normalization,
    hidden_state: Option<usize>,
    z_score: Option<Over>,
    thumbnails: Option<(usize, Pooling)>,
}

impl Question {
    /// Puts its choices into the options; what is left is the selection.
    fn apply(self, options: &mut Options) -> Selection {
        let Self { selection, statistic, specials, normalization, hidden_state, z_score, thumbnails } = self;
        let pooling = thumbnails.map_or_else(Pooling::default, |(_, pooling)| pooling);
        *options = Options { statistic, specials, normalization, hidden_state, z_score, pooling, ..options.clone() };
        selection
    }
}

/// A key's value, or the default where there is none. An error names the key.
fn value_of<T: DeserializeOwned + Default>(keys: &Map<String, Value>, of: &str, key: &str) -> Result<T> {
    let Some(value) = keys.get(key) else { return Ok(T::default()) };
    T::deserialize(value).map_err(|error| anyhow::anyhow!("`{of}{key}` is {value}: {error}"))
}

/// A struct whose fields all have defaults. Where it cannot be read, its keys are tried one by one to find which it is.
fn section_of<T: DeserializeOwned + Default>(keys: &Map<String, Value>, key: &str) -> Result<T> {
    let found = value_of(keys, "", key);
    if let (Err(_), Some(Value::Object(section))) = (&found, keys.get(key)) {
        for (inner, value) in section {
            let alone = |value: &Value| Value::Object([(inner.clone(), value.clone())].into_iter().collect());
            let Err(error) = T::deserialize(alone(value)) else { continue };
            if let Value::Object(deeper) = value {
                for (innermost, value) in deeper {
                    let alone = alone(&Value::Object([(innermost.clone(), value.clone())].into_iter().collect()));
                    if let Err(error) = T::deserialize(alone) {
                        bail!("`{key}.{inner}.{innermost}` is {value}: {error}");
                    }
                }
            }
            bail!("`{key}.{inner}` is {value}: {error}");
        }
    }
    found
}

/// What a selection of a file is in this trace.
///
/// # Errors
/// As [`check_selection`].
pub fn selection_in(trace: &Trace, numbered: &Selection) -> Result<Selection> {
    let selection = numbered.placed(trace.document())?;
    check_selection(trace, &selection)?;
    Ok(selection)
}

/// Whether the trace has what is selected.
///
/// # Errors
/// If it lacks the block, the kind of weights, the layer, the head or a token; the message says which there are.
pub fn check_selection(trace: &Trace, selection: &Selection) -> Result<()> {
    let document = trace.document();
    let blocks = document.attention.len();
    if blocks == 0 {
        return check_tokens(document, selection);
    }
    let block = document.attention.get(selection.block);
    let block = block.with_context(|| format!("there is no block {}: the trace has {blocks}", selection.block))?;
    selection.weights.check(trace, selection.block)?;
    if let Pick::One(layer) = selection.layer {
        let layers = block.layers_in_words();
        ensure!(layer < block.layers, "there is no layer {layer}: block `{}` has layers {layers}", block.name);
    }
    if let Pick::One(head) = selection.head {
        // In a mean or a maximum, a layer that lacks the head takes no part.
        let heads = |layer: usize| trace.heads(selection.block, layer);
        let fullest = selection.layer.indices(block.layers).max_by_key(|&layer| heads(layer)).unwrap_or(0);
        let (count, layer) = (heads(fullest), block.layer_number(fullest));
        ensure!(head < count, "there is no head {head}: layer {layer} of block `{}` has {count}", block.name);
    }
    check_tokens(document, selection)
}

fn check_tokens(document: &Document, selection: &Selection) -> Result<()> {
    let Some(sequence) = selection.sequence(document) else { return Ok(()) };
    let sequence = &document.sequences[sequence];
    let count = sequence.tokens.len();
    match selection.tokens.iter().find(|token| **token >= count) {
        Some(token) => bail!("there is no token {token}: sequence `{}` has {count}", sequence.name),
        None => Ok(()),
    }
}
