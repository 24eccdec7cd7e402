//! What files are called that the user gives no name: which example, block, layer and head they show, and how.

use crate::analysis::{Pick, Selection};
use crate::trace::Document;
use crate::view::View;

/// The most characters of an example's name.
const MOST_LETTERS: usize = 60;

/// Without an ending: `00017_cross_L5H4_image`.
pub fn name_of(document: &Document, view: View, selection: &Selection) -> String {
    // Layers have the model's own numbers.
    let selection = selection.numbered(document);
    let pick = |letter: char, pick: Pick| match pick {
        Pick::One(number) => format!("{letter}{number}"),
        pick => format!("{letter}{pick}"),
    };
    let (layer, head) = (pick('L', selection.layer), pick('H', selection.head));
    let head = match view {
        View::Heads | View::Thumbnails | View::Embedding | View::Similarity | View::Lens => None,
        View::Overlays => Some(layer),
        _ => Some(format!("{layer}{head}")),
    };
    let shows_states = matches!(view, View::Embedding | View::Similarity | View::Lens);
    let block = document.attention.get(selection.block).filter(|_| document.attention.len() > 1 && !shows_states);
    let example = document.id.as_deref().map(plain).filter(|name| !name.is_empty());
    let parts = [example, block.map(|block| plain(&block.name)), head, Some(view.name().to_owned())];
    parts.into_iter().flatten().collect::<Vec<_>>().join("_")
}

/// What every file system and shell takes: letters, digits, and single dashes for all else.
pub fn plain(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric() && !"._".contains(c)).filter(|word| !word.is_empty());
    let name: String = words.collect::<Vec<_>>().join("-").chars().take(MOST_LETTERS).collect();
    name.trim_matches(['.', '-', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;

    #[test]
    fn a_name_says_example_block_layer_head_and_view() -> Result<(), Box<dyn std::error::Error>> {
        let trace = Trace::open("tests/traces/encoder-decoder.safetensors".as_ref())?;
        let cross = trace.document().block_index("cross").ok_or("no block")?;
        let selection = Selection { block: cross, layer: Pick::One(1), head: Pick::Mean, ..Selection::default() };
        let name = |view| name_of(trace.document(), view, &selection);
        assert_eq!(name(View::Image), "synthetic-encoder-decoder_cross_L1Hmean_image");
        assert_eq!(name(View::Overlays), "synthetic-encoder-decoder_cross_L1_overlays");
        assert_eq!(name(View::Heads), "synthetic-encoder-decoder_cross_heads");
        assert_eq!(name(View::Similarity), "synthetic-encoder-decoder_similarity");
        Ok(())
    }

    #[test]
    fn a_name_is_one_that_file_systems_take() {
        assert_eq!(plain("../a b/c:d?*<e>|f\0g"), "a-b-c-d-e-f-g");
        assert_eq!(plain("Größe_2.5 Ω"), "Größe_2.5-Ω");
        assert_eq!(plain("///"), "");
        assert_eq!(plain(&"long".repeat(100)).chars().count(), MOST_LETTERS);
    }
}
