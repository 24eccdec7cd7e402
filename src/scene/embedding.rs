//! Hidden states in two dimensions: words are discs with their names, patches are squares.

use std::sync::Arc;

use glam::Vec2;

use super::canvas::Canvas;
use super::colour_bar::{tick_text, ticks};
use super::sides::Sides;
use super::words::token_names;
use super::{Inputs, Projection, Target, Zone};
use crate::render::{Align, Color, Mark, Picture, Point, Points, Quad, Rect, Transform};
use crate::trace::{Modality, Token};

/// The longer side of a patch that is shown at its point, in logical pixels.
const CUT_OUT: f32 = 56.0;

pub(super) fn draw(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>) {
    let id = inputs.document.id.as_deref();
    let Some(projection) = inputs.evidence.projection.as_deref() else {
        canvas.title(inputs, "Hidden states", id);
        canvas.note(match inputs.document.hidden.is_empty() {
            true => "This trace holds no hidden states.",
            false => "The hidden states are not here yet.",
        });
        return;
    };
    let sequence = inputs.document.sequences.get(projection.sequence);
    let Some(sequence) = sequence.filter(|sequence| sequence.tokens.len() == projection.points.len()) else {
        canvas.title(inputs, "Hidden states", id);
        canvas.note("The hidden states are not here yet.");
        return;
    };
    let after = match projection.state {
        0 => "embedding".to_owned(),
        state => format!("after layer {}", state - 1),
    };
    let title = format!("Hidden states of {} · {after} · PCA", sequence.name);
    canvas.title(inputs, &title, id);
    let Some(fitted) = bounds(&projection.points) else {
        canvas.note("The hidden states of this layer are not numbers.");
        return;
    };
    legend(canvas, &sequence.tokens);
    let small = canvas.text.small;
    let plot =
        Rect { min: canvas.free.min + Vec2::new(small * 4.2, 0.0), max: canvas.free.max - Vec2::new(0.0, small * 3.0) };
    if plot.size().min_element() < 20.0 {
        canvas.note("There is too little room.");
        return;
    }
    canvas.content = plot;
    let view = view(inputs, fitted, plot);
    axes(canvas, projection, plot, &view);
    points(inputs, canvas, projection, &sequence.tokens, plot, &view);
}

/// The smallest and the largest coordinates of the points that are numbers.
fn bounds(points: &[[f32; 2]]) -> Option<Rect> {
    let finite = points.iter().map(|&point| Vec2::from(point)).filter(|point| point.is_finite());
    let boxes = finite.map(|point| Rect { min: point, max: point });
    boxes.reduce(|a, b| Rect { min: a.min.min(b.min), max: a.max.max(b.max) })
}

/// From components to pixels: the same scale on both axes, y upwards, then pan and zoom.
fn view(inputs: &Inputs<'_>, fitted: Rect, plot: Rect) -> Transform {
    let span = fitted.size().max(Vec2::splat(fitted.size().max_element().max(1e-6) * 1e-3));
    let scale = (plot.size() * 0.86 / span).min_element();
    let scale = Vec2::new(scale, -scale);
    let fit = Transform { scale, offset: plot.center() - fitted.center() * scale };
    let Some(user) = inputs.options.embedding_view else { return fit };
    let offset = plot.min + (fit.offset - plot.min) * user.scale + user.offset * plot.size();
    Transform { scale: fit.scale * user.scale, offset }
}

/// How many words and patches there are, each beside its sign.
fn legend(canvas: &mut Canvas<'_>, tokens: &[Token]) {
    let (small, palette) = (canvas.text.small, canvas.palette);
    let count = |modality: Modality| tokens.iter().filter(|token| token.modality() == modality).count();
    let y = canvas.free.min.y + small * 0.6;
    let mut left = canvas.free.min.x + small * 4.2;
    for (modality, name) in [(Modality::Text, "text"), (Modality::Image, "image")] {
        let text = format!("{name} ({})", count(modality));
        let width = canvas.width(&text, small);
        if count(modality) == 0 || left + 12.0 + width > canvas.free.max.x {
            continue;
        }
        sign(canvas, Vec2::new(left + 4.0, y), modality, 3.5, palette.background, false);
        canvas.label(Vec2::new(left + 12.0, y), Align::Left, text, small, palette.muted);
        left += width + 28.0;
    }
    canvas.free.min.y += small * 1.8;
}

