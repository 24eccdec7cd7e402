//! The output tokens in their order: above, the attention of each divided among image, prompt, output so far and sinks in
//! the selected layers; below, one of these masses in every layer.

mod alternatives;
mod bars;
mod layers;

use std::ops::Range;
use std::sync::Arc;

use glam::Vec2;

use self::bars::{axis_name, color, name, share_axis, stack};
use crate::analysis::timeline::{Timeline, TokenGroup};
use crate::analysis::{Direction, WeightKind};
use crate::query::{OutputMasses, Query};
use crate::render::colormap::Colormap;
use crate::render::{Align, Color, Heatmap, Mark, Rect, Values};
use crate::trace::Token;
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::heading::{note_left_out, titled};
use crate::view::common::scale::Scale;
use crate::view::common::sides::{Sides, heads_line, largest, place, sentence, share_range};
use crate::view::common::sinks;
use crate::view::common::sketch::Sketch;
use crate::view::common::words::token_names;
use crate::view::numbers::{block, names};
use crate::view::{Axis, Definition, Inputs, NoNumbers, Numbers, Target, View, caption};

/// Where bars, words and heatmap lie.
struct TimelineLayout {
    bars: Rect,
    words: Rect,
    heat: Rect,
    /// Width of a token's column.
    step: f32,
    are_upright: bool,
    /// Lines beneath the words for what the model held for likely at each step.
    alternatives: usize,
}

/// All about this view.
pub(super) const VIEW: Definition =
    Definition { needs, draw, caption: words_of_caption, needs_for_numbers: |_| Vec::new(), numbers: array };

fn needs(inputs: &Inputs<'_>) -> Vec<Query> {
    if !asked::has_attention(inputs) {
        return Vec::new();
    }
    let sinks = asked::sinks(inputs).map(Query::from);
    let alternatives = asked::alternatives(inputs).map(Query::from);
    [OutputMasses::of(inputs.shown).into()].into_iter().chain(sinks).chain(alternatives).collect()
}

/// What the output tokens attend to, if it is known.
fn known<'a>(inputs: &Inputs<'a>) -> Option<&'a Timeline> {
    inputs.results.get(&OutputMasses::of(inputs.shown)).filter(|_| asked::has_attention(inputs))
}

/// What the bars are of, and the heatmap below them.
fn words_of_caption(inputs: &Inputs<'_>) -> Vec<String> {
    let plain = inputs.shown.as_mean();
    let as_mean = Inputs { shown: &plain, ..*inputs };
    let Some(block) = inputs.document.attention.get(inputs.shown.block) else { return Vec::new() };
    let mut parts: Vec<String> = caption::block(inputs).into_iter().collect();
    match known(inputs).map(|timeline| timeline.tokens.as_slice()) {
        Some(&[token]) => {
            let names = token_names(inputs.document.query_tokens(block));
            let name = names.get(token).map_or("the output token", String::as_str);
            parts.extend(["every layer".to_owned(), heads_line(&as_mean), format!("attention of {name} [{token}]")]);
        }
        _ => {
            let group = inputs.options.timeline_group.label();
            parts.extend([
                place(&as_mean),
                "attention of the output tokens".to_owned(),
                format!("below the mass on {group}, layer by layer"),
            ]);
        }
    }
    parts
}

/// `[layer, token, group]`, of the output tokens.
fn array(inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    let block = block(inputs)?;
    let (query, numbers) = (block.query, block.numbers.as_deref().unwrap_or(&[]));
    let timeline = known(inputs).ok_or_else(|| NoNumbers::because(inputs, "the output tokens were not summed"))?;
    let all = names(inputs, query);
    let tokens = timeline.tokens.iter().map(|&token| all.get(token).cloned().unwrap_or_default()).collect();
    let groups = TokenGroup::ALL.map(|group| group.label().to_owned()).to_vec();
    let axes = vec![Axis::layers(timeline.layers, numbers), Axis::named("token", tokens), Axis::named("group", groups)];
    let values = timeline.masses.as_flattened().to_vec();
    let quantity = match &inputs.shown.as_mean().weights {
        WeightKind::Raw | WeightKind::Rollout(_) => "share of attention".to_owned(),
        WeightKind::NormWeighted => "share of norm-weighted attention".to_owned(),
        WeightKind::Relevance(name) => format!("share of |relevance {name}|"),
    };
    Numbers::new(View::Timeline, inputs, (&quantity, ""), axes, values)
}

fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    // The masses are means, whatever the weights elsewhere are.
    let plain = inputs.shown.as_mean();
    let place = place(&Inputs { shown: &plain, ..*inputs });
    let differs =
        plain.weights != inputs.shown.weights || [plain.layer, plain.head] != [inputs.shown.layer, inputs.shown.head];
    let place = if differs { format!("{place}, of the weights as they are") } else { place };
    let place = match &plain.weights {
        WeightKind::Raw | WeightKind::Rollout(_) => place,
        kind => format!("{place} · {}", kind.quantity()),
    };
    let heading = |sides: &Sides<'_>, sketch: &mut Sketch<'_>| {
        let title = match known(inputs).map(|timeline| timeline.tokens.as_slice()) {
            // Its bars are the layers.
            Some(&[token]) => {
                let of = if differs { ", of the weights as they are" } else { "" };
                let heads = heads_line(&Inputs { shown: &plain, ..*inputs });
                let token = name(sides.query, token);
                match &plain.weights {
                    kind if kind.is_undivided(inputs.document) => format!("Output token {token} · {}", kind.quantity()),
                    WeightKind::Raw | WeightKind::Rollout(_) => {
                        format!("Output token {token} · every layer · {heads}{of}")
                    }
                    kind => format!("Output token {token} · every layer · {heads}{of} · {}", kind.quantity()),
                }
            }
            _ => format!("Output tokens · {place}"),
        };
        sketch.title(inputs, &title, inputs.document.id.as_deref());
        sketch.subtitle(inputs, &title);
    };
    let Some(sides) = titled(inputs, sketch, "Timeline", heading) else { return };
    sinks::note_counted(inputs, sketch, &sides);
    let timeline = match known(inputs) {
        None => {
            let failure = inputs.refusal.or_else(|| inputs.results.failure(&OutputMasses::of(inputs.shown)));
            let waiting = "The masses of the output tokens are not here yet.".to_owned();
            return sketch.note(&failure.map_or(waiting, sentence));
        }
        Some(timeline) if timeline.tokens.is_empty() || timeline.layers == 0 => {
            return sketch.note(
                "The queries of this block hold no output tokens. They are the text of a segment named `generated` or \
                 `answer`, what follows the image and the prompt in a causal block, or an encoder's first `[CLS]`.",
            );
        }
        Some(timeline) => timeline,
    };
    if inputs.shown.weights.relevance(inputs.document).is_none() {
        note_left_out(sketch, timeline.left_out, "rows of output tokens");
    }
    legend(inputs, sketch);
    if let [token] = *timeline.tokens {
        return layers::draw(inputs, sketch, timeline, &sides, token);
    }
    let group = inputs.options.timeline_group;
    let values: Vec<f32> = timeline.masses.iter().map(|masses| masses[group as usize]).collect();
    let scale = scale(inputs, group, &values);
    let bar = Bar::reserve(sketch, &scale, BarSide::Right, inputs.options.colour_bar);
    let layout = layout(sketch, timeline, sides.query, alternatives::known(inputs).is_some());
    sketch.content = Rect { min: layout.bars.min, max: layout.heat.max };
    bars(inputs, sketch, timeline, &layout);
    let rect = layout.heat;
    sketch.marks.push(Mark::Heatmap(Heatmap {
        rect,
        values: Values::Host(Arc::new(values)),
        rows: timeline.layers as u32,
        columns: timeline.tokens.len() as u32,
        window: Rect::at(0.0, 0.0, timeline.tokens.len() as f32, timeline.layers as f32),
        range: scale.range,
        colormap: scale.colormap,
        missing: sketch.palette.missing,
        opacity: 1.0,
        fade: false,
        smooth: false,
    }));
    sketch.outline(rect.shrink(-1.0), sketch.palette.line, 1.0);
    axes(inputs, sketch, timeline, &layout);
    words(sketch, &sides, timeline, &layout);
    alternatives::draw(inputs, sketch, &sides, timeline, (layout.words, layout.step, layout.alternatives));
    zones(inputs, sketch, timeline, &layout);
    outlines(inputs, sketch, &sides, timeline, &layout);
    if let Some(bar) = bar {
        bar.draw(sketch, rect, &hovered(inputs, timeline, group));
    }
}

fn scale(inputs: &Inputs<'_>, group: TokenGroup, values: &[f32]) -> Scale {
    let top = largest(values.iter().copied());
    let locked = if inputs.options.lock_scale { 1.0 } else { top };
    let range = share_range(inputs, locked);
    let colormap = inputs.options.colormap.unwrap_or(Colormap::Viridis);
    let what = match &inputs.shown.weights {
        WeightKind::Relevance(name) => format!("share of |relevance {name}|"),
        WeightKind::NormWeighted => "norm-weighted mass".to_owned(),
        WeightKind::Raw | WeightKind::Rollout(_) => "mass".to_owned(),
    };
    Scale::plain(colormap, range, format!("{what} on {}", group.label()))
}

