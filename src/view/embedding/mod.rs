//! Hidden states in two dimensions: words are discs with their names, patches are squares or small pictures.

pub(super) mod colours;
mod near;
mod options;
mod points;
mod trajectories;

use glam::Vec2;

use crate::analysis::projection::{Align, Method, Recipe};
use crate::query::{Projection, Query, Received};
use crate::render::{Align as Anchor, Rect, Transform};
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::scale::{tick_text, ticks};
use crate::view::common::sketch::Sketch;
use crate::view::numbers::names;
use crate::view::{Axis, Definition, Inputs, NoNumbers, Numbers, View, caption};
use colours::{Colours, Sizes};

pub use options::{ColorBy, EmbeddingOptions, SizeBy};

/// All about this view.
pub(super) const VIEW: Definition =
    Definition { needs, draw, caption: words, needs_for_numbers: |_| Vec::new(), numbers: array };

fn needs(inputs: &Inputs<'_>) -> Vec<Query> {
    let mut needs: Vec<Query> = asked::plane(inputs).map(Query::from).into_iter().collect();
    needs.extend(near::nearest(inputs).map(Query::from));
    needs.extend(asked::decoded(inputs).into_iter().map(Query::from));
    needs.extend(colours::needs(inputs));
    if asked::has_attention(inputs) && inputs.options.embedding.size_by == SizeBy::Received {
        needs.push(Received::of(inputs.shown).into());
    }
    needs
}

/// Sequence, state, method, alignment, and the tokens that are marked.
fn words(inputs: &Inputs<'_>) -> Vec<String> {
    let Some(projection) = asked::projection(inputs) else { return Vec::new() };
    let Some(sequence) = inputs.document.sequences.get(projection.sequence) else { return Vec::new() };
    let recipe = projection.recipe;
    let state = match projection.state {
        0 => "state 0, the embedding".to_owned(),
        state => format!("state {state}, after layer {}", state - 1),
    };
    let mut parts = vec![format!("hidden states of {}", sequence.name), state, recipe.words()];
    parts.extend((recipe.align != Align::None).then(|| recipe.align.to_string()));
    if selection_is_here(inputs, projection.sequence) && !inputs.selection.tokens.is_empty() {
        parts.push(format!("selected {}", caption::tokens(inputs)));
    }
    parts
}

/// `[token, component]`.
fn array(inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    let known = asked::projection(inputs);
    let projection = known.ok_or_else(|| NoNumbers::because(inputs, "this trace holds no hidden states"))?;
    let axes = vec![Axis::named("token", names(inputs, projection.sequence)), Axis::counted("component", 2)];
    let quantity = format!("place of hidden state {}", projection.state);
    Numbers::new(View::Embedding, inputs, (&quantity, ""), axes, projection.points.as_flattened().to_vec())
}

fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let id = inputs.document.id.as_deref();
    let Some(projection) = asked::projection(inputs) else {
        sketch.title(inputs, "Hidden states", id);
        sketch.note(match inputs.document.hidden.is_empty() {
            true => "This trace holds no hidden states.",
            false => "The hidden states are not here yet.",
        });
        return;
    };
    let sequence = inputs.document.sequences.get(projection.sequence);
    let Some(sequence) = sequence.filter(|sequence| sequence.tokens.len() == projection.points.len()) else {
        sketch.title(inputs, "Hidden states", id);
        sketch.note("The hidden states are not here yet.");
        return;
    };
    let after = match projection.state {
        0 => "embedding".to_owned(),
        state => format!("after layer {}", state - 1),
    };
    let Recipe { method, align, .. } = projection.recipe;
    let how = if align == Align::None { method.to_string() } else { format!("{method}, {align}") };
    sketch.title(inputs, &format!("Hidden states of {} · {after} · {how}", sequence.name), id);
    // Of all states where they compare, so that the plot stands still while states change.
    let Some(of_points) = bounds(projection.path.iter().flatten().chain(&projection.points)) else {
        sketch.note("The hidden states of this layer are not numbers.");
        return;
    };
    near::draw(inputs, sketch, projection, &sequence.tokens);
    let colours = Colours::of(inputs, projection.sequence, (&projection.norms, "norm of the state"), sketch.palette);
    let sizes = Sizes::of(inputs, projection.sequence, sequence.tokens.len());
    legend(sketch, &colours);
    say(inputs, sketch, projection, &colours, &sizes);
    let bar = colours.scale.as_ref();
    let bar = bar.and_then(|scale| Bar::reserve(sketch, scale, BarSide::Right, inputs.options.colour_bar));
    let small = sketch.text.small;
    let plot =
        Rect { min: sketch.free.min + Vec2::new(small * 4.2, 0.0), max: sketch.free.max - Vec2::new(0.0, small * 3.0) };
    if plot.size().min_element() < 20.0 {
        sketch.note("There is too little room.");
        return;
    }
    sketch.content = plot;
    let view = fitted(of_points, plot, inputs.options.embedding_view);
    axes(sketch, projection, plot, &view);
    if let Some(bar) = bar {
        bar.draw(sketch, plot, &[]);
    }
    if inputs.options.embedding.trajectories && selection_is_here(inputs, projection.sequence) {
        trajectories::draw(sketch, projection, &inputs.selection.tokens, plot, &view);
    }
    points::draw(inputs, sketch, projection, &sequence.tokens, (&colours, &sizes), (plot, &view));
}

/// Whether the selected tokens are of this sequence.
fn selection_is_here(inputs: &Inputs<'_>, sequence: usize) -> bool {
    inputs.selection.sequence(inputs.document) == Some(sequence)
}

/// The smallest and the largest coordinates of the points that are finite.
pub(super) fn bounds<'a>(points: impl Iterator<Item = &'a [f32; 2]>) -> Option<Rect> {
    let finite = points.map(|&point| Vec2::from(point)).filter(|point| point.is_finite());
    let boxes = finite.map(|point| Rect { min: point, max: point });
    boxes.reduce(|a, b| Rect { min: a.min.min(b.min), max: a.max.max(b.max) })
}

/// From components to pixels: the same scale on both axes, y upwards, then pan and zoom.
pub(super) fn fitted(points: Rect, plot: Rect, user: Option<Transform>) -> Transform {
    let span = points.size().max(Vec2::splat(points.size().max_element().max(1e-6) * 1e-3));
    let scale = (plot.size() * 0.86 / span).min_element();
    let scale = Vec2::new(scale, -scale);
    let fit = Transform { scale, offset: plot.center() - points.center() * scale };
    let Some(user) = user else { return fit };
    let offset = plot.min + (fit.offset - plot.min) * user.scale + user.offset * plot.size();
    Transform { scale: fit.scale * user.scale, offset }
}

/// What colours mean, where they are names: each beside its glyph.
pub(super) fn legend(sketch: &mut Sketch<'_>, colours: &Colours) {
    if colours.names.is_empty() {
        return;
    }
    let (small, palette) = (sketch.text.small, sketch.palette);
    let y = sketch.free.min.y + small * 0.6;
    let mut left = sketch.free.min.x + small * 4.2;
    for (name, color, modality, count) in &colours.names {
        let text = format!("{name} ({count})");
        let width = sketch.width(&text, small);
        if left + 12.0 + width > sketch.free.max.x {
            continue;
        }
        points::glyph(sketch, Vec2::new(left + 4.0, y), *modality, 3.5, *color, palette.background);
        sketch.label(Vec2::new(left + 12.0, y), Anchor::Left, text, small, palette.muted);
        left += width + 28.0;
    }
    sketch.free.min.y += small * 1.8;
}

