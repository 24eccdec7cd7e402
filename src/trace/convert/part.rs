//! What stays of a trace: which layers, heads and tokens, and what the document says of them.

use std::ops::Range;

use serde_json::{Value, json};

use super::super::kinds::{Each, TABLE, TensorKind};
use super::super::{Block, Document, Dtype, FORMATS, Mask, Stored, Trace, schema};

/// What becomes of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversion {
    /// Weights where queries and keys are stored.
    pub weights: bool,
    /// Of weights, queries, keys and hidden states; as they are if it is not said.
    pub dtype: Option<Dtype>,
    /// The model's own numbers of the layers that stay, ascending, in every block.
    pub layers: Option<Vec<usize>>,
    /// The heads that stay, ascending, in every layer.
    pub heads: Option<Vec<usize>>,
    /// The index of a sequence, and the tokens of it that stay, ascending.
    pub tokens: Option<(usize, Vec<usize>)>,
}

/// What stays of a trace.
pub struct Part<'a> {
    pub trace: &'a Trace,
    pub conversion: &'a Conversion,
    /// The layers that stay, by block, counted in the block.
    pub layers: Vec<Vec<usize>>,
    /// Of the blocks of which a layer stays, their indices.
    pub blocks: Vec<usize>,
    /// The head metrics of those blocks.
    metrics: Vec<usize>,
}

impl<'a> Part<'a> {
    pub fn new(trace: &'a Trace, conversion: &'a Conversion) -> Result<Self, String> {
        let document = trace.document();
        let layers_of = |block: &Block| -> Vec<usize> {
            let stays = |layer: &usize| match &conversion.layers {
                Some(numbers) => numbers.contains(&block.layer_number(*layer)),
                None => true,
            };
            (0..block.layers).filter(stays).collect()
        };
        for number in conversion.layers.iter().flatten() {
            if !document.attention.iter().any(|block| block.layer_index(*number).is_some()) {
                return Err(format!("there is no layer {number} in any block"));
            }
        }
        if let Some((sequence, tokens)) = &conversion.tokens {
            let of = document.sequences.get(*sequence).ok_or_else(|| "there is no such sequence".to_owned())?;
            if let Some(token) = tokens.iter().find(|token| **token >= of.tokens.len()) {
                return Err(format!("there is no token {token}: sequence `{}` has {}", of.name, of.tokens.len()));
            }
        }
        let layers: Vec<Vec<usize>> = document.attention.iter().map(layers_of).collect();
        let blocks: Vec<usize> = (0..layers.len()).filter(|block| !layers[*block].is_empty()).collect();
        let metrics =
            (0..document.head_metrics.len()).filter(|&metric| blocks.contains(&document.head_metrics[metric].block));
        let part = Self { trace, conversion, metrics: metrics.collect(), layers, blocks };
        for &block in &part.blocks {
            for &layer in &part.layers[block] {
                let heads = trace.heads(block, layer);
                if heads > 0 && part.heads(heads).is_empty() {
                    let described = &document.attention[block];
                    return Err(format!(
                        "none of these heads is there: layer {} of block `{}` has {heads}",
                        described.layer_number(layer),
                        described.name
                    ));
                }
            }
        }
        Ok(part)
    }

    /// Those of so many heads that stay.
    pub fn heads(&self, count: usize) -> Vec<usize> {
        match &self.conversion.heads {
            Some(heads) => heads.iter().copied().filter(|head| *head < count).collect(),
            None => (0..count).collect(),
        }
    }

    /// The key heads of the heads that stay: each once where all have as many heads, else one a head.
    pub fn key_heads(&self, block: usize, layer: usize, key_heads: usize) -> Vec<usize> {
        let count = self.trace.heads(block, layer);
        let group = count / key_heads.max(1);
        let of_heads: Vec<usize> = self.heads(count).into_iter().map(|head| head / group.max(1)).collect();
        let mut once = of_heads.clone();
        once.dedup();
        let each = of_heads.len() / once.len().max(1);
        let is_even =
            once.iter().flat_map(|key_head| std::iter::repeat_n(*key_head, each)).eq(of_heads.iter().copied());
        if is_even { once } else { of_heads }
    }