/// What each colour of the bars stands for.
fn legend(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let small = sketch.text.small;
    let middle = sketch.free.min.y + small * 0.8;
    if sketch.free.size().y < small * 12.0 {
        return;
    }
    let mut left = sketch.free.min.x;
    for group in TokenGroup::ALL {
        let needed = 12.0 + sketch.width(group.label(), small);
        if left + needed > sketch.free.max.x {
            break;
        }
        let is_below = group == inputs.options.timeline_group;
        let ink = if is_below { sketch.palette.text } else { sketch.palette.muted };
        sketch.fill(Rect::at(left, middle - 4.0, 8.0, 8.0), color(sketch.palette, group));
        sketch.label(Vec2::new(left + 12.0, middle), Align::Left, group.label(), small, ink);
        left += needed + 14.0;
    }
    sketch.free.min.y += small * 2.0;
}

fn layout(sketch: &mut Sketch<'_>, timeline: &Timeline, tokens: &[Token], has_alternatives: bool) -> TimelineLayout {
    let small = sketch.text.small;
    let mut room = sketch.free;
    room.min.x = (room.min.x + small * 3.4).min(room.max.x - 1.0);
    let step = room.size().x / timeline.tokens.len() as f32;
    let names = timeline.tokens.iter().map(|&token| sketch.width(&name(tokens, token), small));
    let widest = names.fold(0.0, f32::max);
    let are_upright = widest + 6.0 > step;
    let words = if are_upright {
        (widest + 8.0).min((room.size().y * 0.2).max(small * 4.5)).min(room.size().y * 0.35)
    } else {
        small * 1.8
    };
    let has_room = has_alternatives && !are_upright && step >= small * alternatives::LEAST_WIDTH;
    let lines = if has_room { alternatives::lines(room.size().y, small) } else { 0 };
    let words = words + lines as f32 * small * alternatives::LINE;
    // A layer needs no more than a line's height.
    let heat = ((room.size().y - words) * 0.58).min(timeline.layers as f32 * small * 2.4).max(1.0);
    let bars_end = (room.max.y - heat - words).max(room.min.y + 1.0);
    let rect = |top: f32, bottom: f32| Rect { min: Vec2::new(room.min.x, top), max: Vec2::new(room.max.x, bottom) };
    TimelineLayout {
        bars: rect(room.min.y, bars_end),
        words: rect(bars_end, bars_end + words),
        heat: rect((bars_end + words).min(room.max.y - 1.0), room.max.y),
        step,
        are_upright,
        alternatives: lines,
    }
}

/// One stacked bar a token: the masses add up to the height of the plot.
fn bars(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, timeline: &Timeline, layout: &TimelineLayout) {
    let rect = layout.bars;
    sketch.fill(rect, sketch.palette.surface);
    let gap = if layout.step > 5.0 { 1.0 } else { 0.0 };
    let layers = selected_layers(inputs, timeline);
    for place in 0..timeline.tokens.len() {
        let left = rect.min.x + layout.step * place as f32 + gap / 2.0;
        let bar = Rect::at(left, rect.min.y, (layout.step - gap).max(0.5), rect.size().y);
        stack(sketch, bar, timeline.over(layers.clone(), place));
    }
}

/// The selected layers; the one row of a relevance that is not divided among layers.
fn selected_layers(inputs: &Inputs<'_>, timeline: &Timeline) -> Range<usize> {
    match inputs.shown.weights.is_undivided(inputs.document) {
        true => 0..timeline.layers,
        false => inputs.selection.layer.indices(timeline.layers),
    }
}

/// 0 to 1 beside the bars, layers beside the heatmap.
fn axes(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, timeline: &Timeline, layout: &TimelineLayout) {
    share_axis(sketch, layout.bars);
    if inputs.shown.weights.is_undivided(inputs.document) {
        return axis_name(sketch, layout.heat, "whole model");
    }
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    let left = layout.bars.min.x;
    let step = layout.heat.size().y / timeline.layers as f32;
    let every = (small * 1.2 / step).ceil().max(1.0) as usize;
    for layer in (0..timeline.layers).step_by(every) {
        let middle = layout.heat.min.y + (layer as f32 + 0.5) * step;
        if middle + small * 0.5 <= layout.heat.max.y + 2.0 {
            let number = inputs.layer_number(layer).to_string();
            sketch.label(Vec2::new(left - 5.0, middle), Align::Right, number, small, muted);
        }
    }
    axis_name(sketch, layout.heat, "layer");
}

