//! Labels, by glyphon: one atlas of glyphs, one draw for all labels.
//!
//! Lines come shaped from [`Fonts`] and are scaled to the label's size times the target's scale, at which their glyphs are
//! rasterised: text is sharp at any scale. Baselines lie on whole pixels. Glyphon can't turn text, so the glyphs of an
//! upright label are rasterised here, turned pixel by pixel, and given to glyphon as glyphs of our own: they share the
//! atlas and the draw.

use std::collections::HashMap;
use std::sync::Arc;

use glam::Vec2;
use glyphon::cosmic_text::{Buffer, CacheKey, Color as TextColor, Metrics, SwashCache, SwashContent};
use glyphon::{
    Cache, ColorMode, ContentType, CustomGlyph, PrepareError, RasterizedCustomGlyph, Resolution, TextArea, TextAtlas,
    TextBounds, TextRenderer, Viewport,
};

use super::device::Frame;
use super::fonts::{Fonts, Line, SHAPED_HEIGHT, SHAPED_SIZE};
use super::{Align, DrawError, Label, TARGET_FORMAT};
use crate::gpu::Gpu;

/// From the middle of a line down to its baseline, in font sizes: half the height of Inter's capitals.
pub(super) const MIDDLE_TO_BASELINE: f32 = 0.364;
/// Font sizes in pixels that are drawn; smaller ones can't be read, larger ones would burst the atlas.
const DRAWN_SIZES: std::ops::RangeInclusive<f32> = 1.0..=400.0;

/// The atlas and what is drawn of it.
pub(super) struct TextPass {
    glyphs: Glyphs,
    viewport: Viewport,
    swash: SwashCache,
    /// Glyphon wants one even where there are only glyphs of our own.
    no_text: Buffer,
    cache: Cache,
}

/// What is made anew when the atlas is full.
struct Glyphs {
    atlas: TextAtlas,
    renderer: TextRenderer,
    turned: Turned,
}

/// Glyphs that are turned by a quarter, by the number that glyphon knows them by.
#[derive(Default)]
struct Turned {
    numbers: HashMap<CacheKey, u16>,
    images: Vec<TurnedGlyph>,
}

struct TurnedGlyph {
    /// From the glyph's origin to the image's left upper corner, in pixels.
    left: i32,
    top: i32,
    width: u32,
    height: u32,
    image: RasterizedCustomGlyph,
}

/// A label's line and where it goes.
struct Placed<'a> {
    label: &'a Label,
    line: Arc<Line>,
    /// Pixels per pixel of the shaped line.
    scale: f32,
    /// Where the line begins, on its baseline, in pixels.
    origin: Vec2,
    turned: Vec<CustomGlyph>,
}

impl Glyphs {
    fn new(Gpu { device, queue, .. }: &Gpu, cache: &Cache) -> Self {
        // Blends the sRGB values themselves, as all other passes do.
        let mut atlas = TextAtlas::with_color_mode(device, queue, cache, TARGET_FORMAT, ColorMode::Web);
        let renderer = TextRenderer::new(&mut atlas, device, wgpu::MultisampleState::default(), None);
        Self { atlas, renderer, turned: Turned::default() }
    }
}

impl TextPass {
    pub(super) fn new(gpu: &Gpu) -> Self {
        let cache = Cache::new(&gpu.device);
        Self {
            glyphs: Glyphs::new(gpu, &cache),
            viewport: Viewport::new(&gpu.device, &cache),
            swash: SwashCache::new(),
            no_text: Buffer::new_empty(Metrics::new(SHAPED_SIZE, SHAPED_HEIGHT)),
            cache,
        }
    }

    pub(super) fn prepare<'a>(
        &mut self,
        frame: &Frame<'_>,
        fonts: &mut Fonts,
        labels: impl Iterator<Item = &'a Label>,
    ) -> Result<(), DrawError> {
        let [width, height] = frame.target;
        self.viewport.update(&frame.gpu.queue, Resolution { width, height });
        let mut placed: Vec<Placed<'_>> = labels.filter_map(|label| place(frame, fonts, label)).collect();
        self.glyphs.atlas.trim();
        if self.prepare_placed(frame, fonts, &mut placed).is_ok() {
            return Ok(());
        }
        // Full of glyphs that other drawings left: an empty one takes those of this drawing.
        self.glyphs = Glyphs::new(frame.gpu, &self.cache);
        self.prepare_placed(frame, fonts, &mut placed).map_err(|PrepareError::AtlasFull| DrawError::TooManyGlyphs)
    }

    fn prepare_placed(
        &mut self,
        frame: &Frame<'_>,
        fonts: &mut Fonts,
        placed: &mut [Placed<'_>],
    ) -> Result<(), PrepareError> {
        let Glyphs { atlas, renderer, turned } = &mut self.glyphs;
        for placed in placed.iter_mut().filter(|placed| placed.label.upright) {
            placed.turned = turned.line(fonts, &mut self.swash, placed).ok_or(PrepareError::AtlasFull)?;
        }
        let areas = placed.iter().map(|placed| placed.area(frame.scale, &self.no_text));
        let image = |request: glyphon::RasterizeCustomGlyphRequest| {
            turned.images.get(usize::from(request.id)).map(|glyph| glyph.image.clone())
        };
        renderer.prepare_with_custom(
            &frame.gpu.device,
            &frame.gpu.queue,
            &mut fonts.system,
            atlas,
            &self.viewport,
            areas,
            &mut self.swash,
            image,
        )
    }

    pub(super) fn draw(&self, pass: &mut wgpu::RenderPass<'_>) -> Result<(), DrawError> {
        let Glyphs { atlas, renderer, .. } = &self.glyphs;
        renderer.render(atlas, &self.viewport, pass).map_err(|_| DrawError::TooManyGlyphs)
    }
}

