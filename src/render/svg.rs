//! A drawing as an SVG: vector marks and real text, so that a figure scales and its words can be searched and edited.
//!
//! Marks become what they are called: rectangles, lines, circles, cubic Béziers (of the same links that the painter
//! keeps). A heatmap is one rectangle a cell while those are few and can be seen; where it is dense or interpolated it
//! is an embedded PNG, coloured by the CPU backend at [`RASTER_SCALE`]. Text names Inter and falls back to the
//! reader's own sans-serif. Embedding the font was rejected: it would make each figure larger by 600 kB.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use glam::Vec2;
use image::ImageFormat;
use svg::node::element::{Circle, ClipPath, Definitions, Group, Image, Line as LineElement, Path, Rectangle, Text};
use svg::{Document, Node};

use super::heatmap;
use super::links;
use super::points::RING_WIDTH;
use super::raster::Raster;
use super::text::MIDDLE_TO_BASELINE;
use super::{Align, Color, Drawing, Heatmap, Label, Line, Links, Mark, Picture, Points, Quad, Rect, Values};

/// Pixels of an embedded heatmap per logical pixel.
const RASTER_SCALE: f32 = 2.0;
/// A heatmap of more cells in view is embedded as an image.
const MOST_CELLS: usize = 4096;
const FONTS: &str = "Inter, 'Helvetica Neue', Arial, sans-serif";

/// Why there is no SVG.
#[derive(Debug, thiserror::Error)]
pub enum SvgError {
    /// A heatmap's values are in GPU memory alone.
    #[error("a matrix in GPU memory cannot be written as SVG: its values are needed on the host")]
    Resident,
    /// An image could not be encoded.
    #[error("an image cannot be embedded in the SVG: {0}")]
    Png(#[from] image::ImageError),
}

/// The drawing as an SVG document of its size, in logical pixels.
///
/// # Errors
/// If a heatmap's values are not on the host, or an image cannot be encoded.
pub fn to_svg(drawing: &Drawing) -> Result<String, SvgError> {
    let mut page = Page { marks: Group::new(), clips: Vec::new() };
    let whole = Rect { min: Vec2::ZERO, max: drawing.size };
    page.add(fill(rectangle(whole), drawing.background));
    for mark in drawing.in_paint_order() {
        match mark {
            Mark::Quad(quad) => page.quad(quad),
            Mark::Line(line) => page.line(line),
            Mark::Picture(picture) => page.picture(picture)?,
            Mark::Heatmap(heatmap) => page.heatmap(heatmap, drawing.size)?,
            Mark::Links(links) => page.links(links),
            Mark::Points(points) => page.points(points),
            Mark::Label(label) => page.label(label),
        }
    }
    let [width, height] = [drawing.size.x, drawing.size.y].map(short);
    let mut document = Document::new()
        .set("xmlns:xlink", "http://www.w3.org/1999/xlink")
        .set("width", width)
        .set("height", height)
        .set("viewBox", format!("0 0 {width} {height}"));
    if !page.clips.is_empty() {
        let clips = page.clips.iter().enumerate();
        let definitions = clips.fold(Definitions::new(), |definitions, (number, clip)| {
            definitions.add(ClipPath::new().set("id", format!("clip{number}")).add(rectangle(*clip)))
        });
        document = document.add(definitions);
    }
    Ok(document.add(page.marks).to_string())
}

/// An SVG in the making.
struct Page {
    marks: Group,
    clips: Vec<Rect>,
}

impl Page {
    fn add(&mut self, mark: impl Into<Box<dyn Node>>) {
        self.marks.append(mark);
    }

    /// The reference to a clip path.
    fn clip(&mut self, clip: Rect) -> String {
        let known = self.clips.iter().position(|known| *known == clip);
        let number = known.unwrap_or_else(|| {
            self.clips.push(clip);
            self.clips.len() - 1
        });
        format!("url(#clip{number})")
    }

    fn quad(&mut self, quad: &Quad) {
        let is_outlined = quad.stroke_width > 0.0 && quad.stroke.0[3] > 0;
        if (quad.fill.0[3] == 0 && !is_outlined) || !quad.rect.size().cmpgt(Vec2::ZERO).all() {
            return;
        }
        // SVG's outlines lie on the edge, ours inside of it.
        let inset = if is_outlined { quad.stroke_width / 2.0 } else { 0.0 };
        let radius = (quad.corner_radius - inset).max(0.0);
        let mut mark = fill(rectangle(quad.rect.shrink(inset)), quad.fill);
        mark = if radius > 0.0 { mark.set("rx", short(radius)) } else { mark.set("shape-rendering", "crispEdges") };
        if is_outlined {
            mark = stroke(mark, quad.stroke, quad.stroke_width);
        }
        self.add(mark);
    }

