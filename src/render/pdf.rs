//! A drawing as a PDF of one page, for papers: vector marks, and text in embedded fonts that can be selected and searched.
//!
//! Marks become what they are in an SVG, but for heatmaps: readers of PDF leave hairs between rectangles that touch, so each is an image,
//! its cells whole pixels. Text is set by the glyphs that the painter draws, of Inter and of the system's fonts where Inter lacks a
//! character; of each font what is used is embedded. By way of the SVG (krilla-svg) was rejected: it brings a second reader of fonts
//! with a fallback of its own, and finds no font that the painter found. The same drawing gives the same bytes.

use std::collections::HashMap;
use std::sync::Arc;

use glam::Vec2;
use glyphon::cosmic_text::fontdb;
use image::DynamicImage;
use krilla::color::rgb;
use krilla::error::KrillaError;
use krilla::geom::{Path, PathBuilder, Point as Place, Rect as Corners, Size, Transform};
use krilla::image::{BitsPerComponent, CustomImage, Image, ImageColorspace};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule, Stroke, StrokeDash};
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use krilla::{Document, SerializeSettings};

use super::fonts::SHAPED_SIZE;
use super::links;
use super::points::RING_WIDTH;
use super::raster::Raster;
use super::text::MIDDLE_TO_BASELINE;
use super::{Align, Color, Drawing, Fonts, Heatmap, Label, Line, Links, Mark, Picture, Points, Quad, Rect, Values};

/// Points of the page per logical pixel: 96 pixels an inch, as in an SVG.
const POINTS: f32 = 0.75;
/// Pixels of an embedded image per logical pixel: 384 an inch.
const RASTER_SCALE: f32 = 4.0;
/// Of a heatmap whose cells are whole pixels.
const MOST_CELLS: usize = 1 << 16;
/// How far a control point of a quarter circle lies along, in radii.
const ROUND: f32 = 0.552_285;

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// A heatmap's values are in GPU memory alone.
    #[error("a matrix in GPU memory cannot be written as PDF: its values are needed on the host")]
    Resident,
    /// No page has this size.
    #[error("no page of a PDF is {width} × {height} pixels large")]
    Size {
        /// In logical pixels.
        width: f32,
        /// In logical pixels.
        height: f32,
    },
    /// A font or an image cannot be embedded.
    #[error("the PDF cannot be written: {0}")]
    Written(String),
}

impl From<KrillaError> for PdfError {
    fn from(error: KrillaError) -> Self {
        Self::Written(error.to_string())
    }
}

/// The drawing as a PDF of one page of its size. `title` is what readers show as the document's.
///
/// # Errors
/// If a heatmap's values are not on the host, or a font or an image cannot be embedded.
pub fn to_pdf(drawing: &Drawing, title: Option<&str>, fonts: &mut Fonts) -> Result<Vec<u8>, PdfError> {
    let (width, height) = (drawing.size.x, drawing.size.y);
    let settings = PageSettings::from_wh(width * POINTS, height * POINTS).ok_or(PdfError::Size { width, height })?;
    let mut document = Document::new_with(SerializeSettings::default());
    let metadata = Metadata::new().creator("vlscope".to_owned());
    document.set_metadata(match title {
        Some(title) => metadata.title(title.to_owned()),
        None => metadata,
    });
    let mut page = document.start_page_with(settings);
    draw_on(page.surface(), drawing, fonts)?;
    page.finish();
    Ok(document.finish()?)
}

fn draw_on(surface: Surface<'_>, drawing: &Drawing, fonts: &mut Fonts) -> Result<(), PdfError> {
    let mut sheet = Sheet { surface, fonts, embedded: HashMap::new() };
    sheet.surface.push_transform(&Transform::from_scale(POINTS, POINTS));
    let drawn = sheet.draw(drawing);
    // krilla panics where a surface is left with what was pushed on it.
    sheet.surface.pop();
    drawn
}

