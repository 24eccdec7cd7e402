//! The logarithms of rows' sums, where they are not stored: each head's is made once, and kept as long as there is room.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::{ComputedLayer, LayerKey, cpu};

/// Of all heads of all traces: a block of 28 × 28 heads over 16,384 tokens takes 51 MB.
const BUDGET_BYTES: usize = 64 << 20;

/// By layer and head.
static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Known {
    heads: HashMap<(LayerKey, usize), Head>,
    bytes: usize,
    clock: u64,
}

struct Head {
    sums: Arc<[f32]>,
    used: u64,
}

/// Those of a head's rows, `[queries]`; `None` if `goes_on` says no.
pub fn of_head(layer: &ComputedLayer<'_>, head: usize, goes_on: &(dyn Fn() -> bool + Sync)) -> Option<Arc<[f32]>> {
    if let Some(stored) = &layer.tensors.lse {
        return Some(stored.entry(head).to_f32().into());
    }
    let key = (layer.key, head);
    if let Some(known) = with_known(|known| known.get(&key)) {
        return Some(known);
    }
    let computed: Arc<[f32]> = cpu::log_sum_exp(layer, head, goes_on)?.into();
    with_known(|known| known.insert(key, Arc::clone(&computed)));
    Some(computed)
}

fn with_known<T>(act: impl FnOnce(&mut Known) -> T) -> T {
    // Whoever panicked left whole entries.
    act(&mut KNOWN.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Known {
    fn get(&mut self, key: &(LayerKey, usize)) -> Option<Arc<[f32]>> {
        self.clock += 1;
        let head = self.heads.get_mut(key)?;
        head.used = self.clock;
        Some(Arc::clone(&head.sums))
    }

    /// What was not asked for longest goes, until there is room.
    fn insert(&mut self, key: (LayerKey, usize), sums: Arc<[f32]>) {
        let bytes = size_of_val(&*sums);
        if bytes > BUDGET_BYTES {
            return;
        }
        self.clock += 1;
        self.bytes += bytes;
        if let Some(before) = self.heads.insert(key, Head { sums, used: self.clock }) {
            self.bytes -= size_of_val(&*before.sums);
        }
        while self.bytes > BUDGET_BYTES {
            let oldest = self.heads.iter().min_by_key(|(_, head)| head.used).map(|(key, _)| *key);
            let Some(gone) = oldest.and_then(|key| self.heads.remove(&key)) else { return };
            self.bytes -= size_of_val(&*gone.sums);
        }
    }
}
