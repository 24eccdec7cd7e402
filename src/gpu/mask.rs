//! A layer's mask as shaders read it (shaders/shared/mask.wgsl).

use crate::trace::{LayerMask, MaskRow};

/// Keys whose cells a word holds.
const KEYS: usize = 32;

/// How many words a row of cells takes, 0 where queries see one run of keys; of each of these queries where the keys that it sees
/// begin and end; then, of a stored mask, a bit a key, row by row.
pub fn mask_words(mask: &LayerMask<'_>, queries: &[usize]) -> Vec<u32> {
    let mut words = vec![0; 1 + 2 * queries.len()];
    for (number, &query) in queries.iter().enumerate() {
        let (run, cells) = match mask.row(query) {
            MaskRow::Run(run) => (run, &[][..]),
            MaskRow::Cells(cells) => (0..cells.len(), cells),
        };
        words[1 + 2 * number] = run.start as u32;
        words[2 + 2 * number] = run.end as u32;
        words[0] = words[0].max(cells.len().div_ceil(KEYS) as u32);
        let bits = |cells: &[u8]| (0..).zip(cells).map(|(bit, cell)| u32::from(*cell != 0) << bit).sum::<u32>();
        words.extend(cells.chunks(KEYS).map(bits));
    }
    words
}
