//! Every head's weights on the processor: the gathering of each.

use super::HeadWeights;
use crate::analysis::gather::{self, Resolved};
use crate::analysis::{Combine, LayerWeights};

/// `[heads, others]`; `layers` are all of the block, `[heads, queries, keys]` each. `None` if `goes_on` says no.
pub fn per_head(
    layers: &[LayerWeights<'_>],
    part: &Resolved,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Option<HeadWeights> {
    let part = Resolved { combine: Combine::Mean, ..part.clone() };
    let of_heads = gather::cpu::apart(layers, &part, &|_, head| head, goes_on)?;
    Some(HeadWeights { heads: of_heads.len(), values: of_heads.concat() })
}
