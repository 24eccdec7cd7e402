//! The twin in native code of shaders/render/links_select.wgsl.

use std::cmp::Reverse;

use super::key;
use crate::render::{Keep, Link};

/// Indices of the kept links, ascending.
pub(in crate::render) fn select(links: &[Link], keep: Keep) -> Vec<u32> {
    let numbers = (0..).zip(links).filter(|(_, link)| !link.weight.is_nan());
    match keep {
        Keep::AtLeast(least) => numbers.filter(|(_, link)| link.weight >= least).map(|(index, _)| index).collect(),
        Keep::Strongest(count) => {
            let mut kept: Vec<u32> = numbers.map(|(index, _)| index).collect();
            let count = count as usize;
            if count < kept.len() {
                kept.select_nth_unstable_by_key(count, |&index| (Reverse(key(links[index as usize].weight)), index));
                kept.truncate(count);
                kept.sort_unstable();
            }
            kept
        }
    }
}
