//! Which point lies under the pointer, of a million: a grid of cells over all points, each with the list of its own.

/// Points a cell, about.
const POINTS_PER_CELL: usize = 4;
/// The most cells a side.
const MOST_CELLS: usize = 1024;

/// Points by cell.
#[derive(Clone, Debug, Default)]
pub(super) struct PointGrid {
    min: [f32; 2],
    /// Cells per unit.
    scale: [f32; 2],
    side: usize,
    /// Where the points of each cell begin in `points`; one more than there are cells.
    starts: Vec<u32>,
    points: Vec<u32>,
}

impl PointGrid {
    /// Of all points that are numbers, between the corners.
    pub fn of(points: &[[f32; 2]], [min, max]: [[f32; 2]; 2]) -> Self {
        let side = ((points.len() / POINTS_PER_CELL) as f32).sqrt().ceil().clamp(1.0, MOST_CELLS as f32) as usize;
        let scale = [0, 1].map(|axis| side as f32 / (max[axis] - min[axis]).max(1e-30));
        let mut grid = Self { min, scale, side, starts: vec![0; side * side + 1], points: Vec::new() };
        let cells: Vec<Option<usize>> = points.iter().map(|&point| grid.cell(point)).collect();
        for cell in cells.iter().flatten() {
            grid.starts[cell + 1] += 1;
        }
        for cell in 0..side * side {
            grid.starts[cell + 1] += grid.starts[cell];
        }
        grid.points = vec![0; grid.starts[side * side] as usize];
        let mut next = grid.starts.clone();
        for (point, cell) in cells.iter().enumerate().filter_map(|(point, cell)| Some((point, (*cell)?))) {
            grid.points[next[cell] as usize] = point as u32;
            next[cell] += 1;
        }
        grid
    }

    /// The nearest point at most `reach` away.
    pub fn nearest(&self, points: &[[f32; 2]], at: [f32; 2], reach: f32) -> Option<usize> {
        let span = |axis: usize| {
            let cell =
                |place: f32| ((place - self.min[axis]) * self.scale[axis]).clamp(0.0, self.side as f32 - 1.0) as usize;
            cell(at[axis] - reach)..=cell(at[axis] + reach)
        };
        if self.side == 0 || !(at[0].is_finite() && at[1].is_finite()) {
            return None;
        }
        let distance = |point: [f32; 2]| (point[0] - at[0]).powi(2) + (point[1] - at[1]).powi(2);
        let cells = span(1).flat_map(|row| span(0).map(move |column| row * self.side + column));
        let inside = cells.flat_map(|cell| &self.points[self.starts[cell] as usize..self.starts[cell + 1] as usize]);
        let nearest = inside.map(|&point| (point as usize, distance(points[point as usize])));
        // Of equal ones the later one, which is drawn above.
        let nearest = nearest.min_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        (nearest.1 <= reach * reach).then_some(nearest.0)
    }

    fn cell(&self, point: [f32; 2]) -> Option<usize> {
        let at = [0, 1].map(|axis| (point[axis] - self.min[axis]) * self.scale[axis]);
        let inside = |at: f32| (at.min(self.side as f32 - 1.0)) as usize;
        at.iter().all(|at| at.is_finite() && *at >= 0.0).then(|| inside(at[1]) * self.side + inside(at[0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_finds_what_a_look_at_all_points_finds() {
        let mut state = 1_u32;
        let mut normal = || {
            let mut uniform = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 24) as f32
            };
            (0..12).map(|_| uniform()).sum::<f32>() - 6.0
        };
        let mut points: Vec<[f32; 2]> = (0..5000).map(|_| [normal() * 7.0, normal() * 0.2]).collect();
        points.push([f32::NAN, 0.0]);
        let corners = [[-40.0, -2.0], [40.0, 2.0]];
        let grid = PointGrid::of(&points, corners);
        for reach in [0.01, 0.3, 90.0] {
            for _ in 0..200 {
                let at = [normal() * 9.0, normal() * 0.4];
                let distance = |point: &[f32; 2]| (point[0] - at[0]).powi(2) + (point[1] - at[1]).powi(2);
                let all = points.iter().enumerate().map(|(index, point)| (index, distance(point)));
                let all = all.filter(|(_, distance)| distance.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1));
                let expected = all.filter(|(_, distance)| *distance <= reach * reach).map(|(index, _)| index);
                assert_eq!(grid.nearest(&points, at, reach), expected);
            }
        }
        assert_eq!(PointGrid::default().nearest(&[], [0.0; 2], 1.0), None);
        assert_eq!(PointGrid::of(&[], corners).nearest(&[], [0.0; 2], 1.0), None);
    }
}