    /// The tokens of a sequence that stay.
    pub fn tokens(&self, sequence: usize) -> Vec<usize> {
        match &self.conversion.tokens {
            Some((cut, tokens)) if *cut == sequence => tokens.clone(),
            _ => (0..self.trace.document().sequences[sequence].tokens.len()).collect(),
        }
    }

    fn is_cut(&self, sequence: usize) -> bool {
        self.conversion.tokens.as_ref().is_some_and(|(cut, tokens)| {
            *cut == sequence && tokens.len() < self.trace.document().sequences[sequence].tokens.len()
        })
    }

    /// The mask of a layer between the tokens that stay.
    fn mask(&self, block: &Block, layer: usize) -> Mask {
        let mask = block.mask(layer);
        if !self.is_cut(block.query) && !self.is_cut(block.key) {
            return mask.clone();
        }
        let tokens = self.tokens(block.query);
        let before = |token: usize| tokens.partition_point(|stays| *stays < token);
        let cut = |spans: &[Range<usize>]| -> Vec<Range<usize>> {
            let spans = spans.iter().map(|span| before(span.start)..before(span.end));
            spans.filter(|span| !span.is_empty()).collect()
        };
        let is_run = tokens.windows(2).all(|pair| pair[1] == pair[0] + 1);
        match mask {
            Mask::Full => Mask::Full,
            _ if block.query != block.key => Mask::Stored,
            Mask::Causal => Mask::Causal,
            Mask::Sliding(width) if is_run => Mask::Sliding(*width),
            Mask::Prefix(width) => Mask::Prefix(before(*width)),
            Mask::Spans(spans) => Mask::Spans(cut(spans)),
            Mask::CausalBut(spans) => Mask::CausalBut(cut(spans)),
            Mask::Sliding(_) | Mask::Stored => Mask::Stored,
        }
    }

    fn stores_weights(&self, block: &Block) -> bool {
        self.conversion.weights || block.stored == Stored::Weights
    }

    /// The document of the new trace, in the first version that can hold it.
    pub fn json(&self) -> Result<Value, String> {
        let document = self.trace.document();
        let mut json = self.trace.json()?;
        json["format"] = json!(FORMATS.end());
        if let Some((sequence, tokens)) = &self.conversion.tokens {
            let listed = &mut json["sequences"][&document.sequences[*sequence].name]["tokens"];
            let stays: Vec<Value> = tokens.iter().map(|token| listed[*token].clone()).collect();
            *listed = stays.into();
        }
        let blocks = self.blocks.iter().map(|&index| self.block_json(&json["attention"][index], index));
        let blocks = blocks.collect::<Result<_, String>>()?;
        json["attention"] = Value::Array(blocks);
        if !document.head_metrics.is_empty() {
            let metrics: Vec<Value> = self.metrics.iter().map(|metric| json["head_metrics"][*metric].clone()).collect();
            json["head_metrics"] = metrics.into();
        }
        if !document.relevance.is_empty() {
            let all = document.relevance.iter().enumerate();
            let stays = all.filter(|(_, relevance)| relevance.block.is_none_or(|block| self.blocks.contains(&block)));
            let entries = stays.map(|(index, relevance)| {
                let tokens = self.tokens(relevance.target_sequence);
                let mut entry = json["relevance"][index].clone();
                let targets = relevance.targets.iter().filter_map(|target| tokens.binary_search(target).ok());
                entry["targets"] = targets.collect();
                entry
            });
            let entries: Vec<Value> = entries.collect();
            json["relevance"] = entries.into();
        }
        let first = {
            let mut first = json.clone();
            first["format"] = json!(FORMATS.start());
            first
        };
        let is_first = match [&json, &first].map(|json| schema::parse(&json.to_string())) {
            [Ok(now), Ok(then)] => Document { format: then.format, ..now.clone() } == then && !self.names_later(&now),
            // Keys that mean nothing in the first version.
            [Err(_), Ok(_)] => true,
            _ => false,
        };
        Ok(if is_first { first } else { json })
    }

