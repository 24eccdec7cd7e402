//! `vlscope render --play`: a view through all tokens, layers or heads, as a GIF or a folder of pictures.

use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, ensure};
use glam::Vec2;

use super::progress;
use super::render::Arguments;
use super::stats::engine;
use crate::analysis::Selection;
use crate::evidence::{Analyst, OpenTrace, Question};
use crate::export::{Format, Play, write_frame, write_gif};
use crate::headless::Headless;
use crate::scene::Inputs;

pub fn run(arguments: &Arguments, play: Play, open: &OpenTrace, quiet: bool) -> Result<()> {
    let output = &arguments.output;
    let is_folder = output.extension().is_none() || output.is_dir();
    ensure!(
        is_folder || Format::of(output) == Ok(Format::Gif),
        "--play writes a .gif or a folder of pictures: {}",
        output.display()
    );
    let state = arguments.view_state(open)?;
    let view = state.view.context("--play draws one view, not the window")?;
    let selections = play.selections(&open.trace, &state.question.selection);
    ensure!(!selections.is_empty(), "there are no {} to play", play.name());
    let bar = progress::bar(quiet, selections.len() as u64, "frames");
    let mut analyst = Analyst::new(engine(&arguments.adapter)?);
    let mut headless = Headless::new(&arguments.adapter.choice())?;
    let mut draw = |selection: &Selection| {
        let question = Question { selection: selection.clone(), ..state.question.clone() };
        let evidence = analyst.answer(open, &question, &AtomicBool::new(false))?;
        let inputs = Inputs {
            document: open.document(),
            images: &open.images,
            selection,
            hover: None,
            options: &state.options,
            evidence: &evidence,
            size: Vec2::from(arguments.size),
        };
        bar.inc(1);
        Ok(headless.draw_view(view, &inputs, arguments.scale)?)
    };
    if is_folder {
        std::fs::create_dir_all(output).with_context(|| format!("cannot make the folder {}", output.display()))?;
        for (number, selection) in selections.iter().enumerate() {
            write_frame(output, number, &draw(selection)?)?;
        }
    } else {
        write_gif(output, arguments.fps, selections.iter().map(draw))?;
    }
    bar.finish_and_clear();
    Ok(())
}