/// A page in the making.
struct Sheet<'a, 'f> {
    surface: Surface<'a>,
    fonts: &'f mut Fonts,
    /// `None` for a font that cannot be embedded.
    embedded: HashMap<fontdb::ID, Option<Font>>,
}

impl Sheet<'_, '_> {
    fn draw(&mut self, drawing: &Drawing) -> Result<(), PdfError> {
        self.filled(rectangle(Rect { min: Vec2::ZERO, max: drawing.size }), drawing.background);
        for mark in drawing.in_paint_order() {
            match mark {
                Mark::Quad(quad) => self.quad(quad),
                Mark::Line(line) => self.line(line),
                Mark::Picture(picture) => self.picture(picture)?,
                Mark::Heatmap(heatmap) => self.heatmap(heatmap, drawing.size)?,
                Mark::Links(links) => self.links(links),
                Mark::Points(points) => self.points(points),
                Mark::Label(label) => self.label(label),
            }
        }
        Ok(())
    }

    fn filled(&mut self, path: Option<Path>, color: Color) {
        if let Some(path) = path.filter(|_| color.0[3] > 0) {
            self.surface.set_stroke(None);
            self.surface.set_fill(Some(fill(color)));
            self.surface.draw_path(&path);
        }
    }

    fn stroked(&mut self, path: Option<Path>, color: Color, width: f32, dash: f32) {
        if let Some(path) = path.filter(|_| color.0[3] > 0 && width > 0.0) {
            let dash = (dash > 0.0).then(|| StrokeDash { array: vec![dash, dash], offset: 0.0 });
            let Fill { paint, opacity, .. } = fill(color);
            self.surface.set_fill(None);
            self.surface.set_stroke(Some(Stroke { paint, opacity, width, dash, ..Stroke::default() }));
            self.surface.draw_path(&path);
        }
    }

    fn clipped(&mut self, clip: Option<Rect>, draw: impl FnOnce(&mut Self)) {
        match clip.map(rectangle) {
            None => draw(self),
            // Nothing is seen through a clip without area.
            Some(None) => {}
            Some(Some(path)) => {
                self.surface.push_clip_path(&path, &FillRule::NonZero);
                draw(self);
                self.surface.pop();
            }
        }
    }

    fn quad(&mut self, quad: &Quad) {
        let is_outlined = quad.stroke_width > 0.0 && quad.stroke.0[3] > 0;
        // Outlines lie on the edge here, ours inside of it.
        let inset = if is_outlined { quad.stroke_width / 2.0 } else { 0.0 };
        let path = || rounded(quad.rect.shrink(inset), (quad.corner_radius - inset).max(0.0));
        self.filled(path(), quad.fill);
        if is_outlined {
            self.stroked(path(), quad.stroke, quad.stroke_width, 0.0);
        }
    }

    fn line(&mut self, line: &Line) {
        if line.from.is_finite() && line.to.is_finite() {
            self.stroked(
                path(|path| {
                    path.move_to(line.from.x, line.from.y);
                    path.line_to(line.to.x, line.to.y);
                }),
                line.color,
                line.width,
                line.dash,
            );
        }
    }

    fn picture(&mut self, picture: &Picture) -> Result<(), PdfError> {
        match Raster::of_picture(picture, RASTER_SCALE) {
            Some(raster) => self.raster(raster, picture.smooth, picture.opacity),
            None => Ok(()),
        }
    }

    fn heatmap(&mut self, heatmap: &Heatmap, size: Vec2) -> Result<(), PdfError> {
        let Values::Host(values) = &heatmap.values else { return Err(PdfError::Resident) };
        let cells = Raster::of_cells(heatmap, values, RASTER_SCALE, MOST_CELLS);
        match cells.or_else(|| Raster::of_heatmap(heatmap, values, RASTER_SCALE, size)) {
            Some(raster) => self.raster(raster, false, 1.0),
            None => Ok(()),
        }
    }

