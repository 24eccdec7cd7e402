//! The grids of patches that lie over one image: models look at an overview and at tiles of it, with patches of another
//! size each. Every tile is drawn as a heatmap of its own; what forms no grid is drawn as boxes.
//!
//! Tiles are told apart by their boxes alone: patches of the same size whose edges lie on the same lattice are of one
//! tile, or of several that together are one larger grid. Rejected: cutting the tokens into runs, since models set
//! newline tokens between rows and send tiles in orders of their own.

use super::patches::{PatchGrid, Patches};
use crate::trace::Area;
use crate::view::Tiles;

/// Patches of one size on one lattice.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::view) struct PatchLayer {
    /// The patches, and their grid inside of `area`; without a grid they are boxes.
    pub patches: Patches,
    /// What the grid covers of the image.
    pub area: Area,
}

const WHOLE: Area = Area { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };
/// A tile has at least so many patches.
const FEWEST: usize = 4;
/// How far, in patches, an edge may be off its lattice.
const TOLERANCE: f32 = 0.02;

/// The layers over an image, those with large patches first, boxes last.
pub(in crate::view) fn layers(patches: &Patches) -> Vec<PatchLayer> {
    if patches.grid.is_some() || patches.tokens.is_empty() {
        return vec![PatchLayer { patches: patches.clone(), area: WHOLE }];
    }
    let mut lattices: Vec<Vec<usize>> = Vec::new();
    for (index, area) in patches.areas.iter().enumerate() {
        let found = lattices.iter_mut().find(|lattice| are_on_one_lattice(&patches.areas[lattice[0]], area));
        match found {
            Some(lattice) => lattice.push(index),
            None => lattices.push(vec![index]),
        }
    }
    let mut layers = Vec::new();
    let mut boxes = Vec::new();
    for lattice in lattices {
        match tile(patches, &lattice) {
            Some(layer) => layers.push(layer),
            None => boxes.extend(lattice),
        }
    }
    layers.sort_by(|a, b| patch_size(b).total_cmp(&patch_size(a)));
    if !boxes.is_empty() {
        boxes.sort_unstable();
        layers.push(PatchLayer { patches: some(patches, &boxes), area: WHOLE });
    }
    layers
}

/// The layers that a choice leaves.
pub(in crate::view) fn chosen(layers: Vec<PatchLayer>, tiles: Tiles) -> Vec<PatchLayer> {
    let is_hidden = |layer: &PatchLayer| {
        let rival = |other: &&PatchLayer| match tiles {
            Tiles::All => false,
            Tiles::Coarse => patch_size(other) > patch_size(layer),
            Tiles::Fine => patch_size(other) < patch_size(layer),
        };
        let grids = layers.iter().filter(|other| other.patches.grid.is_some());
        layer.patches.grid.is_some() && grids.filter(rival).any(|other| layer.area.share_inside(&other.area) > 0.01)
    };
    let kept: Vec<bool> = layers.iter().map(|layer| !is_hidden(layer)).collect();
    layers.into_iter().zip(kept).filter_map(|(layer, is_kept)| is_kept.then_some(layer)).collect()
}

fn patch_size(layer: &PatchLayer) -> f32 {
    layer.patches.areas.first().map_or(0.0, |area| (area.x1 - area.x0) * (area.y1 - area.y0))
}

fn are_on_one_lattice(a: &Area, b: &Area) -> bool {
    let along = |a: [f32; 2], b: [f32; 2]| {
        let (width, off) = (a[1] - a[0], (b[0] - a[0]) / (a[1] - a[0]));
        ((b[1] - b[0]) / width - 1.0).abs() < TOLERANCE && (off - off.round()).abs() < TOLERANCE
    };
    along([a.x0, a.x1], [b.x0, b.x1]) && along([a.y0, a.y1], [b.y0, b.y1])
}

fn some(patches: &Patches, which: &[usize]) -> Patches {
    Patches {
        tokens: which.iter().map(|&index| patches.tokens[index]).collect(),
        areas: which.iter().map(|&index| patches.areas[index]).collect(),
        grid: None,
    }
}

/// A lattice's patches as a tile, if they fill most of what they cover.
fn tile(patches: &Patches, lattice: &[usize]) -> Option<PatchLayer> {
    if lattice.len() < FEWEST {
        return None;
    }
    let mut layer = PatchLayer { patches: some(patches, lattice), area: WHOLE };
    let areas = &layer.patches.areas;
    let covered = areas.iter().copied().reduce(|a, b| Area {
        x0: a.x0.min(b.x0),
        y0: a.y0.min(b.y0),
        x1: a.x1.max(b.x1),
        y1: a.y1.max(b.y1),
    })?;
    let (width, height) = (covered.x1 - covered.x0, covered.y1 - covered.y0);
    let inside = |area: &Area| Area {
        x0: (area.x0 - covered.x0) / width,
        y0: (area.y0 - covered.y0) / height,
        x1: (area.x1 - covered.x0) / width,
        y1: (area.y1 - covered.y0) / height,
    };
    let grid = PatchGrid::find(&areas.iter().map(inside).collect::<Vec<_>>())?;
    let is_full = grid.rows * grid.columns <= lattice.len() * 2;
    layer.area = covered;
    layer.patches.grid = Some(grid);
    is_full.then_some(layer)
}
