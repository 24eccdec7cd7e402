//! The tensors of the new trace, and what each is made of.

use super::super::kinds::{ATTENTION, Each, HIDDEN, KEY, MASK, QUERY, Side, TABLE, TensorKind};
use super::super::{Document, Dtype, TensorSpec};
use super::part::Part;

/// A tensor of the new trace.
pub struct NewTensor<'a> {
    pub spec: TensorSpec,
    pub dtype: Option<Dtype>,
    pub made: Made<'a>,
}

/// What it is made of.
pub enum Made<'a> {
    /// Of the old one: the places that stay, by side.
    Taken { shape: &'a [usize], bytes: &'a [u8], dtype: Option<Dtype>, places: Vec<Vec<usize>> },
    /// Weights of queries and keys: block and layer, heads, queries and keys.
    Computed { block: usize, layer: usize, places: Vec<Vec<usize>> },
    /// The cells of a mask of a block and layer, queries and keys.
    Mask { block: usize, layer: usize, places: Vec<Vec<usize>> },
}

impl<'a> Part<'a> {
    /// Those that the new document names.
    pub fn tensors(&self, document: &Document) -> Result<Vec<NewTensor<'a>>, String> {
        let mut tensors = Vec::new();
        for kind in &TABLE {
            for owner in 0..kind.each.owners(document) {
                for member in kind.members(document, owner) {
                    let name = kind.tensor_name(document, owner, member);
                    tensors.extend(self.tensor(kind, document, (owner, member), &name)?);
                }
            }
        }
        // The widest first, so that each is aligned.
        tensors.sort_by_key(|(item_bytes, _)| std::cmp::Reverse(*item_bytes));
        Ok(tensors.into_iter().map(|(_, tensor)| tensor).collect())
    }

    /// With the bytes of one value.
    fn tensor(
        &self,
        kind: &TensorKind,
        document: &Document,
        (owner, member): (usize, usize),
        name: &str,
    ) -> Result<Option<(usize, NewTensor<'a>)>, String> {
        let found = self.old(kind, document, owner, member);
        let of_layer = (kind.each == Each::Layer).then(|| {
            let block = self.blocks[owner];
            (block, self.layers[block][member])
        });
        let Some((old_owner, old_member)) = found else {
            // What the old trace has none of is made, or was optional.
            let Some((block, layer)) = of_layer else { return Ok(None) };
            let described = &self.trace.document().attention[block];
            let sides = [self.tokens(described.query), self.tokens(described.key)];
            if kind.name == ATTENTION.name {
                let query = self.trace.stored(&QUERY, block, layer);
                let stored = query.and_then(|(dtype, ..)| Dtype::from_name(dtype)).unwrap_or(Dtype::F32);
                let dtype = self.conversion.dtype.unwrap_or(stored);
                let places = [&[self.heads(self.trace.heads(block, layer))][..], &sides].concat();
                let shape: Vec<usize> = places.iter().map(Vec::len).collect();
                let made = Made::Computed { block, layer, places };
                let spec = TensorSpec::weights(name, dtype, &shape);
                return Ok(Some((dtype.bytes(), NewTensor { spec, dtype: Some(dtype), made })));
            }
            if kind.name == MASK.name {
                let spec = TensorSpec::bytewise(name, &[sides[0].len(), sides[1].len()]);
                let made = Made::Mask { block, layer, places: sides.to_vec() };
                return Ok(Some((1, NewTensor { spec, dtype: None, made })));
            }
            return Ok(None);
        };
        let Some((stored_name, shape, bytes)) = self.trace.stored(kind, old_owner, old_member) else { return Ok(None) };
        let sides = self.sides(kind, old_member);
        let places: Vec<Vec<usize>> = sides
            .iter()
            .zip(shape)
            .map(|(side, length)| self.places(*side, kind, (old_owner, old_member), *length))
            .collect();
        let new_shape: Vec<usize> = places.iter().map(Vec::len).collect();
        let stored = Dtype::from_name(stored_name);
        let is_convertible = [ATTENTION.name, QUERY.name, KEY.name, HIDDEN.name].contains(&kind.name);
        let dtype = stored.map(|stored| self.conversion.dtype.filter(|_| is_convertible).unwrap_or(stored));
        let (spec, item_bytes) = match dtype {
            Some(dtype) => (TensorSpec::weights(name, dtype, &new_shape), dtype.bytes()),
            None if stored_name == "I32" => (TensorSpec::numbers(name, &new_shape), 4),
            None => (TensorSpec::bytewise(name, &new_shape), 1),
        };
        let made = Made::Taken { shape, bytes, dtype: stored, places };
        Ok(Some((item_bytes, NewTensor { spec, dtype, made })))
    }

    /// The sides that a tensor has: a relevance may lack layers and heads.
    fn sides(&self, kind: &TensorKind, member: usize) -> Vec<Side> {
        let has_block = kind.each != Each::Relevance || self.trace.document().relevance[member].block.is_some();
        let of_block = |side: &Side| matches!(side, Side::Layers | Side::MostHeads);
        kind.shape.iter().copied().filter(|side| has_block || !of_block(side)).collect()
    }

    /// The places of a side that stay, in the old tensor.
    fn places(&self, side: Side, kind: &TensorKind, (owner, member): (usize, usize), length: usize) -> Vec<usize> {
        let document = self.trace.document();
        let block = match kind.each {
            Each::Layer | Each::Statistics => Some(owner),
            Each::HeadMetric => Some(document.head_metrics[member].block),
            Each::Relevance => document.relevance[member].block,
            _ => None,
        };
        let sequence = match (kind.each, block.map(|block| &document.attention[block])) {
            (Each::State, _) => Some(document.hidden[owner].sequence),
            (Each::Words, _) => Some(document.words[owner].sequence),
            (Each::Relevance, _) => Some(document.relevance[member].sequence),
            (_, Some(block)) => Some(if matches!(side, Side::Queries) { block.query } else { block.key }),
            _ => None,
        };
        match (side, block, sequence) {
            (Side::Heads | Side::SameHeads | Side::MostHeads, ..) => self.heads(length),
            (Side::KeyHeads, Some(block), _) => self.key_heads(block, member, length),
            (Side::Queries | Side::Keys | Side::Tokens, _, Some(sequence)) => self.tokens(sequence),
            (Side::Layers, Some(block), _) => self.layers[block].clone(),
            (Side::Targets, ..) => {
                let relevance = &document.relevance[member];
                let tokens = self.tokens(relevance.target_sequence);
                (0..length).filter(|target| tokens.binary_search(&relevance.targets[*target]).is_ok()).collect()
            }
            _ => (0..length).collect(),
        }
    }
}
