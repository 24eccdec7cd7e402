//! One statistic of all heads of all examples, and which number belongs to which head.

use std::borrow::Cow;

/// The heads of one attention block, over all examples: where models differ, as many as the largest has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The block's name.
    pub block: String,
    /// The models' own numbers of its layers, ascending.
    pub numbers: Vec<usize>,
    /// The largest number of heads in a layer.
    pub heads: usize,
    /// The cell of its first layer, head 0.
    pub first: usize,
}

/// One statistic of all examples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeadValues {
    /// Heads of all blocks together.
    pub cells: usize,
    /// `[examples, cells]`, in the order of the table; not a number where an example has no such head, or no value there.
    pub numbers: Vec<f32>,
}

impl Grid {
    /// How many layers.
    pub fn layers(&self) -> usize {
        self.numbers.len()
    }

    /// The number of the layer at a place.
    pub fn layer_number(&self, layer: usize) -> usize {
        self.numbers.get(layer).copied().unwrap_or(layer)
    }

    /// The numbers of its layers, as a sentence says them: `0 to 11`, or `3, 7, 11`.
    pub fn layers_in_words(&self) -> String {
        let last = self.layers().saturating_sub(1);
        match self.numbers.last() {
            Some(&number) if number == last => format!("0 to {last}"),
            _ => self.numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
        }
    }

    /// The place of the layer with that number.
    pub fn layer_index(&self, number: usize) -> Option<usize> {
        self.numbers.binary_search(&number).ok()
    }

    /// The cell of a head of the layer at a place, if the block has it.
    pub fn cell(&self, layer: usize, head: usize) -> Option<usize> {
        (layer < self.layers() && head < self.heads).then(|| self.first + layer * self.heads + head)
    }

    /// The cells of the block.
    pub fn cells(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.layers() * self.heads
    }
}

impl HeadValues {
    /// Of one example.
    pub fn row(&self, row: usize) -> &[f32] {
        self.numbers.get(row * self.cells..(row + 1) * self.cells).unwrap_or_default()
    }

    /// The heads of one block alone.
    pub fn block(&self, grid: &Grid) -> Cow<'_, Self> {
        if grid.cells() == (0..self.cells) {
            return Cow::Borrowed(self);
        }
        let rows = self.numbers.chunks_exact(self.cells.max(1));
        let numbers = rows.flat_map(|row| row.get(grid.cells()).unwrap_or_default()).copied().collect();
        Cow::Owned(Self { cells: grid.cells().len(), numbers })
    }

    /// Of one head: `[examples]`.
    pub fn cell(&self, cell: usize) -> Vec<f32> {
        self.numbers.chunks_exact(self.cells.max(1)).map(|row| row.get(cell).copied().unwrap_or(f32::NAN)).collect()
    }
}