    /// Whether a document names a tensor that the first version does not know.
    fn names_later(&self, document: &Document) -> bool {
        let later = TABLE.iter().filter(|kind| kind.since > *FORMATS.start());
        later.into_iter().any(|kind| {
            let mut owners = 0..kind.each.owners(document);
            owners.any(|owner| {
                kind.members(document, owner).any(|member| self.old(kind, document, owner, member).is_some())
            })
        })
    }

    fn block_json(&self, old: &Value, index: usize) -> Result<Value, String> {
        let block = &self.trace.document().attention[index];
        let layers = &self.layers[index];
        let mut json = old.clone();
        let Value::Object(fields) = &mut json else { return Ok(json) };
        let numbers: Vec<usize> = layers.iter().map(|layer| block.layer_number(*layer)).collect();
        let is_counted = numbers.iter().enumerate().all(|(index, number)| index == *number);
        fields.insert("layers".to_owned(), if is_counted { json!(numbers.len()) } else { json!(numbers) });
        if self.stores_weights(block) {
            ["stored", "scale", "softcap"].iter().for_each(|key| drop(fields.shift_remove(*key)));
        } else if let Some(layer) = layers.iter().find(|layer| self.loses_a_key(block, index, **layer)) {
            return Err(format!(
                "these tokens cannot be cut out of the queries and keys of block `{}`: in layer {} they see others; cut \
                 them out of the weights",
                block.name,
                block.layer_number(*layer)
            ));
        }
        if self.stores_weights(block) && self.is_cut(block.key) {
            fields.insert("sink_share".to_owned(), json!(true));
        }
        if self.is_cut(block.query) || self.is_cut(block.key) {
            fields.shift_remove("statistics");
        }
        let masks: Vec<Mask> = layers.iter().map(|layer| self.mask(block, *layer)).collect();
        ["mask", "causal"].iter().for_each(|key| drop(fields.shift_remove(*key)));
        match masks.as_slice() {
            [first, others @ ..] if others.iter().all(|mask| mask == first) => match first {
                Mask::Full => {}
                Mask::Causal => drop(fields.insert("causal".to_owned(), json!(true))),
                mask => drop(fields.insert("mask".to_owned(), mask.to_json())),
            },
            masks => drop(fields.insert("mask".to_owned(), masks.iter().map(Mask::to_json).collect())),
        }
        Ok(json)
    }

    /// Whether a query that stays sees a key that does not.
    fn loses_a_key(&self, block: &Block, index: usize, layer: usize) -> bool {
        if !self.is_cut(block.key) {
            return false;
        }
        let mut stays = vec![false; self.trace.document().key_tokens(block).len()];
        self.tokens(block.key).into_iter().for_each(|key| stays[key] = true);
        let mask = self.trace.mask(index, layer);
        self.tokens(block.query).into_iter().any(|query| mask.keys_of(query).flatten().any(|key| !stays[key]))
    }

    /// Where a tensor of the new document is in the old trace: its block, sequence or the like, and which it is of that.
    pub fn old(&self, kind: &TensorKind, document: &Document, owner: usize, member: usize) -> Option<(usize, usize)> {
        let old = self.trace.document();
        let place = match kind.each {
            Each::Layer => {
                let block = self.blocks[owner];
                (block, old.attention[block].layer_index(document.attention[owner].layer_number(member))?)
            }
            Each::Statistics => (self.blocks[owner], member),
            Each::HeadMetric => (0, self.metrics[member]),
            Each::Relevance => {
                let name = &document.relevance[member].name;
                (0, old.relevance.iter().position(|relevance| relevance.name == *name)?)
            }
            Each::State | Each::Words | Each::Vocabulary | Each::Image => (owner, member),
        };
        self.trace.stored(kind, place.0, place.1).is_some().then_some(place)
    }
}