    fn raster(&mut self, raster: Raster, smooth: bool, opacity: f32) -> Result<(), PdfError> {
        let Raster { image, place, clip } = raster;
        let (Some(size), Some(opacity)) = (
            Size::from_wh(place.size().x, place.size().y),
            NormalizedF32::new(opacity.clamp(0.0, 1.0)).filter(|_| place.min.is_finite()),
        ) else {
            return Ok(());
        };
        let image = Image::from_custom(Embedded::of(image), smooth).map_err(PdfError::Written)?;
        self.clipped(clip, |sheet| {
            sheet.surface.push_transform(&Transform::from_translate(place.min.x, place.min.y));
            sheet.surface.push_opacity(opacity);
            sheet.surface.draw_image(image, size);
            sheet.surface.pop();
            sheet.surface.pop();
        });
        Ok(())
    }

    fn links(&mut self, links: &Links) {
        self.clipped(Some(links.clip), |sheet| {
            for index in links::cpu::select(&links.links, links.keep) {
                let link = links.links[index as usize];
                let [from, to] = [link.from, link.to].map(|end| links.view.apply(Vec2::from(end)));
                let strength = (link.weight / links.full_weight.max(1e-30)).clamp(0.0, 1.0);
                let between = |[weakest, strongest]: [f32; 2]| weakest + (strongest - weakest) * strength;
                let handle = (to.x - from.x) / 2.0;
                let curve = path(|path| {
                    path.move_to(from.x, from.y);
                    path.cubic_to(from.x + handle, from.y, to.x - handle, to.y, to.x, to.y);
                });
                let [r, g, b, a] = link.color.0;
                let color = Color([r, g, b, (f32::from(a) * between(links.opacity).clamp(0.0, 1.0)).round() as u8]);
                if from.is_finite() && to.is_finite() {
                    sheet.stroked(curve, color, between(links.width), 0.0);
                }
            }
        });
    }

    fn points(&mut self, points: &Points) {
        self.clipped(Some(points.clip), |sheet| {
            for point in points.points.iter() {
                let at = points.view.apply(Vec2::from(point.at));
                if !at.is_finite() {
                    continue;
                }
                let disc = |radius: f32| rounded(Rect { min: at - radius, max: at + radius }, radius);
                sheet.stroked(disc(point.radius + RING_WIDTH / 2.0), point.stroke, RING_WIDTH, 0.0);
                sheet.filled(disc(point.radius), point.fill);
            }
        });
    }

    fn label(&mut self, label: &Label) {
        if label.color.0[3] == 0 || !label.at.is_finite() || label.size < 1.0 {
            return;
        }
        let line = self.fonts.line(&label.text, label.bold);
        let scale = label.size / SHAPED_SIZE;
        let before = line.width
            * scale
            * match label.align {
                Align::Left => 0.0,
                Align::Center => 0.5,
                Align::Right => 1.0,
            };
        self.clipped(label.clip, |sheet| {
            let Vec2 { x, y } = label.at;
            sheet.surface.push_transform(&Transform::from_translate(x, y));
            if label.upright {
                sheet.surface.push_transform(&Transform::from_rotate(-90.0));
            }
            sheet.surface.set_stroke(None);
            sheet.surface.set_fill(Some(fill(label.color)));
            for run in line.buffer.layout_runs() {
                // Glyphs of one font are one piece of text.
                for piece in run.glyphs.chunk_by(|a, b| a.font_id == b.font_id) {
                    let Some(font) = sheet.font(piece[0].font_id) else { continue };
                    let glyphs: Vec<KrillaGlyph> = piece
                        .iter()
                        .map(|glyph| {
                            let (id, text) = (GlyphId::new(glyph.glyph_id.into()), glyph.start..glyph.end);
                            let advance = glyph.w / SHAPED_SIZE;
                            KrillaGlyph::new(id, advance, glyph.x_offset, glyph.y_offset, 0.0, text, None)
                        })
                        .collect();
                    let start = Place::from_xy(piece[0].x * scale - before, MIDDLE_TO_BASELINE * label.size);
                    sheet.surface.draw_glyphs(start, &glyphs, font, run.text, label.size, false);
                }
            }
            if label.upright {
                sheet.surface.pop();
            }
            sheet.surface.pop();
        });
    }

