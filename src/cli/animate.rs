//! `vlscope render --play`: a view through all tokens, layers or heads, as a GIF or a folder of pictures.

use anyhow::{Result, ensure};
use glam::Vec2;

use super::progress;
use super::render::{Arguments, check_state, headless_on};
use super::stats::engine;
use crate::export::{Animation, Format, Play};
use crate::query::{OpenTrace, Solver};

pub fn run(arguments: &Arguments, play: Play, quiet: bool) -> Result<()> {
    let open = &OpenTrace::open(arguments.trace()?)?;
    let output = &arguments.output;
    let is_folder = output.extension().is_none() || output.is_dir();
    ensure!(
        is_folder || Format::of(output) == Ok(Format::Gif),
        "--play writes a .gif or a folder of pictures: {}",
        output.display()
    );
    let state = arguments.view_state(open)?;
    ensure!(state.view.is_some(), "--play draws one view, not the window");
    check_state(open, &state.selection, state.options.hidden_state)?;
    let animation =
        Animation { play, frames_per_second: arguments.fps, size: Vec2::from(arguments.size), scale: arguments.scale };
    let engine = engine(&arguments.adapter)?;
    let mut headless = headless_on(engine.gpu(), &arguments.adapter)?;
    let solver = Solver::new(engine);
    let bar = progress::bar(quiet, 0, "frames");
    animation.write(output, open, &state, &solver, &mut headless, |frames| {
        bar.set_length(frames as u64);
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    Ok(())
}