/// A disc for a word, a square for a patch.
fn sign(canvas: &mut Canvas<'_>, at: Vec2, modality: Modality, radius: f32, ring: Color, is_selected: bool) {
    let palette = canvas.palette;
    let fill = match modality {
        _ if is_selected => palette.selected,
        Modality::Text => palette.word,
        Modality::Image => palette.patch,
    };
    let half = Vec2::splat(match modality {
        Modality::Text => radius,
        Modality::Image => radius * 0.88,
    });
    let corner_radius = if modality == Modality::Text { radius } else { 1.0 };
    let rect = Rect { min: at - half, max: at + half };
    canvas.quad(Quad { rect, fill, stroke: ring, stroke_width: 1.0, corner_radius });
}

fn axes(canvas: &mut Canvas<'_>, projection: &Projection, plot: Rect, view: &Transform) {
    let (small, palette) = (canvas.text.small, canvas.palette);
    let grid = palette.line.with_opacity(0.45);
    canvas.fill(plot, palette.surface.with_opacity(0.6));
    let world = |pixel: f32, axis: usize| (pixel - view.offset[axis]) / view.scale[axis];
    let across = [world(plot.min.x, 0), world(plot.max.x, 0)];
    let up = [world(plot.max.y, 1), world(plot.min.y, 1)];
    // Both axes have the same scale, so they share the same steps.
    let count = ((plot.size().x / 90.0) as usize).clamp(1, 6);
    let (columns, decimals) = ticks(across, count);
    for value in columns {
        let x = value * view.scale.x + view.offset.x;
        canvas.line(Vec2::new(x, plot.min.y), Vec2::new(x, plot.max.y), if value == 0.0 { 1.5 } else { 1.0 }, grid);
        let text = tick_text(value, decimals);
        let half = canvas.width(&text, small) / 2.0;
        if x - half >= plot.min.x && x + half <= plot.max.x {
            canvas.label(Vec2::new(x, plot.max.y + small * 0.9), Align::Center, text, small, palette.muted);
        }
    }
    let count = ((plot.size().y / 60.0) as usize).clamp(1, 6);
    let (rows, decimals) = ticks(up, count);
    for value in rows {
        let y = value * view.scale.y + view.offset.y;
        canvas.line(Vec2::new(plot.min.x, y), Vec2::new(plot.max.x, y), if value == 0.0 { 1.5 } else { 1.0 }, grid);
        if y - small / 2.0 >= plot.min.y && y + small / 2.0 <= plot.max.y {
            let text = canvas.elide(&tick_text(value, decimals), small, false, small * 2.6);
            canvas.label(Vec2::new(plot.min.x - 5.0, y), Align::Right, text, small, palette.muted);
        }
    }
    canvas.outline(plot, palette.line, 1.0);
    let title = |axis: usize| match projection.explained[axis] {
        share if share.is_finite() => format!("PC {} ({:.0} %)", axis + 1, share * 100.0),
        _ => format!("PC {}", axis + 1),
    };
    let across = Vec2::new(plot.center().x, plot.max.y + small * 2.3);
    let name = canvas.elide(&title(0), small, false, plot.size().x);
    canvas.label(across, Align::Center, name, small, palette.text);
    let up = Vec2::new(plot.min.x - small * 3.5, plot.center().y);
    let name = canvas.elide(&title(1), small, false, plot.size().y);
    canvas.upright(up, Align::Center, name, small, palette.text);
}

fn points(
    inputs: &Inputs<'_>,
    canvas: &mut Canvas<'_>,
    projection: &Projection,
    tokens: &[Token],
    plot: Rect,
    view: &Transform,
) {
    let sides = Sides::of(inputs);
    let sequence = projection.sequence;
    let is_selected = |token: usize| sides.is_some_and(|sides| sides.is_selected(sequence, token));
    let is_hovered = |token: usize| match sides {
        Some(sides) => sides.is_hovered(sequence, token),
        None => inputs.hover == Some(Target::Token { sequence, token }),
    };
    let at = |token: usize| view.apply(Vec2::from(projection.points[token]));
    let palette = canvas.palette;
    let radius = if tokens.len() > 800 { 3.0 } else { 4.5 };
    let inside = |token: &usize| at(*token).is_finite() && plot.shrink(radius).contains(at(*token));
    // Patches first, then words, then what is marked: the few lie above the many.
    let rank = |token: usize| match tokens[token].modality() {
        _ if is_hovered(token) => 3,
        _ if is_selected(token) => 2,
        Modality::Text => 1,
        Modality::Image => 0,
    };
    let mut order: Vec<usize> = (0..tokens.len()).filter(inside).collect();
    order.sort_by_key(|&token| rank(token));
    let mut discs = Vec::new();
    for &token in &order {
        let modality = tokens[token].modality();
        let (selected, hovered) = (is_selected(token), is_hovered(token));
        let radius = radius + if selected || hovered { 1.5 } else { 0.0 };
        let ring = if hovered { palette.hover } else { palette.background };
        if modality == Modality::Image {
            sign(canvas, at(token), modality, radius, ring, selected);
            continue;
        }
        let fill = if selected {
            palette.selected
        } else if tokens[token].special {
            palette.special
        } else {
            palette.word
        };
        discs.push(Point { at: projection.points[token], radius, fill, stroke: ring });
    }
    canvas.marks.push(Mark::Points(Points { points: Arc::new(discs), clip: plot, view: *view }));
    names(canvas, tokens, &order, &at, plot, radius, &is_selected, &is_hovered);
    if let Some(&token) = order.iter().find(|&&token| is_hovered(token)) {
        cut_out(inputs, canvas, &tokens[token], at(token), plot);
    }
    let points: Vec<Vec2> = (0..tokens.len()).map(at).collect();
    canvas.zones.push(Zone::Points { clip: plot, points: Arc::new(points), reach: 12.0, sequence });
}

