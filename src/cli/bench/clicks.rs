//! From a click or a hover to the pictures: by the engine alone, and by the whole window.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context as _, Result};
use glam::Vec2;

use super::timing::{Timing, measure, milliseconds_since};
use crate::app::{Command, Launch, Offscreen, State};
use crate::gpu::Gpu;
use crate::query::{OpenTrace, Results, Solver};
use crate::render::{Backend, Fonts, Painter, RenderTarget};
use crate::trace::Modality;
use crate::view::{Inputs, Target, View, draw, needs};

const RUNS: usize = 24;
const OPENINGS: usize = 3;
const WARM_UP_RUNS: usize = 3;

/// What is clicked on in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Clicked {
    Head,
    Token,
    Patch,
}

/// Times in milliseconds, by a name.
pub type Timings = BTreeMap<String, Timing>;

impl Clicked {
    const ALL: [Self; 3] = [Self::Head, Self::Token, Self::Patch];

    fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Token => "token",
            Self::Patch => "patch",
        }
    }

    /// Another target for each run; `None` if the trace has none of the kind.
    fn target(self, open: &OpenTrace, run: usize) -> Option<Target> {
        let block = open.document().attention.first()?;
        if self == Self::Head {
            let layer = run * 5 % block.layers.max(1);
            return Some(Target::Head { layer, head: run * 7 % open.trace.heads(0, layer).max(1) });
        }
        let wanted = if self == Self::Token { Modality::Text } else { Modality::Image };
        let tokens = open.document().query_tokens(block);
        let places: Vec<usize> = (0..tokens.len()).filter(|&token| tokens[token].modality() == wanted).collect();
        let token = *places.get(run * 11 % places.len().max(1))?;
        Some(Target::Token { sequence: block.query, token })
    }
}

/// Draws views without egui.
struct Drafts {
    gpu: Arc<Gpu>,
    painter: Painter,
    fonts: Fonts,
    targets: Vec<(View, RenderTarget)>,
}

impl Drafts {
    /// Each view has a texture of its `size`, in pixels.
    fn new(gpu: &Arc<Gpu>, size: impl Fn(View) -> Vec2) -> Result<Self> {
        let painter = Painter::new(gpu, Backend::of(gpu));
        let target = |view| {
            let size = size(view);
            Ok((view, RenderTarget::new(gpu, size.x as u32, size.y as u32)?))
        };
        let targets = View::all().into_iter().map(target).collect::<Result<_>>()?;
        Ok(Self { gpu: Arc::clone(gpu), painter, fonts: Fonts::new(), targets })
    }

    /// For each view, from the command to its finished texture; or `together`, until the last of all is finished.
    fn clicks(&mut self, open: &Arc<OpenTrace>, solver: &Solver, hovers: bool, together: bool) -> Result<Timings> {
        let mut state = State::default();
        state.options.statistic = "mass.text.image".to_owned();
        state.set_trace(Arc::clone(open));
        let size = |texture: &RenderTarget| Vec2::new(texture.width() as f32, texture.height() as f32);
        let sizes: HashMap<View, Vec2> = self.targets.iter().map(|(view, texture)| (*view, size(texture))).collect();
        let mut times_ms: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for run in 0..RUNS + WARM_UP_RUNS {
            let clicked = Clicked::ALL[run % Clicked::ALL.len()];
            let Some(target) = clicked.target(open, run) else { continue };
            let begin = Instant::now();
            state.apply(if hovers {
                Command::Preview(Some(target))
            } else {
                Command::Select { target, extend: false }
            });
            let inputs_of = |view: View, results| {
                let size = sizes[&view];
                Inputs {
                    hover: state.hover,
                    ..Inputs::new(open, state.shown_selection(), &state.options, results, size)
                }
            };
            let nothing = Results::default();
            let all = View::all().into_iter().flat_map(|view| needs(view, &inputs_of(view, &nothing)));
            let results = solver.results(open, &all.collect::<Vec<_>>(), &AtomicBool::new(false))?;
            let numbers_ms = milliseconds_since(begin);
            let mut count = |name: &str, time_ms| {
                if run >= WARM_UP_RUNS {
                    times_ms.entry(name.to_owned()).or_default().push(time_ms);
                }
            };
            for (view, texture) in &self.targets {
                let begin_view = Instant::now();
                let inputs = inputs_of(*view, &results);
                let scene = draw(*view, &inputs, &mut self.fonts);
                self.painter.draw(&scene.drawing, 1.0, &mut self.fonts, texture)?;
                if !together {
                    self.gpu.wait()?;
                    count(view.name(), numbers_ms + milliseconds_since(begin_view));
                }
            }
            if together {
                self.gpu.wait()?;
                count("all", milliseconds_since(begin));
            }
        }
        Ok(times_ms.into_iter().map(|(name, times_ms)| (name, Timing::of(times_ms))).collect())
    }
}

/// For each view from a click (or from hovering) to its texture of `size`, and for all views in their places in a window
/// of that size, to the last one's.
///
/// # Errors
/// If the numbers or the pictures cannot be made.
pub fn engine_clicks(
    gpu: &Arc<Gpu>,
    open: &Arc<OpenTrace>,
    solver: &Solver,
    size: Vec2,
    hovers: bool,
) -> Result<Timings> {
    let mut timings = Drafts::new(gpu, |_| size)?.clicks(open, solver, hovers, false)?;
    let mut in_window = Drafts::new(gpu, |view| (size * share_of_window(view)).round())?;
    timings.extend(in_window.clicks(open, solver, hovers, true)?);
    Ok(timings)
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

/// For each kind of click, from the command to the window's finished frame, which is `size` large.
///
/// # Errors
/// If the window cannot be made.
pub fn window_clicks(gpu: &Arc<Gpu>, launch: &Launch, size: Vec2) -> Result<Timings> {
    let mut window = Offscreen::open(gpu, launch, size.into(), 1.0)?;
    let mut times_ms: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for run in 0..RUNS + WARM_UP_RUNS {
        let open = Arc::clone(window.state().trace.as_ref().context("the window shows no trace")?);
        let clicked = Clicked::ALL[run % Clicked::ALL.len()];
        let Some(target) = clicked.target(&open, run) else { continue };
        let begin = Instant::now();
        window.apply(Command::Select { target, extend: false });
        window.settle()?;
        gpu.wait()?;
        if run >= WARM_UP_RUNS {
            times_ms.entry(clicked.name().to_owned()).or_default().push(milliseconds_since(begin));
        }
    }
    Ok(times_ms.into_iter().map(|(name, times_ms)| (name, Timing::of(times_ms))).collect())
}

/// From an open device to the window's first frame that shows the trace, and to the one that has all of its numbers.
///
/// # Errors
/// If the window cannot be made.
pub fn opening(gpu: &Arc<Gpu>, launch: &Launch, size: Vec2) -> Result<Timings> {
    let first = measure(OPENINGS, |_| {
        Offscreen::open_until(gpu, launch, size.into(), |state| state.trace.is_some())?;
        Ok(gpu.wait()?)
    })?;
    let all = measure(OPENINGS, |_| {
        Offscreen::open(gpu, launch, size.into(), 1.0)?;
        Ok(gpu.wait()?)
    })?;
    Ok(Timings::from([("first frame".to_owned(), first), ("all numbers".to_owned(), all)]))
}
