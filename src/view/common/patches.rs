//! The image tokens of one image, and the grid they form where they form one.
//!
//! A grid is found from the boxes alone: all of the same size, at whole multiples of it, no two in the same cell.
//! Some cells may be empty (a model may drop masked patches). Tokens that stand for the whole image beside others
//! are no patches: they are not painted over the image.

use crate::trace::{Area, Token};

/// The patches of an image, in the order of their tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patches {
    /// Indices in the sequence.
    pub tokens: Vec<usize>,
    /// Their boxes.
    pub areas: Vec<Area>,
    /// If they form one.
    pub grid: Option<PatchGrid>,
}

/// Rows × columns of equal cells that cover the image.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchGrid {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// The cell of each patch, row by row.
    cells: Vec<usize>,
}

/// How far, in cells, a box may be off its place.
const TOLERANCE: f32 = 0.02;

impl Patches {
    /// The patches of an image among a sequence's tokens.
    pub fn find(tokens: &[Token], image: usize) -> Self {
        let of_image = |(index, token): (usize, &Token)| Some((index, token.area_on(image)?, token.special));
        let all: Vec<(usize, Area, bool)> = tokens.iter().enumerate().filter_map(of_image).collect();
        let whole = |area: &Area| area.x1 - area.x0 > 0.999 && area.y1 - area.y0 > 0.999;
        let (tokens, areas): (Vec<usize>, Vec<Area>) = all
            .iter()
            .filter(|(_, area, special)| !special && (all.len() == 1 || !whole(area)))
            .map(|&(index, area, _)| (index, area))
            .unzip();
        let grid = PatchGrid::find(&areas);
        Self { tokens, areas, grid }
    }

    /// The values of the grid's cells, row by row, of one value per token of the sequence; not a number where a cell
    /// has no patch.
    pub fn on_grid(&self, grid: &PatchGrid, values: &[f32]) -> Vec<f32> {
        let mut cells = vec![f32::NAN; grid.rows * grid.columns];
        for (&cell, &token) in grid.cells.iter().zip(&self.tokens) {
            cells[cell] = values.get(token).copied().unwrap_or(f32::NAN);
        }
        cells
    }
}

impl PatchGrid {
    /// The grid that boxes form, if they do.
    pub(in crate::view) fn find(areas: &[Area]) -> Option<Self> {
        let first = areas.first()?;
        let columns = (1.0 / (first.x1 - first.x0)).round();
        let rows = (1.0 / (first.y1 - first.y0)).round();
        // A grid that is almost empty would be a few scattered boxes of one size: they are drawn as boxes.
        if columns * rows > areas.len() as f32 * 8.0 {
            return None;
        }
        let near = |a: f32, b: f32| (a - b).abs() < TOLERANCE;
        let mut cells = Vec::with_capacity(areas.len());
        for area in areas {
            let (column, row) = ((area.x0 * columns).round(), (area.y0 * rows).round());
            let fits = near(area.x0 * columns, column)
                && near(area.x1 * columns, column + 1.0)
                && near(area.y0 * rows, row)
                && near(area.y1 * rows, row + 1.0);
            if !fits {
                return None;
            }
            cells.push(row as usize * columns as usize + column as usize);
        }
        let (rows, columns) = (rows as usize, columns as usize);
        let mut taken = vec![false; rows * columns];
        let free = |&cell: &usize| !std::mem::replace(&mut taken[cell], true);
        cells.iter().all(free).then_some(Self { rows, columns, cells })
    }

    /// Row and column of a patch, by its index in [`Patches::tokens`].
    pub fn place(&self, patch: usize) -> (usize, usize) {
        (self.cells[patch] / self.columns, self.cells[patch] % self.columns)
    }
}
