//! Many synthetic traces that differ in their seed, with outputs and attributes, and a head that tells right answers
//! from wrong ones: for tests and measurements of what is done with a whole dataset.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Value, json};

use super::{Synthetic, TraceError};

/// How many traces, and of which size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticDataset {
    /// The size of each. Trace `n` has this seed plus `n`.
    pub each: Synthetic,
    /// How many.
    pub count: usize,
}

/// Traces in one folder.
const FOLDER_TRACES: usize = 1000;
const GROUPS: [&str; 3] = ["photo", "drawing", "diagram"];
const COLOURS: [&str; 5] = ["red", "blue", "green", "yellow", "black"];
const THINGS: [&str; 6] = ["circle", "square", "triangle", "cup", "car", "tree"];

impl SyntheticDataset {
    /// The layer and the head whose text tokens attend to the object half as much where the answer is wrong.
    pub fn telling_head(&self) -> (usize, usize) {
        (self.each.layers.saturating_sub(1), 3)
    }

    /// Whether the answer of a trace is right: of each three of four, in the group `diagram` of each two one.
    pub fn is_correct(&self, number: usize) -> bool {
        let draw = mix(self.seed(number)) % 4;
        if number % GROUPS.len() == 2 { draw < 2 } else { draw < 3 }
    }

    /// Where a trace lies in the folder of the dataset.
    pub fn path(number: usize) -> PathBuf {
        PathBuf::from(format!("{:03}/{number:06}.safetensors", number / FOLDER_TRACES))
    }

    /// Writes all traces, without waiting for the disk. `on_trace` hears of each, from any thread.
    ///
    /// # Errors
    /// If a size is 0, or a file cannot be written.
    pub fn write(&self, folder: &Path, on_trace: &(dyn Fn() + Sync)) -> Result<(), TraceError> {
        for first in (0..self.count).step_by(FOLDER_TRACES) {
            let path = folder.join(Self::path(first));
            let created = path.parent().map_or(Ok(()), fs::create_dir_all);
            created.map_err(|error| TraceError::io(&path, "create the folder of", &error))?;
        }
        (0..self.count).into_par_iter().try_for_each(|number| {
            let each = Synthetic { seed: self.seed(number), ..self.each.clone() };
            let (telling_layer, telling_head) = self.telling_head();
            let share = |layer: usize, head: usize| {
                let is_weak = (layer, head) == (telling_layer, telling_head) && !self.is_correct(number);
                each.planted_share(layer) * if is_weak { 0.5 } else { 1.0 }
            };
            let path = folder.join(Self::path(number));
            each.write_as(&path, |document| self.document(document, number), share, &mut |_| {})?.finish_unsynced()?;
            on_trace();
            Ok(())
        })
    }

    fn seed(&self, number: usize) -> u64 {
        self.each.seed.wrapping_add(number as u64)
    }

    /// A trace's document, with an answer and a group.
    fn document(&self, mut document: Value, number: usize) -> Value {
        let draw = mix(self.seed(number) ^ 1) as usize;
        let (is_correct, answer) = (self.is_correct(number), draw % COLOURS.len());
        let said = if is_correct { answer } else { (answer + 1 + draw / 8 % (COLOURS.len() - 1)) % COLOURS.len() };
        let thing = THINGS[draw / 64 % THINGS.len()];
        document["id"] = format!("synthetic/{number:06}").into();
        let words = document["sequences"]["main"]["tokens"].as_array_mut().into_iter().flatten();
        for word in words.filter(|word| word["text"] == "object") {
            word["text"] = thing.into();
        }
        document["outputs"] = json!({"prediction": COLOURS[said], "answer": COLOURS[answer], "correct": is_correct});
        document["attributes"] = json!({
            "group": GROUPS[number % GROUPS.len()],
            "thing": thing,
            "confidence": (draw / 512 % 1000) as f64 / 1000.0,
            "seed": self.seed(number),
        });
        document
    }
}

/// A number that looks random: the last step of SplitMix64.
fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