    fn font(&mut self, id: fontdb::ID) -> Option<Font> {
        let db = self.fonts.system.db();
        let load = || db.with_face_data(id, |data, index| Font::new(data.to_vec().into(), index)).flatten();
        self.embedded.entry(id).or_insert_with(load).clone()
    }
}

/// An image as it goes into the file.
#[derive(Clone, Hash)]
struct Embedded {
    size: (u32, u32),
    rgb: Arc<Vec<u8>>,
    /// `None` where all of it is opaque.
    alpha: Option<Arc<Vec<u8>>>,
}

impl Embedded {
    fn of(image: DynamicImage) -> Self {
        let size = (image.width(), image.height());
        if !image.color().has_alpha() {
            return Self { size, rgb: Arc::new(image.into_rgb8().into_raw()), alpha: None };
        }
        let rgba = image.into_rgba8();
        let alpha: Vec<u8> = rgba.pixels().map(|pixel| pixel.0[3]).collect();
        let is_opaque = alpha.iter().all(|&alpha| alpha == 255);
        let rgb = rgba.pixels().flat_map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2]]).collect();
        Self { size, rgb: Arc::new(rgb), alpha: (!is_opaque).then(|| Arc::new(alpha)) }
    }
}

impl CustomImage for Embedded {
    fn color_channel(&self) -> &[u8] {
        &self.rgb
    }

    fn alpha_channel(&self) -> Option<&[u8]> {
        self.alpha.as_ref().map(|alpha| alpha.as_slice())
    }

    fn bits_per_component(&self) -> BitsPerComponent {
        BitsPerComponent::Eight
    }

    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn icc_profile(&self) -> Option<&[u8]> {
        None
    }

    fn color_space(&self) -> ImageColorspace {
        ImageColorspace::Rgb
    }
}

fn fill(color: Color) -> Fill {
    let [r, g, b, a] = color.0;
    let opacity = NormalizedF32::new(f32::from(a) / 255.0).unwrap_or(NormalizedF32::ONE);
    Fill { paint: rgb::Color::new(r, g, b).into(), opacity, rule: FillRule::NonZero }
}

/// `None` if it has no extent, or one that is not finite.
fn path(build: impl FnOnce(&mut PathBuilder)) -> Option<Path> {
    let mut path = PathBuilder::new();
    build(&mut path);
    path.finish()
}

fn rectangle(rect: Rect) -> Option<Path> {
    let (Vec2 { x: left, y: top }, Vec2 { x: right, y: bottom }) = (rect.min, rect.max);
    let rect = Corners::from_ltrb(left, top, right, bottom).filter(|_| left < right && top < bottom)?;
    path(|path| path.push_rect(rect))
}

/// A rectangle with round corners.
fn rounded(rect: Rect, radius: f32) -> Option<Path> {
    let radius = radius.min(rect.size().min_element() / 2.0);
    if radius <= 0.0 || !rect.min.is_finite() || !rect.max.is_finite() {
        return rectangle(rect);
    }
    let (Vec2 { x: left, y: top }, Vec2 { x: right, y: bottom }) = (rect.min, rect.max);
    let near = radius * (1.0 - ROUND);
    path(|path| {
        path.move_to(left + radius, top);
        path.line_to(right - radius, top);
        path.cubic_to(right - near, top, right, top + near, right, top + radius);
        path.line_to(right, bottom - radius);
        path.cubic_to(right, bottom - near, right - near, bottom, right - radius, bottom);
        path.line_to(left + radius, bottom);
        path.cubic_to(left + near, bottom, left, bottom - near, left, bottom - radius);
        path.line_to(left, top + radius);
        path.cubic_to(left, top + near, left + near, top, left + radius, top);
        path.close();
    })
}