    fn line(&mut self, line: &Line) {
        let is_finite = line.from.is_finite() && line.to.is_finite();
        if !is_finite || line.width <= 0.0 || line.color.0[3] == 0 || line.from == line.to {
            return;
        }
        let mut mark = LineElement::new()
            .set("x1", short(line.from.x))
            .set("y1", short(line.from.y))
            .set("x2", short(line.to.x))
            .set("y2", short(line.to.y));
        if line.dash > 0.0 {
            mark = mark.set("stroke-dasharray", short(line.dash));
        }
        if line.from.x == line.to.x || line.from.y == line.to.y {
            mark = mark.set("shape-rendering", "crispEdges");
        }
        self.add(stroke(mark, line.color, line.width));
    }

    fn picture(&mut self, picture: &Picture) -> Result<(), SvgError> {
        let Some(raster) = Raster::of_picture(picture, RASTER_SCALE) else { return Ok(()) };
        let mut mark = embedded(&raster)?;
        if picture.opacity < 1.0 {
            mark = mark.set("opacity", short(picture.opacity.max(0.0)));
        }
        if !picture.smooth {
            mark = with_square_pixels(mark);
        }
        if let Some(clip) = raster.clip {
            mark = mark.set("clip-path", self.clip(clip));
        }
        self.add(mark);
        Ok(())
    }

    fn heatmap(&mut self, heatmap: &Heatmap, size: Vec2) -> Result<(), SvgError> {
        let Values::Host(values) = &heatmap.values else { return Err(SvgError::Resident) };
        let cell = heatmap.rect.size() / heatmap.window.size();
        let [first, last] = [heatmap.window.min.floor(), heatmap.window.max.ceil()];
        let cells = (last - first).max(Vec2::ZERO);
        let are_few = (cells.x * cells.y) as usize <= MOST_CELLS && cell.cmpge(Vec2::ONE).all();
        if !are_few || heatmap.smooth {
            if let Some(raster) = Raster::of_heatmap(heatmap, values, RASTER_SCALE, size) {
                self.add(with_square_pixels(embedded(&raster)?));
            }
            return Ok(());
        }
        let columns = first.x as u32..(last.x as u32).min(heatmap.columns);
        let rows = first.y as u32..(last.y as u32).min(heatmap.rows);
        let colors = heatmap::colored_cells(heatmap, values, columns.clone(), rows.clone());
        let places = rows.flat_map(|row| columns.clone().map(move |column| Vec2::new(column as f32, row as f32)));
        let mut group = Group::new().set("shape-rendering", "crispEdges");
        for (place, color) in places.zip(colors) {
            let min = heatmap.rect.min + (place - heatmap.window.min) * cell;
            let seen = Rect { min: min.max(heatmap.rect.min), max: (min + cell).min(heatmap.rect.max) };
            if color[3] > 0 && seen.size().cmpgt(Vec2::ZERO).all() {
                group = group.add(fill(rectangle(seen), Color(color)));
            }
        }
        self.add(group);
        Ok(())
    }

    fn links(&mut self, links: &Links) {
        let clip = self.clip(links.clip);
        let mut group = Group::new().set("clip-path", clip).set("fill", "none");
        for index in links::cpu::select(&links.links, links.keep) {
            let link = links.links[index as usize];
            let [from, to] = [link.from, link.to].map(|end| links.view.apply(Vec2::from(end)));
            let strength = (link.weight / links.full_weight.max(1e-30)).clamp(0.0, 1.0);
            let between = |[weakest, strongest]: [f32; 2]| weakest + (strongest - weakest) * strength;
            let handle = (to.x - from.x) / 2.0;
            let [x0, y0, x1, y1] = [from.x, from.y, to.x, to.y].map(short);
            let [handle0, handle1] = [from.x + handle, to.x - handle].map(short);
            let path = Path::new().set("d", format!("M{x0} {y0}C{handle0} {y0} {handle1} {y1} {x1} {y1}"));
            let [r, g, b, a] = link.color.0;
            let color = Color([r, g, b, (f32::from(a) * between(links.opacity).clamp(0.0, 1.0)).round() as u8]);
            group = group.add(stroke(path, color, between(links.width)));
        }
        self.add(group);
    }