/// The tokens between bars and heatmap; where there is no room for all, some stand for all, and the selected one.
fn words(sketch: &mut Sketch<'_>, sides: &Sides<'_>, timeline: &Timeline, layout: &TimelineLayout) {
    let (small, palette) = (sketch.text.small, sketch.palette);
    let rect = layout.words;
    if rect.size().y < small {
        return;
    }
    let needed = if layout.are_upright { small * 1.1 } else { 0.0 };
    let every = (needed / layout.step).ceil().max(1.0) as usize;
    let sequence = sides.block.query;
    let is_marked = |token| sides.is_selected(sequence, token) || sides.is_hovered(sequence, token);
    let marked: Vec<usize> = (0..timeline.tokens.len()).filter(|&place| is_marked(timeline.tokens[place])).collect();
    for (place, &token) in timeline.tokens.iter().enumerate() {
        let beside_marked = marked.iter().any(|&other| other != place && other.abs_diff(place) < every);
        if !marked.contains(&place) && (place % every != 0 || beside_marked) {
            continue;
        }
        let ink = if sides.is_selected(sequence, token) {
            palette.selected_text
        } else if sides.is_hovered(sequence, token) {
            palette.text
        } else {
            palette.muted
        };
        let x = rect.min.x + layout.step * (place as f32 + 0.5);
        let name = name(sides.query, token);
        if layout.are_upright {
            let text = sketch.elide(&name, small, false, rect.size().y - 6.0);
            sketch.upright(Vec2::new(x, rect.min.y + 3.0), Align::Right, text, small, ink);
        } else {
            sketch.label(Vec2::new(x, rect.min.y + small * 0.9), Align::Center, name, small, ink);
        }
    }
}

fn zones(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, timeline: &Timeline, layout: &TimelineLayout) {
    let height = layout.heat.size().y / timeline.layers as f32;
    let is_divided = !inputs.shown.weights.is_undivided(inputs.document);
    for (place, &token) in timeline.tokens.iter().enumerate() {
        let left = layout.bars.min.x + layout.step * place as f32;
        let above = Rect::at(left, layout.bars.min.y, layout.step, layout.words.max.y - layout.bars.min.y);
        sketch.area(above, Target::Output { layer: None, token });
        for layer in 0..timeline.layers {
            let cell = Rect::at(left, layout.heat.min.y + height * layer as f32, layout.step, height);
            sketch.area(cell, Target::Output { layer: Some(layer).filter(|_| is_divided), token });
        }
    }
}

/// The columns of selected and hovered tokens, and the rows of the selected layers where they are not all.
fn outlines(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    sides: &Sides<'_>,
    timeline: &Timeline,
    layout: &TimelineLayout,
) {
    let selected = sketch.palette.selected;
    let layers = selected_layers(inputs, timeline);
    if layers.len() == 1 && timeline.layers > 1 {
        let height = layout.heat.size().y / timeline.layers as f32;
        let top = layout.heat.min.y + height * layers.start as f32;
        sketch.mark_cell(Rect::at(layout.heat.min.x, top, layout.heat.size().x, height), selected, 1.0);
    }
    let is_near = inputs.selection.direction == Direction::AttendsTo;
    for (place, &token) in timeline.tokens.iter().enumerate() {
        let (ink, width) = if is_near && sides.is_selected(sides.block.query, token) {
            (selected, 2.0)
        } else if sides.is_hovered(sides.block.query, token) {
            (sketch.palette.hover, 1.0)
        } else {
            continue;
        };
        let left = layout.bars.min.x + layout.step * place as f32;
        for rect in [layout.bars, layout.heat] {
            sketch.mark_cell(Rect::at(left, rect.min.y, layout.step.max(3.0), rect.size().y), ink, width);
        }
    }
}

fn hovered(inputs: &Inputs<'_>, timeline: &Timeline, group: TokenGroup) -> Vec<(f32, Color)> {
    let Some(Target::Output { layer: Some(layer), token }) = inputs.hover else { return Vec::new() };
    let place = timeline.tokens.iter().position(|&other| other == token);
    let masses = place.and_then(|place| timeline.at(layer, place));
    masses.map(|masses| (masses[group as usize], Color::hex(0xffffff))).into_iter().collect()
}
