//! The small pictures in the browser: decoded in a worker for the rows on screen alone.

use std::collections::HashMap;
use std::sync::Arc;

use egui::{ColorImage, Context, TextureHandle, TextureOptions};

use crate::app::work::about::About;
use crate::app::work::latest::{Job, Latest};
use crate::dataset::Dataset;

/// More are let go: a screen has some dozens.
const MOST: usize = 1024;

type Pictures = Vec<(u32, Option<ColorImage>)>;

/// Pictures by row.
pub struct Textures {
    worker: Latest<About<Dataset, Vec<u32>>, Pictures>,
    /// Whose they are.
    serial: u64,
    shown: HashMap<u32, Option<TextureHandle>>,
    wanted: Vec<u32>,
}

impl Textures {
    /// Starts the worker. `wake` asks for a frame from any thread.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let decode = |(): &mut (), About { subject, question, .. }: &About<Dataset, Vec<u32>>, _: &Job<'_, _, _>| {
            let pictures = subject.thumbnails(question).into_iter().map(|picture| {
                picture.map(|rgb| ColorImage::from_rgb([rgb.width() as usize, rgb.height() as usize], rgb.as_raw()))
            });
            Ok(question.iter().copied().zip(pictures).collect())
        };
        let worker = Latest::start(wake, || (), decode);
        Self { worker, serial: 0, shown: HashMap::new(), wanted: Vec::new() }
    }

    /// The picture of a row on screen, once it is there and if there is one.
    pub fn get(&mut self, row: u32) -> Option<&TextureHandle> {
        if !self.shown.contains_key(&row) {
            self.wanted.push(row);
        }
        self.shown.get(&row)?.as_ref()
    }

    /// The device that held them is lost.
    pub fn forget(&mut self) {
        self.shown.clear();
        self.asked.clear();
    }

    /// Whether pictures on screen are still being decoded.
    pub fn is_waiting(&self) -> bool {
        !self.worker.is_settled()
    }

    /// Takes what was decoded, and asks for what was looked for in this frame.
    pub fn refresh(&mut self, context: &Context, dataset: Option<&Arc<Dataset>>, serial: u64) {
        if serial != self.serial {
            self.shown.clear();
            self.wanted.clear();
            self.worker.forget();
            self.serial = serial;
        }
        if let Some(pictures) = self.worker.take() {
            if self.shown.len() > MOST {
                self.shown.clear();
            }
            // Rows whose pictures cannot be decoded are shown without.
            let failed = || self.worker.asked().map_or(&[][..], |asked| &asked.question).iter().map(|&row| (row, None));
            for (row, picture) in pictures.unwrap_or_else(|_| failed().collect()) {
                let load = |picture| context.load_texture(format!("example {row}"), picture, TextureOptions::LINEAR);
                self.shown.insert(row, picture.map(load));
            }
        }
        let wanted = std::mem::take(&mut self.wanted);
        if let Some(dataset) = dataset.filter(|_| !wanted.is_empty()) {
            let request = About::dataset(dataset, serial, wanted);
            if self.worker.is_settled() {
                self.worker.ask_anew(request);
            } else {
                self.worker.ask(request);
            }
        }
    }
}
