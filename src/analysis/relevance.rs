//! A relevance as the weights of a layer: what a method other than attention says of each token, for some outputs.
//!
//! It is a matrix `[queries, keys]` like that of a head, of which only the rows of its targets are known; all others are NaN, and are
//! left out of means as rows that are broken are. Rows sum to nothing in particular, and may hold negative values.

use crate::trace::{LayerMask, Relevance, TensorView};

/// What one relevance says of a layer.
#[derive(Clone, Debug)]
pub struct LayerRelevance<'a> {
    /// The queries that have a row.
    pub targets: &'a [usize],
    /// That of the layer.
    pub mask: LayerMask<'a>,
    /// `[targets, tokens]`, or `[targets, layers, heads, tokens]`.
    values: TensorView<'a>,
    layer: usize,
    shape: [usize; 3],
}

impl<'a> LayerRelevance<'a> {
    /// Of a layer with so many heads and this mask; `queries` are the tokens of the sequence of its targets.
    pub fn new(
        relevance: &'a Relevance,
        values: TensorView<'a>,
        (layer, heads, queries): (usize, usize, usize),
        mask: LayerMask<'a>,
    ) -> Self {
        let tokens = values.shape.last().copied().unwrap_or(0);
        Self { targets: &relevance.targets, mask, values, layer, shape: [heads, queries, tokens] }
    }

    /// `[heads, queries, keys]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Whether it is one for all layers and heads.
    pub fn is_undivided(&self) -> bool {
        self.values.shape.len() == 2
    }

    /// The row of a query in a head: `[keys]`.
    pub fn row(&self, head: usize, query: usize, out: &mut [f32]) {
        let Some(target) = self.targets.iter().position(|&target| target == query) else { return out.fill(f32::NAN) };
        let row = match self.values.shape[..] {
            [_, layers, heads, _] => (target * layers + self.layer) * heads + head,
            _ => target,
        };
        self.values.read(row * self.shape[2], out);
    }
}