    fn points(&mut self, points: &Points) {
        let clip = self.clip(points.clip);
        let mut group = Group::new().set("clip-path", clip);
        for point in points.points.iter() {
            let at = points.view.apply(Vec2::from(point.at));
            if !at.is_finite() {
                continue;
            }
            let circle =
                |radius: f32| Circle::new().set("cx", short(at.x)).set("cy", short(at.y)).set("r", short(radius));
            if point.stroke.0[3] > 0 {
                let ring = circle(point.radius + RING_WIDTH / 2.0).set("fill", "none");
                group = group.add(stroke(ring, point.stroke, RING_WIDTH));
            }
            group = group.add(fill(circle(point.radius), point.fill));
        }
        self.add(group);
    }

    fn label(&mut self, label: &Label) {
        if label.color.0[3] == 0 || !label.at.is_finite() || label.size < 1.0 {
            return;
        }
        let to_baseline = MIDDLE_TO_BASELINE * label.size;
        let at = label.at + if label.upright { Vec2::new(to_baseline, 0.0) } else { Vec2::new(0.0, to_baseline) };
        let [x, y] = [at.x, at.y].map(short);
        let mut text = Text::new(writable(&label.text))
            .set("x", x)
            .set("y", y)
            .set("font-family", FONTS)
            .set("font-size", short(label.size))
            .set(
                "text-anchor",
                match label.align {
                    Align::Left => "start",
                    Align::Center => "middle",
                    Align::Right => "end",
                },
            );
        if label.bold {
            text = text.set("font-weight", 600);
        }
        if label.upright {
            text = text.set("transform", format!("rotate(-90 {x} {y})"));
        }
        let text = fill(text, label.color);
        match label.clip {
            // A group has the page's coordinates, an upright text its own.
            Some(clip) => {
                let clip = self.clip(clip);
                self.add(Group::new().set("clip-path", clip).add(text));
            }
            None => self.add(text),
        }
    }
}

fn rectangle(rect: Rect) -> Rectangle {
    let size = rect.size().max(Vec2::ZERO);
    Rectangle::new()
        .set("x", short(rect.min.x))
        .set("y", short(rect.min.y))
        .set("width", short(size.x))
        .set("height", short(size.y))
}

fn fill<T: Node>(mut mark: T, color: Color) -> T {
    let (name, opacity) = css(color);
    mark.assign("fill", name);
    if let Some(opacity) = opacity {
        mark.assign("fill-opacity", opacity);
    }
    mark
}

fn stroke<T: Node>(mut mark: T, color: Color, width: f32) -> T {
    let (name, opacity) = css(color);
    mark.assign("stroke", name);
    if let Some(opacity) = opacity {
        mark.assign("stroke-opacity", opacity);
    }
    mark.assign("stroke-width", short(width));
    mark
}

/// A colour's name, and its opacity where it is not opaque.
fn css(color: Color) -> (String, Option<f32>) {
    let [r, g, b, a] = color.0;
    let name = if a == 0 { "none".to_owned() } else { format!("#{r:02x}{g:02x}{b:02x}") };
    (name, (a > 0 && a < 255).then(|| short(f32::from(a) / 255.0)))
}

fn embedded(raster: &Raster) -> Result<Image, SvgError> {
    let mut png = Vec::new();
    raster.image.write_to(&mut Cursor::new(&mut png), ImageFormat::Png)?;
    let (place, size) = (raster.place, raster.place.size());
    Ok(Image::new()
        .set("x", short(place.min.x))
        .set("y", short(place.min.y))
        .set("width", short(size.x))
        .set("height", short(size.y))
        .set("preserveAspectRatio", "none")
        .set("xlink:href", format!("data:image/png;base64,{}", BASE64.encode(png))))
}

/// Magnified without blending: by the attribute in SVG 1.1, by the style in SVG 2.
fn with_square_pixels(mark: Image) -> Image {
    mark.set("image-rendering", "optimizeSpeed").set("style", "image-rendering:pixelated")
}

/// What XML can hold; control characters are shown as spaces, as the painter does.
fn writable(text: &str) -> String {
    text.replace(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'), " ")
}

/// Three decimals are a thousandth of a pixel.
fn short(length: f32) -> f32 {
    (length * 1000.0).round() / 1000.0
}