/// A line of what has to be known: what the fit could not do, what sizes mean, what lacks.
fn say(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, projection: &Projection, colours: &Colours, sizes: &Sizes) {
    let options = &inputs.options.embedding;
    let mut words: Vec<String> = projection.notes.clone();
    words.extend(colours.lack.map(str::to_owned));
    words.extend(sizes.label.clone());
    if options.trajectories && projection.path.is_empty() {
        words.push("trajectories need one fit for all states, or aligned states".to_owned());
    } else if options.trajectories && inputs.selection.tokens.is_empty() {
        words.push("select tokens to see their way".to_owned());
    }
    if words.is_empty() || sketch.free.size().y < 120.0 {
        return;
    }
    let small = sketch.text.small;
    let left = sketch.free.min.x + small * 4.2;
    let line = sketch.elide(&words.join(" · "), small, false, sketch.free.max.x - left);
    sketch.label(Vec2::new(left, sketch.free.min.y + small * 0.5), Anchor::Left, line, small, sketch.palette.muted);
    sketch.free.min.y += small * 1.7;
}

fn axes(sketch: &mut Sketch<'_>, projection: &Projection, plot: Rect, view: &Transform) {
    let (small, palette) = (sketch.text.small, sketch.palette);
    let grid = palette.line.with_opacity(0.45);
    sketch.fill(plot, palette.surface.with_opacity(0.6));
    let world = |pixel: f32, axis: usize| (pixel - view.offset[axis]) / view.scale[axis];
    let across = [world(plot.min.x, 0), world(plot.max.x, 0)];
    let up = [world(plot.max.y, 1), world(plot.min.y, 1)];
    // Both axes have the same scale, so they share the same steps.
    let count = ((plot.size().x / 90.0) as usize).clamp(1, 6);
    let (columns, decimals) = ticks(across, count);
    for value in columns {
        let x = value * view.scale.x + view.offset.x;
        sketch.line(Vec2::new(x, plot.min.y), Vec2::new(x, plot.max.y), if value == 0.0 { 1.5 } else { 1.0 }, grid);
        let text = tick_text(value, decimals);
        let half = sketch.width(&text, small) / 2.0;
        if x - half >= plot.min.x && x + half <= plot.max.x {
            sketch.label(Vec2::new(x, plot.max.y + small * 0.9), Anchor::Center, text, small, palette.muted);
        }
    }
    let count = ((plot.size().y / 60.0) as usize).clamp(1, 6);
    let (rows, decimals) = ticks(up, count);
    for value in rows {
        let y = value * view.scale.y + view.offset.y;
        sketch.line(Vec2::new(plot.min.x, y), Vec2::new(plot.max.x, y), if value == 0.0 { 1.5 } else { 1.0 }, grid);
        if y - small / 2.0 >= plot.min.y && y + small / 2.0 <= plot.max.y {
            let text = sketch.elide(&tick_text(value, decimals), small, false, small * 2.6);
            sketch.label(Vec2::new(plot.min.x - 5.0, y), Anchor::Right, text, small, palette.muted);
        }
    }
    sketch.outline(plot, palette.line, 1.0);
    let Recipe { method, align, .. } = projection.recipe;
    let title = |axis: usize| match (method, projection.explained[axis]) {
        // A turned plane has axes between the components.
        (Method::Pca, _) if align == Align::Procrustes => format!("dimension {} (PCA, turned)", axis + 1),
        (Method::Pca, share) if share.is_finite() => format!("PC {} ({:.0} %)", axis + 1, share * 100.0),
        (Method::Pca, _) => format!("PC {}", axis + 1),
        _ => format!("{method} {}", axis + 1),
    };
    let across = Vec2::new(plot.center().x, plot.max.y + small * 2.3);
    let name = sketch.elide(&title(0), small, false, plot.size().x);
    sketch.label(across, Anchor::Center, name, small, palette.text);
    let up = Vec2::new(plot.min.x - small * 3.5, plot.center().y);
    let name = sketch.elide(&title(1), small, false, plot.size().y);
    sketch.upright(up, Anchor::Center, name, small, palette.text);
}
