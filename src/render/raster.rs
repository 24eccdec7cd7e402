//! What a vector figure embeds as an image: pictures, and heatmaps that are dense or blended.

use glam::Vec2;
use image::imageops::FilterType;
use image::{DynamicImage, Rgb, RgbaImage};

use super::{Heatmap, Picture, Pixels, Rect, heatmap};

/// The most pixels of an embedded heatmap.
const MOST_PIXELS: f32 = 64e6;

/// An image and where it lies, in logical pixels.
pub(super) struct Raster {
    pub image: DynamicImage,
    pub place: Rect,
    /// What is seen of it, where that is less than all.
    pub clip: Option<Rect>,
}

impl Raster {
    /// The pixels of the part of a picture that is shown. Those that stay squares are magnified to so many a logical pixel, since not
    /// every reader magnifies without blending when told to.
    pub fn of_picture(picture: &Picture, scale: f32) -> Option<Self> {
        let grey = picture.grey.then(|| picture.pixels.grey());
        let Pixels { width, height, rgb } = grey.as_ref().unwrap_or(&picture.pixels);
        let image: image::ImageBuffer<Rgb<u8>, _> = image::ImageBuffer::from_raw(*width, *height, rgb.clone())?;
        let all = Vec2::new(*width as f32, *height as f32);
        let part = Rect { min: picture.part.min * all, max: picture.part.max * all };
        let found = Self::part_of(&image.into(), part, picture.rect)?;
        Some(if picture.smooth { found } else { found.magnified(scale) })
    }

    /// A heatmap as it is seen in a drawing of that size, at so many pixels a logical pixel.
    pub fn of_heatmap(mark: &Heatmap, values: &[f32], scale: f32, size: Vec2) -> Option<Self> {
        let scale = scale.min((MOST_PIXELS / mark.rect.size().min(size).element_product().max(1.0)).sqrt());
        let (width, pixels, place) = heatmap::colored(mark, values, scale, size)?;
        let height = (pixels.len() / width.max(1) as usize) as u32;
        let image = RgbaImage::from_raw(width, height, pixels.into_flattened())?;
        Some(Self { image: image.into(), place, clip: None })
    }

    /// The same, each cell so many whole pixels, where no cell is smaller than a logical pixel; `None` where one is, or they are too many.
    pub fn of_cells(mark: &Heatmap, values: &[f32], scale: f32, most_cells: usize) -> Option<Self> {
        let [first, last] = [mark.window.min.floor(), mark.window.max.ceil()];
        let cells = (last - first).max(Vec2::ZERO);
        let are_few = (cells.x * cells.y) as usize <= most_cells;
        let are_seen = (mark.rect.size() / mark.window.size()).cmpge(Vec2::ONE).all();
        if !are_few || !are_seen || mark.smooth {
            return None;
        }
        let columns = first.x as u32..(last.x as u32).min(mark.columns);
        let rows = first.y as u32..(last.y as u32).min(mark.rows);
        let (width, height) = (columns.len() as u32, rows.len() as u32);
        let colors = heatmap::colored_cells(mark, values, columns, rows);
        let image = RgbaImage::from_raw(width, height, colors.into_flattened())?;
        let part = Rect { min: mark.window.min - first, max: mark.window.max - first };
        Some(Self::part_of(&image.into(), part, mark.rect)?.magnified(scale))
    }

    /// The pixels that a part of an image (in pixels, fractions allowed) shows in a rectangle: whole ones, so that they may reach beyond
    /// it.
    fn part_of(image: &DynamicImage, part: Rect, rect: Rect) -> Option<Self> {
        let all = Vec2::new(image.width() as f32, image.height() as f32);
        let first = (part.min + 1e-3).floor().clamp(Vec2::ZERO, all);
        let last = (part.max - 1e-3).ceil().clamp(first, all);
        let size = last - first;
        if !size.cmpge(Vec2::ONE).all() || !part.size().cmpgt(Vec2::ZERO).all() {
            return None;
        }
        let scale = rect.size() / part.size();
        let to_place = |pixel: Vec2| rect.min + (pixel - part.min) * scale;
        let place = Rect { min: to_place(first), max: to_place(last) };
        let is_exact =
            (place.min - rect.min).abs().max_element() < 1e-2 && (place.max - rect.max).abs().max_element() < 1e-2;
        let image = image.crop_imm(first.x as u32, first.y as u32, size.x as u32, size.y as u32);
        Some(match is_exact {
            true => Self { image, place: rect, clip: None },
            false => Self { image, place, clip: Some(rect) },
        })
    }

    /// Each pixel as a square of pixels.
    fn magnified(self, scale: f32) -> Self {
        let side = |length: f32, pixels: u32| (length * scale / pixels.max(1) as f32).ceil().clamp(1.0, 32.0) as u32;
        let size = self.place.size();
        let [x, y] = [side(size.x, self.image.width()), side(size.y, self.image.height())];
        let image = self.image.resize_exact(self.image.width() * x, self.image.height() * y, FilterType::Nearest);
        Self { image, ..self }
    }
}
