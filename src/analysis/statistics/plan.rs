//! What the tokens alone decide: which rows and columns count as what, and how many rows a mean divides by.

use super::sums::{self, Sums};
use super::vl_interpret::{self, Role, roles};
use super::{Options, Parts, TABLE};
use crate::analysis::BlockLayout;
use crate::trace::{Area, Modality, Token};

/// A text token that counts.
pub const COUNTED_TEXT: u32 = 1;
/// An image token that counts.
pub const COUNTED_IMAGE: u32 = 2;
/// Text in VL-InterpreT's eyes.
pub const VLI_TEXT: u32 = 4;
/// A patch in VL-InterpreT's eyes.
pub const VLI_PATCH: u32 = 8;

/// One token as both twins see it; `Place` in shaders/analysis/statistics.wgsl.
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Place {
    /// `COUNTED_…` and `VLI_…`.
    pub flags: u32,
    /// Of an image token that counts: which image.
    pub image: u32,
    /// Of a VLI patch: its number in flat order.
    pub patch: u32,
    /// Of a query: how many keys that count it sees.
    pub visible: u32,
    /// Of an image token that counts: its middle, in image widths.
    pub at: [f32; 2],
    /// Of an image token that counts: the share of its box inside labelled regions.
    pub overlap: f32,
}

/// The tokens of a block, prepared for the pass.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rows.
    pub queries: Vec<Place>,
    /// The columns.
    pub keys: Vec<Place>,
    /// Whether query `q` sees only the keys `0..=q`.
    pub causal: bool,
    /// Whether rows and columns are the same sequence.
    pub same_sequence: bool,
    /// What the pass computes.
    pub parts: Parts,
    /// Queries of a modality that see a key of a modality, in the order of [`sums::MASS`].
    mass_rows: [usize; 4],
    /// Queries that see a key.
    rows: usize,
    diagonal_rows: usize,
    previous_rows: usize,
    /// Queries that are text and patches in VL-InterpreT's eyes.
    vli_rows: [usize; 2],
    /// Which statistics the parts give.
    given: [bool; TABLE.len()],
}

impl Plan {
    /// Looks at every token once, and at every query's visible keys by prefix sums.
    pub fn new(layout: &BlockLayout<'_>, options: &Options) -> Self {
        let mut queries = places(layout, layout.queries, options);
        let keys = places(layout, layout.keys, options);
        // How many of the first n keys count, by modality.
        let mut before = vec![[0_usize; 2]];
        before.extend(keys.iter().scan([0; 2], |[text, image], key| {
            *text += usize::from(key.flags & COUNTED_TEXT != 0);
            *image += usize::from(key.flags & COUNTED_IMAGE != 0);
            Some([*text, *image])
        }));
        let (mut mass_rows, mut rows, mut diagonal_rows, mut previous_rows) = ([0; 4], 0, 0, 0);
        for (index, query) in queries.iter_mut().enumerate() {
            let Some(modality) = modality_of(query.flags) else { continue };
            let visible = before[layout.seen(index)];
            query.visible = (visible[0] + visible[1]) as u32;
            rows += usize::from(query.visible > 0);
            for (key_modality, &count) in visible.iter().enumerate() {
                mass_rows[2 * modality + key_modality] += usize::from(count > 0);
            }
            if layout.same_sequence {
                diagonal_rows += 1;
                previous_rows += usize::from(index > 0 && modality_of(keys[index - 1].flags).is_some());
            }
        }
        let (causal, same_sequence) = (layout.causal, layout.same_sequence);
        let has_regions = !layout.regions.is_empty();
        let parts = Parts { region: options.parts.region && has_regions, ..options.parts };
        let vli_rows = [VLI_TEXT, VLI_PATCH].map(|flag| queries.iter().filter(|place| place.flags & flag != 0).count());
        let given = TABLE.each_ref().map(|statistic| parts.give(statistic.name));
        Self {
            queries,
            keys,
            causal,
            same_sequence,
            parts,
            given,
            mass_rows,
            rows,
            diagonal_rows,
            previous_rows,
            vli_rows,
        }
    }

    /// How many keys, from the first on, a query sees.
    pub fn seen(&self, query: usize) -> usize {
        if self.causal { (query + 1).min(self.keys.len()) } else { self.keys.len() }
    }

