//! What tokens and masks decide: which rows and columns count as what, and in which means a row is.

use super::parts::{Options, Part, Parts};
use super::regions::shares_inside;
use super::sums::{self, Head, Sums};
use super::vl_interpret::{Role, roles};
use crate::analysis::BlockLayout;
use crate::trace::{LayerMask, Modality, Token};

/// A text token that counts.
pub const COUNTED_TEXT: u32 = 1;
/// An image token that counts.
pub const COUNTED_IMAGE: u32 = 2;
/// Text in VL-InterpreT's eyes.
pub const VLI_TEXT: u32 = 4;
/// A patch in VL-InterpreT's eyes.
pub const VLI_PATCH: u32 = 8;
/// A query that counts, and sees text that counts.
pub const SEES_TEXT: u32 = 16;
/// A query that counts, and sees an image token that counts.
pub const SEES_IMAGE: u32 = 32;
/// A query that counts, is a key as well, and sees itself.
pub const HAS_SELF: u32 = 64;
/// A query that counts, is a key as well, and sees the token before it, which counts too.
pub const HAS_PREVIOUS: u32 = 128;

/// One token as both backends see it; `Place` in shaders/analysis/statistics.wgsl.
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Place {
    /// The constants above.
    pub flags: u32,
    /// Of an image token that counts: which image.
    pub image: u32,
    /// Of a VLI patch: its number in flat order.
    pub patch: u32,
    /// Of a query: how many keys that count it sees.
    pub visible: u32,
    /// Of an image token that counts: its centre, in image widths.
    pub at: [f32; 2],
    /// Of a key that is an image token and counts: the share of its box inside labelled regions.
    pub overlap: f32,
    /// To 32 bytes, which a shader reads in two loads.
    pub unused: u32,
}

impl Place {
    /// Whether it has any of these flags.
    pub fn is(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    /// Counts the query's row in every mean that divides by what tokens and mask decide.
    pub fn count_row(&self, sums: &mut Sums, rows: f64) {
        let mut count = |slot: usize, counts: bool| sums[slot] += if counts { rows } else { 0.0 };
        if let Some(modality) = modality_of(self.flags) {
            count(sums::MASS_ROWS + 2 * modality, self.is(SEES_TEXT));
            count(sums::MASS_ROWS + 2 * modality + 1, self.is(SEES_IMAGE));
        }
        count(sums::LARGEST_ROWS, self.is(SEES_TEXT | SEES_IMAGE));
        count(sums::DIAGONAL_ROWS, self.is(HAS_SELF));
        count(sums::PREVIOUS_ROWS, self.is(HAS_PREVIOUS));
        count(sums::VLI_ROWS, self.is(VLI_TEXT));
        count(sums::VLI_ROWS + 1, self.is(VLI_PATCH));
    }
}

/// The tokens of a block, prepared for the pass.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rows, whatever they see: [`Self::queries_under`] a mask says that as well.
    pub queries: Vec<Place>,
    /// The columns.
    pub keys: Vec<Place>,
    /// What the pass computes.
    pub parts: Parts,
    has_regions: bool,
    same_sequence: bool,
    /// How many of the first n keys count, text and image.
    counted_before: Vec<[u32; 2]>,
    /// Keys that are text and patches in VL-InterpreT's eyes.
    vli_keys: [usize; 2],
}

impl Plan {
    /// Looks at every token once.
    pub fn new(layout: &BlockLayout<'_>, options: &Options) -> Self {
        let mut plan = Self::without_regions(layout, options);
        plan.add_regions(layout, &mut || true);
        plan
    }

    /// The same; `None` if `goes_on`, which is asked now and then, says no.
    pub fn new_while(layout: &BlockLayout<'_>, options: &Options, goes_on: &mut dyn FnMut() -> bool) -> Option<Self> {
        let mut plan = Self::without_regions(layout, options);
        plan.add_regions(layout, goes_on).then_some(plan)
    }

    fn without_regions(layout: &BlockLayout<'_>, options: &Options) -> Self {
        let queries = places(layout, layout.queries, options);
        let keys = places(layout, layout.keys, options);
        let mut counted_before = vec![[0; 2]];
        counted_before.extend(keys.iter().scan([0; 2], |[text, image], key| {
            *text += u32::from(key.is(COUNTED_TEXT));
            *image += u32::from(key.is(COUNTED_IMAGE));
            Some([*text, *image])
        }));
        let vli_keys = [VLI_TEXT, VLI_PATCH].map(|flag| keys.iter().filter(|place| place.is(flag)).count());
        let (has_regions, same_sequence) = (!layout.regions.is_empty(), layout.same_sequence);
        Self { queries, keys, parts: options.parts, has_regions, same_sequence, counted_before, vli_keys }
    }

    /// The rows of a layer with this mask.
    pub fn queries_under(&self, mask: &LayerMask<'_>) -> Vec<Place> {
        let counts = |place: &Place| place.is(COUNTED_TEXT | COUNTED_IMAGE);
        let under = |(index, query): (usize, &Place)| {
            if !counts(query) {
                return *query;
            }
            let [text, image] = mask.keys_of(index).fold([0; 2], |[text, image], run| {
                let ([text_before, image_before], [text_in, image_in]) =
                    (self.counted_before[run.start], self.counted_before[run.end]);
                [text + text_in - text_before, image + image_in - image_before]
            });
            let sees = |key: usize| self.same_sequence && counts(&self.keys[key]) && mask.allows(index, key);
            let holds = [
                (SEES_TEXT, text > 0),
                (SEES_IMAGE, image > 0),
                (HAS_SELF, sees(index)),
                (HAS_PREVIOUS, index > 0 && sees(index - 1)),
            ];
            let seen: u32 = holds.iter().filter(|(_, holds)| *holds).map(|(flag, _)| flag).sum();
            Place { flags: query.flags | seen, visible: text + image, ..*query }
        };
        self.queries.iter().enumerate().map(under).collect()
    }

    /// Whether `goes_on` did not say no.
    fn add_regions(&mut self, layout: &BlockLayout<'_>, goes_on: &mut dyn FnMut() -> bool) -> bool {
        if !self.gives(Part::Region) {
            return true;
        }
        let counted = self.keys.iter_mut().zip(layout.keys).filter(|(key, _)| key.is(COUNTED_IMAGE));
        let (keys, areas): (Vec<_>, Vec<_>) =
            counted.filter_map(|(key, token)| Some((key, token.image_area()?))).unzip();
        let Some(shares) = shares_inside(&areas, layout.regions, goes_on) else { return false };
        keys.into_iter().zip(shares).for_each(|(key, share)| key.overlap = share);
        true
    }

    /// Whether the pass computes what statistics of this part are made of: asked for, and there.
    pub fn gives(&self, part: Part) -> bool {
        self.parts.has(part) && (part != Part::Region || self.has_regions)
    }

    /// The sums of a head, for the formulas.
    pub fn head<'a>(&self, sums: &'a Sums) -> Head<'a> {
        Head { sums, vli_keys: self.vli_keys }
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
            // Without a place it has no distance to others.
            Modality::Image if token.image_area().is_none() => 0,
            Modality::Image => COUNTED_IMAGE,
            Modality::Latent | Modality::Audio => 0,
        };
        if let Some((image, area)) = token.image_area() {
            let [x, y] = area.center();
            place.image = image as u32;
            place.at = [x, y * layout.aspects.get(image).copied().unwrap_or(1.0)];
        }
        place
    };
    tokens.iter().zip(roles).map(place).collect()
}
