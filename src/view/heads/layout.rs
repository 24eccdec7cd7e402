//! Where the cells of the heads view lie, and in which order.

use glam::Vec2;

use crate::query::StatisticGrid;
use crate::render::Rect;
use crate::view::HeadsOrder;
use crate::view::common::order::Order;
use crate::view::common::sketch::Sketch;

/// The largest side of a cell, in logical pixels.
const LARGEST_CELL: f32 = 96.0;

pub(super) struct HeadsLayout {
    /// Of the heads.
    pub grid: Rect,
    pub cell: Vec2,
    pub layers: Order,
    pub heads: Order,
    /// Where the column and the row of means begin, and their width and height.
    means: Rect,
}

impl HeadsLayout {
    /// `None` if the cells would be smaller than a pixel.
    pub fn of(sketch: &mut Sketch<'_>, statistic: &StatisticGrid, order: HeadsOrder) -> Option<Self> {
        let small = sketch.text.small;
        let mean_label = sketch.width("mean", small);
        let numbers = sketch.width(&statistic.layer_number(statistic.layers - 1).to_string(), small).max(small);
        let left = (small * 1.5 + numbers).max(mean_label) + 6.0;
        let top = small * 2.8;
        let room = sketch.free.size() - Vec2::new(left, top);
        let count = Vec2::new(statistic.heads as f32, statistic.layers as f32);
        // The means and the gap before them take what their names need, or a cell and a half.
        let fixed = Vec2::new(mean_label + 10.0, small * 1.2 + 6.0);
        let cell = ((room - fixed) / count).min(room / (count + 1.6));
        if cell.min_element() < 1.0 {
            return None;
        }
        let cell = cell.min(Vec2::splat(LARGEST_CELL));
        let cell = cell.min(Vec2::new(cell.y, cell.x) * 2.0);
        let mean_width = cell.x.clamp(8.0_f32.min(mean_label), LARGEST_CELL);
        let mean_height = cell.y.clamp(small * 1.2, LARGEST_CELL);
        let grid = cell * count;
        let gap = Vec2::new(
            (cell.x * 0.4).clamp(5.0, 24.0).max((mean_label - mean_width) / 2.0 + 4.0),
            (cell.y * 0.4).clamp(4.0, 24.0),
        );
        let overhang = ((mean_label - mean_width) / 2.0).max(0.0);
        let whole = left + grid.x + gap.x + mean_width + overhang;
        let x = sketch.free.min.x + left + ((sketch.free.size().x - whole) * sketch.before()).max(0.0);
        let grid = Rect::at(x, sketch.free.min.y + top, grid.x, grid.y);
        let means = Rect::at(grid.max.x + gap.x, grid.max.y + gap.y, mean_width, mean_height);
        let finite = statistic.values.iter().filter(|value| value.is_finite());
        let (low, high) =
            finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
        let by_mean = |is_sorted: bool, means: &[f32], count: usize| {
            if is_sorted { Order::by_mean(means, count, high - low) } else { Order::by_number(count) }
        };
        let sorts_layers = matches!(order, HeadsOrder::Layers | HeadsOrder::Both);
        let sorts_heads = matches!(order, HeadsOrder::Heads | HeadsOrder::Both);
        Some(Self {
            grid,
            cell,
            layers: by_mean(sorts_layers, &statistic.layer_mean, statistic.layers),
            heads: by_mean(sorts_heads, &statistic.head_mean, statistic.heads),
            means,
        })
    }

    fn left(&self, head: usize) -> f32 {
        self.grid.min.x + self.cell.x * self.heads.place(head).unwrap_or(0) as f32
    }

    fn top(&self, layer: usize) -> f32 {
        self.grid.min.y + self.cell.y * self.layers.place(layer).unwrap_or(0) as f32
    }

    pub fn cell(&self, layer: usize, head: usize) -> Rect {
        Rect::at(self.left(head), self.top(layer), self.cell.x, self.cell.y)
    }

    /// The mean of a layer's heads.
    pub fn layer_mean(&self, layer: usize) -> Rect {
        Rect::at(self.means.min.x, self.top(layer), self.means.size().x, self.cell.y)
    }

    /// The mean of a head over the layers.
    pub fn head_mean(&self, head: usize) -> Rect {
        Rect::at(self.left(head), self.means.min.y, self.cell.x, self.means.size().y)
    }

    /// The mean of all.
    pub fn corner(&self) -> Rect {
        self.means
    }

    /// The heads and their means.
    pub fn all(&self) -> Rect {
        Rect { min: self.grid.min, max: self.means.max }
    }
}