/// The pixels of a hovered patch, above its point, or below it where there is no room.
fn cut_out(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>, token: &Token, at: Vec2, plot: Rect) {
    let Some((image, area)) = token.image_area() else { return };
    let Some(pixels) = inputs.images.get(image) else { return };
    let part = Rect { min: Vec2::new(area.x0, area.y0), max: Vec2::new(area.x1, area.y1) };
    let pixels_of_part = part.size() * Vec2::new(pixels.width as f32, pixels.height as f32);
    let size = pixels_of_part / pixels_of_part.max_element().max(1.0) * CUT_OUT;
    let above = at.y - CUT_OUT - 14.0 >= plot.min.y;
    let top = if above { at.y - 14.0 - size.y } else { at.y + 14.0 };
    let left = (at.x - size.x / 2.0).clamp(plot.min.x, (plot.max.x - size.x).max(plot.min.x));
    let rect = Rect::at(left, top, size.x, size.y);
    let pixels = pixels.clone();
    canvas.marks.push(Mark::Picture(Picture { rect, pixels, part, opacity: 1.0, smooth: false }));
    canvas.outline(rect, canvas.palette.hover, 1.5);
}

/// Names beside points, the most important first, each where it covers neither a point nor another name.
#[expect(clippy::too_many_arguments, reason = "the closures are what the caller already knows of each token")]
fn names(
    canvas: &mut Canvas<'_>,
    tokens: &[Token],
    order: &[usize],
    at: &dyn Fn(usize) -> Vec2,
    plot: Rect,
    radius: f32,
    is_selected: &dyn Fn(usize) -> bool,
    is_hovered: &dyn Fn(usize) -> bool,
) {
    let (size, palette) = (canvas.text.small, canvas.palette);
    let names = token_names(tokens);
    let mut taken: Vec<Rect> = Vec::new();
    let points: Vec<Vec2> = order.iter().map(|&token| at(token)).collect();
    let overlap = |a: &Rect, b: &Rect| a.min.cmplt(b.max).all() && b.min.cmplt(a.max).all();
    for &token in order.iter().rev().take(400) {
        let marked = is_selected(token) || is_hovered(token);
        if tokens[token].modality() == Modality::Image && !marked {
            continue;
        }
        let text = canvas.elide(&names[token], size, false, plot.size().x * 0.4);
        let half = Vec2::new(canvas.width(&text, size) / 2.0 + 2.0, size * 0.6);
        let center = at(token);
        let (right, down) = (half.x + radius + 2.0, half.y + radius + 1.0);
        let beside = [(right, 0.0), (-right, 0.0), (0.0, -down), (0.0, down), (right, -down), (right, down)]
            .map(|(x, y)| center + Vec2::new(x, y))
            .map(|middle| Rect { min: middle - half, max: middle + half });
        let fits = |rect: &&Rect| plot.contains(rect.min) && plot.contains(rect.max);
        let clear = |rect: &&Rect| !taken.iter().any(|other| overlap(rect, other));
        let covers = |rect: &&Rect| points.iter().any(|point| rect.contains(*point));
        let free = beside.iter().filter(fits).filter(clear).find(|rect| !covers(rect));
        // What is marked is named even where its name covers a point.
        let Some(&rect) = free.or_else(|| beside.iter().filter(fits).find(clear).filter(|_| marked)) else { continue };
        taken.push(rect);
        let color = if is_selected(token) {
            palette.selected_text
        } else if tokens[token].special {
            palette.muted
        } else {
            palette.text
        };
        canvas.label(rect.center(), Align::Center, text, size, color);
    }
}
