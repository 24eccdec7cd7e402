//! `vlscope bench TRACE`: from a click or a hover to the pictures, by the engine alone and by the whole window; what is computed
//! once for a trace.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context as _, Result};
use glam::Vec2;

use super::measurements::{Measurements, milliseconds_since};
use crate::analysis::Engine;
use crate::analysis::projection::{Method, Recipe, project};
use crate::analysis::statistics::Options;
use crate::app::{Command, Launch, Offscreen, State};
use crate::gpu::Gpu;
use crate::query::{OpenTrace, Results, Solver};
use crate::render::{Backend, Fonts, Painter, RenderTarget};
use crate::trace::Modality;
use crate::view::{Inputs, Target, View, draw, needs};

const CLICKS: usize = 24;
const WARM_UP_CLICKS: usize = 3;
const RUNS: usize = 3;
/// What is clicked on in turn.
const CLICKED: [&str; 3] = ["head", "token", "patch"];

/// Another target for each run, with the name of its kind; `None` if the trace has none of the kind.
fn target(open: &OpenTrace, run: usize) -> Option<(&'static str, Target)> {
    let block = open.document().attention.first()?;
    let kind = CLICKED[run % CLICKED.len()];
    if kind == "head" {
        let layer = run * 5 % block.layers.max(1);
        return Some((kind, Target::Head { layer, head: run * 7 % open.trace.heads(0, layer).max(1) }));
    }
    let wanted = if kind == "token" { Modality::Text } else { Modality::Image };
    let tokens = open.document().query_tokens(block);
    let places: Vec<usize> = (0..tokens.len()).filter(|&token| tokens[token].modality() == wanted).collect();
    let token = *places.get(run * 11 % places.len().max(1))?;
    Some((kind, Target::Token { sequence: block.query, token }))
}

/// What is computed once: the statistics of a block, and the projections of a hidden state.
///
/// # Errors
/// If it cannot be computed.
pub fn numbers(found: &mut Measurements, engine: &Engine, open: &OpenTrace) -> Result<()> {
    let statistics = |_| Ok(engine.statistics(&open.trace, 0, &Options::default(), &mut |_, _| true)?);
    found.time("numbers_ms", "statistics", 5, statistics)?;
    let document = open.document();
    if let Some(last) = document.hidden.first().and_then(|hidden| hidden.states.checked_sub(1)) {
        let states = [open.trace.hidden(0, last)];
        for method in Method::ALL {
            let recipe = Recipe { method, ..Recipe::default() };
            let name = format!("{method} of a hidden state");
            found.time("numbers_ms", &name, RUNS, |_| Ok(project(recipe, &states, &mut |_| true)?))?;
        }
    }
    Ok(())
}

/// For each view from a click (or from hovering) to its texture of `size`, and for all views in their places in a window
/// of that size, to the last one's: without egui.
///
/// # Errors
/// If the numbers or the pictures cannot be made.
pub fn engine_clicks(
    found: &mut Measurements,
    gpu: &Arc<Gpu>,
    open: &Arc<OpenTrace>,
    solver: &Solver,
    size: Vec2,
) -> Result<()> {
    for (part, hovers) in [("click_to_frame_ms", false), ("hover_to_frame_ms", true)] {
        let apart = clicks(gpu, open, solver, hovers, false, |_| size)?;
        let together = clicks(gpu, open, solver, hovers, true, |view| (size * share_of_window(view)).round())?;
        apart.into_iter().chain(together).for_each(|(name, times_ms)| found.put(part, name, times_ms));
    }
    Ok(())
}

/// By the name of a view, whose texture is so large; or `together`, until the last of all is finished.
fn clicks(
    gpu: &Arc<Gpu>,
    open: &Arc<OpenTrace>,
    solver: &Solver,
    hovers: bool,
    together: bool,
    size: impl Fn(View) -> Vec2,
) -> Result<BTreeMap<&'static str, Vec<f64>>> {
    let (mut painter, mut fonts) = (Painter::new(gpu, Backend::of(gpu)), Fonts::new());
    let texture = |view| Ok((view, RenderTarget::new(gpu, size(view).x as u32, size(view).y as u32)?));
    let textures: Vec<(View, RenderTarget)> = View::all().into_iter().map(texture).collect::<Result<_>>()?;
    let mut state = State::default();
    state.options.statistic = "mass.text.image".to_owned();
    let _ = state.set_trace(Arc::clone(open));
    let mut times_ms: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    for run in 0..CLICKS + WARM_UP_CLICKS {
        let Some((_, target)) = target(open, run) else { continue };
        let begin = Instant::now();
        let click = Command::Select { target, extend: false };
        state.apply(if hovers { Command::Preview(Some(target)) } else { click });
        let inputs_of = |view: View, results| Inputs {
            hover: state.hover,
            ..Inputs::new(open, state.shown_selection(), &state.options, results, size(view))
        };
        let nothing = Results::default();
        let all = View::all().into_iter().flat_map(|view| needs(view, &inputs_of(view, &nothing)));
        let results = solver.results(open, &all.collect::<Vec<_>>(), &AtomicBool::new(false))?;
        let numbers_ms = milliseconds_since(begin);
        let mut count = |name, time_ms| {
            if run >= WARM_UP_CLICKS {
                times_ms.entry(name).or_default().push(time_ms);
            }
        };
        for (view, texture) in &textures {
            let begin_view = Instant::now();
            let scene = draw(*view, &inputs_of(*view, &results), &mut fonts);
            painter.draw(&scene.drawing, 1.0, &mut fonts, texture)?;
            if !together {
                gpu.wait()?;
                count(view.name(), numbers_ms + milliseconds_since(begin_view));
            }
        }
        if together {
            gpu.wait()?;
            count("all", milliseconds_since(begin));
        }
    }
    Ok(times_ms)
}

/// Of the width and of the height, in the window's default layout.
fn share_of_window(view: View) -> Vec2 {
    match view {
        View::Heads => Vec2::new(0.27, 0.58),
        View::Text => Vec2::new(0.44, 0.28),
        View::Matrix | View::Embedding => Vec2::new(0.29, 0.5),
        _ => Vec2::new(0.44, 0.72),
    }
}

/// For each kind of click, from the command to the window's finished frame, which is `size` large; from an open device to the
/// window's first frame that shows the trace, and to the one that has all of its numbers.
///
/// # Errors
/// If the window cannot be made.
pub fn window(found: &mut Measurements, gpu: &Arc<Gpu>, launch: &Launch, size: Vec2) -> Result<()> {
    let mut window = Offscreen::open(gpu, launch, size.into(), 1.0)?;
    let mut times_ms: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    for run in 0..CLICKS + WARM_UP_CLICKS {
        let open = Arc::clone(window.state().trace.as_ref().context("the window shows no trace")?);
        let Some((kind, target)) = target(&open, run) else { continue };
        let begin = Instant::now();
        window.apply(Command::Select { target, extend: false });
        window.settle()?;
        gpu.wait()?;
        if run >= WARM_UP_CLICKS {
            times_ms.entry(kind).or_default().push(milliseconds_since(begin));
        }
    }
    times_ms.into_iter().for_each(|(kind, times_ms)| found.put("window_ms", kind, times_ms));
    drop(window);
    found.time("open_ms", "first frame", RUNS, |_| {
        Offscreen::open_until(gpu, launch, size.into(), |state| state.trace.is_some())?;
        Ok(gpu.wait()?)
    })?;
    found.time("open_ms", "all numbers", RUNS, |_| {
        Offscreen::open(gpu, launch, size.into(), 1.0)?;
        Ok(gpu.wait()?)
    })?;
    Ok(())
}