    /// The statistics of one head in the order of [`TABLE`], VL-InterpreT's as means of blocks.
    pub fn finish(&self, sums: &Sums) -> [f64; TABLE.len()] {
        if sums[sums::BROKEN] > 0.0 {
            return [f64::NAN; TABLE.len()];
        }
        let mean = |slot: usize, rows: usize| if rows == 0 { f64::NAN } else { sums[slot] / rows as f64 };
        let mean_of = |slot: usize, rows_slot: usize| mean(slot, sums[rows_slot] as usize);
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { f64::NAN };
        let mass: [f64; 4] = std::array::from_fn(|pair| sums[sums::MASS + pair]);
        let [text, patches] = self.vli_rows;

        let mut values = [f64::NAN; TABLE.len()];
        values[vl_interpret::IMAGE_TO_TEXT] = mean(sums::VLI + 1, text * patches);
        values[vl_interpret::TEXT_TO_IMAGE] = mean(sums::VLI + 2, text * patches);
        values[vl_interpret::IMAGE_TO_IMAGE] = mean(sums::VLI + 3, patches * patches);
        values[vl_interpret::IMAGE_TO_IMAGE_WITHOUT_SELF] = mean(sums::VLI_WITHOUT_SELF, patches * patches);
        values[vl_interpret::TEXT_TO_TEXT] = mean(sums::VLI, text * text);
        let own = [
            mean(sums::MASS, self.mass_rows[0]),
            mean(sums::MASS + 1, self.mass_rows[1]),
            mean(sums::MASS + 2, self.mass_rows[2]),
            mean(sums::MASS + 3, self.mass_rows[3]),
            mean_of(sums::ENTROPY, sums::ENTROPY_ROWS),
            mean_of(sums::RELATIVE, sums::RELATIVE_ROWS),
            mean(sums::LARGEST, self.rows),
            mean_of(sums::HOYER, sums::HOYER_ROWS),
            share(sums[sums::STRONGEST], mass.iter().sum()),
            mean(sums::DIAGONAL, self.diagonal_rows),
            mean(sums::PREVIOUS, self.previous_rows),
            mean_of(sums::DISTANCE, sums::DISTANCE_ROWS),
            share(sums[sums::REGION], mass[1] + mass[3]),
        ];
        values[vl_interpret::INTRA_MODAL + 1..].copy_from_slice(&own);
        for (value, is_given) in values.iter_mut().zip(self.given) {
            if !is_given {
                *value = f64::NAN;
            }
        }
        values
    }
}

/// 0 for text, 1 for image, `None` if the token does not count.
pub fn modality_of(flags: u32) -> Option<usize> {
    match flags & (COUNTED_TEXT | COUNTED_IMAGE) {
        COUNTED_TEXT => Some(0),
        COUNTED_IMAGE => Some(1),
        _ => None,
    }
}

fn places(layout: &BlockLayout<'_>, tokens: &[Token], options: &Options) -> Vec<Place> {
    let roles = if layout.same_sequence { roles(tokens) } else { vec![Role::Special; tokens.len()] };
    let place = |(token, role): (&Token, Role)| {
        let mut place = Place::default();
        match role {
            Role::Special => {}
            Role::Text => place.flags |= VLI_TEXT,
            Role::Patch(number) => {
                place.flags |= VLI_PATCH;
                place.patch = number;
            }
        }
        if token.special && !options.specials {
            return place;
        }
        place.flags |= match token.modality() {
            Modality::Text => COUNTED_TEXT,
            Modality::Image => COUNTED_IMAGE,
        };
        if let Some((image, area)) = token.image_area() {
            let [x, y] = area.center();
            place.image = image as u32;
            place.at = [x, y * layout.aspects.get(image).copied().unwrap_or(1.0)];
            let regions = layout.regions.iter().filter(|region| region.image == image).map(|region| region.area);
            place.overlap = share_covered(&area, &regions.collect::<Vec<_>>());
        }
        place
    };
    tokens.iter().zip(roles).map(place).collect()
}

/// The share of a box that lies inside any of the others, from 0 to 1: the plane is cut along all edges, and a cell
/// counts once however many boxes cover it.
fn share_covered(area: &Area, covers: &[Area]) -> f32 {
    let mut xs = vec![area.x0, area.x1];
    let mut ys = vec![area.y0, area.y1];
    for cover in covers {
        xs.extend([cover.x0, cover.x1].map(|x| x.clamp(area.x0, area.x1)));
        ys.extend([cover.y0, cover.y1].map(|y| y.clamp(area.y0, area.y1)));
    }
    xs.sort_by(f32::total_cmp);
    ys.sort_by(f32::total_cmp);
    let mut covered = 0.0;
    for x in xs.windows(2) {
        for y in ys.windows(2) {
            let [middle_x, middle_y] = [(x[0] + x[1]) / 2.0, (y[0] + y[1]) / 2.0];
            let inside = |cover: &Area| {
                cover.x0 <= middle_x && middle_x <= cover.x1 && cover.y0 <= middle_y && middle_y <= cover.y1
            };
            if covers.iter().any(inside) {
                covered += (x[1] - x[0]) * (y[1] - y[0]);
            }
        }
    }
    (covered / ((area.x1 - area.x0) * (area.y1 - area.y0))).min(1.0)
}
