//! Queries and keys of a layer.

use super::{LayerMask, TensorView};

/// The weights of query `q` in a head are `softmax(mask(softcap · tanh(scale · q·k / softcap)))` over the keys, the sink's
/// logit among those of the keys where there is one.
#[derive(Clone, Debug)]
pub struct QueriesKeys<'a> {
    /// `[heads, queries, dim]`.
    pub query: TensorView<'a>,
    /// `[key heads, keys, dim]`; heads are a multiple of key heads, and as many heads in a row share one.
    pub key: TensorView<'a>,
    /// `[heads, queries]`: the logarithm of each row's sum of exponentials, the sink's among them.
    pub lse: Option<TensorView<'a>>,
    /// `[heads]`: a logit.
    pub sink: Option<TensorView<'a>>,
    /// Of the products.
    pub scale: f32,
    /// Above 0; `None` where the logits have no cap.
    pub softcap: Option<f32>,
    /// Which keys the queries see.
    pub mask: LayerMask<'a>,
}
