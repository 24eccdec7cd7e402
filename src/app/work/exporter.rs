//! Saves or copies what a view shows, in a thread of its own: drawing and encoding take longer than a frame has.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use egui::ColorImage;
use glam::Vec2;

use crate::analysis::{Compute, Engine};
use crate::app::model::choices::{Export, Playing};
use crate::app::work::destination::Destination;
use crate::dataset::notes::{Notes, Place};
use crate::export::{Animation, Figure, FigurePanel, Format, ViewState, name_of, plain, write_drawing, write_view};
use crate::gpu::Gpu;
use crate::headless::Headless;
use crate::query::{OpenTrace, Results, Solver};
use crate::render::{Drawing, Fonts};
use crate::view::{Inputs, Options, needs, needs_for_numbers};

/// One view to be exported.
pub struct Job {
    /// What becomes of it.
    pub export: Export,
    /// The trace.
    pub open: Arc<OpenTrace>,
    /// What is shown; its view is the one that is exported.
    pub state: ViewState,
    /// What is known already.
    pub results: Results,
    /// Of the picture, in logical pixels.
    pub size: Vec2,
    /// Pixels per logical pixel.
    pub scale: f32,
    /// What plays in a GIF or a folder of pictures.
    pub playing: Playing,
    /// Where files go.
    pub destination: Destination,
    /// Which engine computes.
    pub compute: Compute,
    /// The most bytes of attention on the device.
    pub budget_bytes: u64,
}

/// A drawing of what is no view of one trace, to be exported as a picture.
pub struct DrawingJob {
    /// The drawing.
    pub drawing: Drawing,
    /// What the file is called, without its ending.
    pub name: String,
    /// What becomes of it.
    pub export: Export,
    /// Pixels per logical pixel.
    pub scale: f32,
    /// Where files go.
    pub destination: Destination,
}

/// A figure of several panels, to be written.
pub struct FigureJob {
    /// The panels.
    pub panels: Vec<FigurePanel>,
    /// How they become one.
    pub figure: Figure,
    /// What is written.
    pub format: Format,
    /// Pixels per logical pixel.
    pub scale: f32,
    /// Where it goes.
    pub destination: Destination,
    /// Which engine computes.
    pub compute: Compute,
    /// The most bytes of attention on the device.
    pub budget_bytes: u64,
}

/// What came of it.
#[derive(Debug)]
pub enum Done {
    /// The user was asked where it should go, and thought better of it.
    Nothing,
    /// It is in this file or folder.
    Saved(PathBuf),
    /// The notes of a dataset are these now; the file, where the dataset's folder takes none, and whether a label of an example changed.
    Noted { place: Place, notes: Result<Notes, String>, elsewhere: Option<PathBuf>, is_of_example: bool },
    /// It is to go to the clipboard.
    Picture(ColorImage),
}

impl Job {
    /// Does it.
    ///
    /// # Errors
    /// If the view cannot be drawn or a file not be written.
    pub fn run(self, gpu: &Arc<Gpu>) -> Result<Done> {
        let view = self.state.view.context("no view is named")?;
        let ending = match self.export {
            Export::File(format) => format!(".{}", format.extension()),
            Export::Frames | Export::CopyPicture => String::new(),
        };
        let path = match self.export {
            Export::CopyPicture => PathBuf::new(),
            Export::File(_) | Export::Frames => {
                let name = name_of(self.open.document(), view, &self.state.selection);
                match self.destination.new_path(&name, &ending)? {
                    Some(path) => path,
                    None => return Ok(Done::Nothing),
                }
            }
        };
        let format = match self.export {
            Export::File(Format::Gif) | Export::Frames => return self.animate(&path, gpu),
            Export::File(format) => Some(format),
            Export::CopyPicture => None,
        };
        let options = Options { is_cropped: true, ..self.state.options.clone() };
        let inputs = Inputs::new(&self.open, &self.state.selection, &options, &self.results, self.size);
        let asked = match format.is_none_or(Format::is_picture) {
            true => needs(view, &inputs),
            false => needs_for_numbers(view, &inputs),
        };
        let computed = match self.results.settle(&asked) {
            true => None,
            false => Some(self.solver(gpu).results(&self.open, &asked, &AtomicBool::new(false))?),
        };
        let inputs = Inputs { results: computed.as_ref().unwrap_or(&self.results), ..inputs };
        let picture = || Ok(Headless::on(Arc::clone(gpu)).draw_view(view, &inputs, self.scale)?);
        let Some(format) = format else {
            return Ok(copied(&picture()?));
        };
        write_view(view, &inputs, &path, format, picture)?;
        Ok(Done::Saved(path))
    }

    fn animate(&self, path: &Path, gpu: &Arc<Gpu>) -> Result<Done> {
        let Playing { play, frames_per_second, .. } = self.playing;
        let animation = Animation { play, frames_per_second, size: self.size, scale: self.scale };
        let (solver, mut headless) = (self.solver(gpu), Headless::on(Arc::clone(gpu)));
        animation.write(path, &self.open, &self.state, &solver, &mut headless, |_| {})?;
        Ok(Done::Saved(path.to_owned()))
    }

    fn solver(&self, gpu: &Arc<Gpu>) -> Solver {
        solver(gpu, self.compute, self.budget_bytes)
    }
}

impl FigureJob {
    /// Does it.
    ///
    /// # Errors
    /// If a panel cannot be drawn or the file not be written.
    pub fn run(self, gpu: &Arc<Gpu>) -> Result<Done> {
        let solver = solver(gpu, self.compute, self.budget_bytes);
        let drawing = self.figure.draw(&self.panels, &solver, &mut Fonts::new())?;
        let trace = self.panels.first().and_then(|panel| panel.state.trace.as_deref()?.file_stem());
        let name = format!("{}_figure", plain(&trace.unwrap_or_default().to_string_lossy()));
        let ending = format!(".{}", self.format.extension());
        let Some(path) = self.destination.new_path(&name, &ending)? else { return Ok(Done::Nothing) };
        let picture = || Ok(Headless::on(Arc::clone(gpu)).draw(&drawing, self.scale)?);
        write_drawing(&drawing, &path, self.format, picture)?;
        Ok(Done::Saved(path))
    }
}

/// One of its own: the window's is busy with what is clicked meanwhile.
fn solver(gpu: &Arc<Gpu>, compute: Compute, budget_bytes: u64) -> Solver {
    let engine = Engine::new(Some(Arc::clone(gpu)), compute, budget_bytes);
    Solver::new(engine.unwrap_or_else(|_| Engine::cpu()))
}

impl DrawingJob {
    /// Does it.
    ///
    /// # Errors
    /// If it cannot be drawn or the file not be written.
    pub fn run(self, gpu: &Arc<Gpu>) -> Result<Done> {
        let picture = || Ok(Headless::on(Arc::clone(gpu)).draw(&self.drawing, self.scale)?);
        let Export::File(format) = self.export else { return Ok(copied(&picture()?)) };
        let ending = format!(".{}", format.extension());
        let Some(path) = self.destination.new_path(&self.name, &ending)? else { return Ok(Done::Nothing) };
        write_drawing(&self.drawing, &path, format, picture)?;
        Ok(Done::Saved(path))
    }
}

fn copied(picture: &image::RgbaImage) -> Done {
    let size = [picture.width() as usize, picture.height() as usize];
    Done::Picture(ColorImage::from_rgba_premultiplied(size, picture))
}
