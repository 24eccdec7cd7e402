//! Where the small pictures of the heads lie: layers downwards, heads to the right, all of one size, zoomed and panned as one.

use glam::Vec2;

use crate::render::{Rect, Transform};

/// Cells between the heatmaps of two heads, for so many cells of one.
const CELLS_OF_A_GAP: usize = 12;
/// The longer side of a picture that is not zoomed, in logical pixels.
const LARGEST: f32 = 240.0;
/// A picture that is smaller shows nothing, in logical pixels.
const SMALLEST: f32 = 3.0;

/// All heads' pictures in a plot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lattice {
    /// Rows and columns of pictures.
    pub count: [usize; 2],
    /// Rows and columns of patches in each of them.
    pub patches: [usize; 2],
    /// Cells between them.
    pub gap: usize,
    /// What shows them: nothing is drawn outside.
    pub plot: Rect,
    /// Of all pictures as they are zoomed; it may reach beyond the plot.
    pub whole: Rect,
    /// Of a picture, and from one to the next.
    tile: Vec2,
    step: Vec2,
}

impl Lattice {
    /// As large as the room allows, in the shape of the image (width / height); `None` where there is too little room.
    /// Of the width that is left over a share comes before them.
    pub fn fit(
        count: [usize; 2],
        patches: [usize; 2],
        aspect: f32,
        room: Rect,
        before: f32,
        view: Option<Transform>,
    ) -> Option<Self> {
        let gap = (patches[0].max(patches[1]) / CELLS_OF_A_GAP).max(1);
        let in_cells = [0, 1].map(|side| cells(count[side], patches[side], gap) as f32);
        let [rows, columns] = patches.map(|side| side as f32);
        // Of a cell, one high.
        let shape = Vec2::new(aspect * rows / columns, 1.0);
        let all = Vec2::new(in_cells[1], in_cells[0]) * shape;
        let largest = LARGEST / (Vec2::new(columns, rows) * shape).max_element();
        let cell = shape * (room.size() / all).min_element().min(largest);
        let tile = Vec2::new(columns, rows) * cell;
        if tile.is_nan() || tile.min_element() < SMALLEST {
            return None;
        }
        let size = Vec2::new(in_cells[1], in_cells[0]) * cell;
        let left = room.min.x + ((room.size().x - size.x) * before).max(0.0);
        let plot = Rect::at(left, room.min.y, size.x, size.y);
        let is_sound =
            |view: &Transform| view.offset.is_finite() && view.scale.is_finite() && view.scale.min_element() > 0.0;
        let view = view.filter(is_sound).unwrap_or(Transform::IDENTITY);
        let min = plot.min + view.offset * plot.size();
        let whole = Rect { min, max: min + size * view.scale };
        let step = (tile + cell * gap as f32) * view.scale;
        Some(Self { count, patches, gap, plot, whole, tile: tile * view.scale, step })
    }

    /// Rows and columns of all heatmaps as one.
    pub fn cells(&self) -> [usize; 2] {
        [0, 1].map(|side| cells(self.count[side], self.patches[side], self.gap))
    }

    /// The first row and column of a picture's cells among all.
    pub fn first_cell(&self, layer: usize, head: usize) -> [usize; 2] {
        [layer * (self.patches[0] + self.gap), head * (self.patches[1] + self.gap)]
    }

    /// Where a picture lies; it may reach beyond the plot.
    pub fn tile(&self, layer: usize, head: usize) -> Rect {
        let min = self.whole.min + self.step * Vec2::new(head as f32, layer as f32);
        Rect { min, max: min + self.tile }
    }

    /// Of a picture.
    pub fn tile_size(&self) -> Vec2 {
        self.tile
    }

    /// From one picture to the next.
    pub fn step(&self) -> Vec2 {
        self.step
    }

    /// The part of a rectangle that the plot shows; `None` if that is nothing.
    pub fn seen(&self, rect: Rect) -> Option<Rect> {
        let seen = Rect { min: rect.min.max(self.plot.min), max: rect.max.min(self.plot.max) };
        seen.size().cmpgt(Vec2::splat(0.01)).all().then_some(seen)
    }

    /// The part of all cells that the plot shows, as (column, row), and where; `None` if that is nothing.
    pub fn window(&self) -> Option<(Rect, Rect)> {
        let seen = self.seen(self.whole)?;
        let [rows, columns] = self.cells().map(|side| side as f32);
        let per_pixel = Vec2::new(columns, rows) / self.whole.size();
        let window =
            Rect { min: (seen.min - self.whole.min) * per_pixel, max: (seen.max - self.whole.min) * per_pixel };
        Some((window, seen))
    }
}

fn cells(count: usize, patches: usize, gap: usize) -> usize {
    (count * (patches + gap)).saturating_sub(gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_have_the_shape_of_the_image_and_lie_on_their_cells() -> Result<(), &'static str> {
        let room = Rect::at(20.0, 10.0, 900.0, 600.0);
        let lattice = Lattice::fit([32, 32], [24, 24], 1.5, room, 0.5, None).ok_or("too little room")?;
        let tile = lattice.tile(31, 31);
        assert!((tile.size().x / tile.size().y - 1.5).abs() < 1e-3);
        assert!(room.shrink(-0.1).contains(tile.max) && (tile.max - lattice.whole.max).length() < 1e-2);
        let [row, column] = lattice.first_cell(31, 31);
        let [rows, columns] = lattice.cells();
        let place = Vec2::new(column as f32 / columns as f32, row as f32 / rows as f32);
        assert!((lattice.whole.min + place * lattice.whole.size() - tile.min).length() < 1e-2);
        assert_eq!(lattice.window().map(|(window, _)| window.size()), Some(Vec2::new(columns as f32, rows as f32)));
        assert_eq!(Lattice::fit([32, 32], [24, 24], 1.5, Rect::at(0.0, 0.0, 90.0, 60.0), 0.5, None), None);
        Ok(())
    }

    #[test]
    fn zoomed_pictures_are_cut_at_the_plot() -> Result<(), &'static str> {
        let room = Rect::at(0.0, 0.0, 400.0, 400.0);
        let view = Transform { scale: Vec2::splat(4.0), offset: Vec2::splat(-1.0) };
        let lattice = Lattice::fit([4, 4], [8, 8], 1.0, room, 0.5, Some(view)).ok_or("too little room")?;
        let (window, seen) = lattice.window().ok_or("nothing is seen")?;
        assert_eq!(seen, lattice.plot);
        let [rows, columns] = lattice.cells().map(|side| side as f32);
        assert!((window.size() - Vec2::new(columns, rows) / 4.0).length() < 1e-2, "{window:?}");
        assert_eq!(lattice.seen(lattice.tile(0, 0)), None);
        Ok(())
    }
}