/// `None` if it can't be seen.
fn place<'a>(frame: &Frame<'_>, fonts: &mut Fonts, label: &'a Label) -> Option<Placed<'a>> {
    let size = label.size * frame.scale;
    if !DRAWN_SIZES.contains(&size) || label.color.0[3] == 0 || !label.at.is_finite() {
        return None;
    }
    let line = fonts.line(&label.text, label.bold);
    let scale = size / SHAPED_SIZE;
    let before_anchor = line.width
        * scale
        * match label.align {
            Align::Left => 0.0,
            Align::Center => 0.5,
            Align::Right => 1.0,
        };
    let to_baseline = MIDDLE_TO_BASELINE * size;
    let at = label.at * frame.scale;
    let origin = if label.upright {
        Vec2::new((at.x + to_baseline).round(), at.y + before_anchor)
    } else {
        Vec2::new(at.x - before_anchor, (at.y + to_baseline).round())
    };
    Some(Placed { label, line, scale, origin, turned: Vec::new() })
}

impl Placed<'_> {
    fn area<'a>(&'a self, frame_scale: f32, no_text: &'a Buffer) -> TextArea<'a> {
        let [r, g, b, a] = self.label.color.0;
        let area = TextArea {
            buffer: no_text,
            left: 0.0,
            top: 0.0,
            scale: 1.0,
            bounds: self.label.clip.map_or_else(TextBounds::default, |clip| TextBounds {
                left: (clip.min.x * frame_scale).round() as i32,
                top: (clip.min.y * frame_scale).round() as i32,
                right: (clip.max.x * frame_scale).round() as i32,
                bottom: (clip.max.y * frame_scale).round() as i32,
            }),
            default_color: TextColor::rgba(r, g, b, a),
            custom_glyphs: &self.turned,
        };
        if self.label.upright {
            return area;
        }
        let baseline = self.line.buffer.layout_runs().next().map_or(0.0, |run| run.line_y);
        let top = self.origin.y - (baseline * self.scale).round();
        TextArea { buffer: &self.line.buffer, left: self.origin.x, top, scale: self.scale, ..area }
    }
}

impl Turned {
    /// The line's glyphs, turned and placed; `None` if there are no numbers left.
    fn line(&mut self, fonts: &mut Fonts, swash: &mut SwashCache, placed: &Placed<'_>) -> Option<Vec<CustomGlyph>> {
        let mut glyphs = Vec::new();
        // Along the line is up: what lies further along it lies at a smaller y, and what lies below it at a greater x.
        let along = -placed.origin.y;
        for glyph in placed.line.buffer.layout_runs().flat_map(|run| run.glyphs) {
            let physical = glyph.physical((along, 0.0), placed.scale);
            let id = self.number(fonts, swash, physical.cache_key)?;
            let image = &self.images[usize::from(id)];
            glyphs.push(CustomGlyph {
                id,
                left: placed.origin.x + (physical.y + image.left) as f32,
                top: (image.top - physical.x) as f32,
                width: image.width as f32,
                height: image.height as f32,
                color: None,
                snap_to_physical_pixel: true,
                metadata: 0,
            });
        }
        Some(glyphs)
    }

    fn number(&mut self, fonts: &mut Fonts, swash: &mut SwashCache, key: CacheKey) -> Option<u16> {
        if let Some(&number) = self.numbers.get(&key) {
            return Some(number);
        }
        let number = u16::try_from(self.images.len()).ok()?;
        self.images.push(turned(fonts, swash, key));
        self.numbers.insert(key, number);
        Some(number)
    }
}

/// Turned by a quarter against the clock.
fn turned(fonts: &mut Fonts, swash: &mut SwashCache, key: CacheKey) -> TurnedGlyph {
    let image = swash.get_image_uncached(&mut fonts.system, key).unwrap_or_default();
    let (content_type, pixel_bytes) = match image.content {
        SwashContent::Color => (ContentType::Color, 4),
        SwashContent::Mask | SwashContent::SubpixelMask => (ContentType::Mask, 1),
    };
    let (width, height) = (image.placement.width, image.placement.height);
    let mut data = Vec::with_capacity(image.data.len());
    for column in (0..width as usize).rev() {
        for row in 0..height as usize {
            let first = (row * width as usize + column) * pixel_bytes;
            data.extend_from_slice(&image.data[first..first + pixel_bytes]);
        }
    }
    TurnedGlyph {
        left: -image.placement.top,
        top: -(image.placement.left + width as i32),
        width: height,
        height: width,
        image: RasterizedCustomGlyph { data, content_type },
    }
}
