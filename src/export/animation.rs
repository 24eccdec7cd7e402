//! Plays: the selections that follow each other, and their frames as an animated GIF or a folder of pictures.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, ensure};
use glam::Vec2;
use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, RgbaImage};

use super::file::write_png;
use super::{Format, ViewState};
use crate::analysis::timeline::output_tokens;
use crate::analysis::{Direction, Pick, Selection};
use crate::headless::Headless;
use crate::query::{OpenTrace, Results, Solver};
use crate::trace::{NewFile, Trace};
use crate::typed::choice;
use crate::view::{Inputs, needs};

/// From how good (1) to how fast (30) GIF colours are chosen; 10 is the encoder's own advice.
const GIF_SPEED: i32 = 10;

choice! {
    /// What moves from frame to frame.
    #[derive(Default)]
    pub enum Play {
        /// The selected token.
        #[default]
        Tokens = "tokens";
        /// The layer.
        Layers = "layers";
        /// The head.
        Heads = "heads";
        /// The output token.
        Outputs = "outputs";
    }
}

impl Play {
    /// One selection a frame: the same but for what plays. Empty where the trace has none of it.
    pub fn selections(self, trace: &Trace, selection: &Selection) -> Vec<Selection> {
        let document = trace.document();
        let Some(block) = document.attention.get(selection.block) else { return Vec::new() };
        match self {
            Self::Tokens => {
                let near = match selection.direction {
                    Direction::AttendsTo => block.query,
                    Direction::AttendedBy => block.key,
                };
                let tokens = 0..document.sequences[near].tokens.len();
                tokens.map(|token| Selection { tokens: vec![token], ..selection.clone() }).collect()
            }
            Self::Layers => {
                let has_head = |layer: &usize| match selection.head {
                    Pick::One(head) => head < trace.heads(selection.block, *layer),
                    _ => true,
                };
                let layers = (0..block.layers).filter(has_head);
                layers.map(|layer| Selection { layer: Pick::One(layer), ..selection.clone() }).collect()
            }
            Self::Heads => {
                let layers = selection.layer.indices(block.layers);
                let heads = layers.map(|layer| trace.heads(selection.block, layer)).min().unwrap_or(0);
                (0..heads).map(|head| Selection { head: Pick::One(head), ..selection.clone() }).collect()
            }
            Self::Outputs => {
                let to = Selection { direction: Direction::AttendsTo, ..selection.clone() };
                let outputs = output_tokens(document, block).into_iter();
                outputs.map(|token| Selection { tokens: vec![token], ..to.clone() }).collect()
            }
        }
    }
}

/// How a view plays.
#[derive(Clone, Copy, Debug)]
pub struct Animation {
    /// What moves.
    pub play: Play,
    /// Frames per second of a GIF.
    pub frames_per_second: f32,
    /// In logical pixels.
    pub size: Vec2,
    /// Pixels per logical pixel.
    pub scale: f32,
}

impl Animation {
    /// Writes the animation: a GIF that starts again at its end, or, where the path ends on no `.gif`, a folder of pictures
    /// `frame-0000.png` and on, in the place of those of an earlier one. `on_frame` is told of each frame that is drawn, and of how many there are.
    ///
    /// # Errors
    /// If there is nothing to play, a frame fails, or a file cannot be written.
    pub fn write(
        &self,
        path: &Path,
        open: &OpenTrace,
        state: &ViewState,
        solver: &Solver,
        headless: &mut Headless,
        mut on_frame: impl FnMut(usize),
    ) -> Result<()> {
        let view = state.view.context("one view is played, not the window")?;
        let selections = self.play.selections(&open.trace, &state.selection);
        ensure!(!selections.is_empty(), "there are no {} to play", self.play.name());
        let draw = |selection: &Selection| {
            let nothing = Results::default();
            let inputs = Inputs::new(open, selection, &state.options, &nothing, self.size);
            let results = solver.results(open, &needs(view, &inputs), &AtomicBool::new(false))?;
            let inputs = Inputs { results: &results, ..inputs };
            on_frame(selections.len());
            Ok(headless.draw_view(view, &inputs, self.scale)?)
        };
        let frames = selections.iter().map(draw);
        if Format::of(path) == Ok(Format::Gif) {
            write_gif(path, self.frames_per_second, frames)
        } else {
            write_folder(path, frames)
        }
    }
}

fn write_gif(path: &Path, frames_per_second: f32, frames: impl Iterator<Item = Result<RgbaImage>>) -> Result<()> {
    let unwritten = || format!("cannot write {}", path.display());
    let mut file = NewFile::beside(path).with_context(unwritten)?;
    let mut gif = GifEncoder::new_with_speed(&mut file, GIF_SPEED);
    gif.set_repeat(Repeat::Infinite).with_context(unwritten)?;
    let milliseconds = (1000.0 / frames_per_second).round() as u32;
    for frame in frames {
        let frame = Frame::from_parts(frame?, 0, 0, Delay::from_numer_denom_ms(milliseconds, 1));
        gif.encode_frame(frame).with_context(unwritten)?;
    }
    // It writes the end.
    drop(gif);
    file.finish().with_context(unwritten)
}

fn write_folder(folder: &Path, frames: impl Iterator<Item = Result<RgbaImage>>) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let path_of = |number: usize| folder.join(format!("frame-{number:04}.png"));
    let mut count = 0;
    for frame in frames {
        write_png(&frame?, &path_of(count))?;
        count += 1;
    }
    // Whoever makes a film of the folder must not find the end of an earlier one.
    for stale in (count..).map(path_of).take_while(|path| path.exists()) {
        std::fs::remove_file(&stale).with_context(|| format!("cannot remove {}", stale.display()))?;
    }
    Ok(())
}
