//! Every head's weights on the processor: the gathering of each.

use rayon::prelude::*;

use super::{HeadWeights, heads_of};
use crate::analysis::Combine;
use crate::analysis::gather::{self, Resolved};
use crate::trace::TensorView;

/// `[heads, others]`; `layers` are all of the block, `[heads, queries, keys]` each.
pub fn per_head(layers: &[TensorView<'_>], part: &Resolved) -> HeadWeights {
    let heads = heads_of(part);
    let of_head = |head: usize| {
        let with_it = part.heads.iter().filter(|(_, heads)| heads.contains(&head));
        let heads = with_it.map(|(layer, _)| (*layer, head..head + 1)).collect();
        gather::cpu::gather(layers, &Resolved { heads, combine: Combine::Mean, ..part.clone() })
    };
    HeadWeights { heads, values: (0..heads).into_par_iter().map(of_head).flatten_iter().collect() }
}
