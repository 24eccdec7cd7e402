//! The small pictures in the browser: decoded in a worker for the rows on screen alone.

use std::collections::HashMap;
use std::sync::Arc;

use egui::{ColorImage, Context, TextureHandle, TextureOptions};

use crate::app::work::worker::Worker;
use crate::dataset::Dataset;

/// More are let go: a screen has some dozens.
const MOST: usize = 1024;

/// The number of the dataset, the dataset, and its rows.
type Wanted = (u64, Arc<Dataset>, Vec<u32>);
type Decoded = Vec<(u32, Option<ColorImage>)>;

/// Pictures by row.
pub struct Textures {
    worker: Worker<Wanted, (u64, Decoded)>,
    /// Whose they are.
    serial: u64,
    shown: HashMap<u32, Option<TextureHandle>>,
    wanted: Vec<u32>,
    asked: Vec<u32>,
}

impl Textures {
    /// Starts the worker. `wake` asks for a frame from any thread.
    pub fn new(wake: impl Fn() + Send + 'static) -> Self {
        let decode = |(serial, dataset, rows): Wanted, _: &std::sync::atomic::AtomicBool| {
            let pictures = dataset.thumbnails(&rows).into_iter().map(|picture| {
                picture.map(|rgb| ColorImage::from_rgb([rgb.width() as usize, rgb.height() as usize], rgb.as_raw()))
            });
            Some((serial, rows.iter().copied().zip(pictures).collect()))
        };
        Self {
            worker: Worker::start(decode, wake),
            serial: 0,
            shown: HashMap::new(),
            wanted: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// The picture of a row on screen, once it is there and if there is one.
    pub fn get(&mut self, row: u32) -> Option<&TextureHandle> {
        if !self.shown.contains_key(&row) {
            self.wanted.push(row);
        }
        self.shown.get(&row)?.as_ref()
    }

    /// Whether pictures on screen are still being decoded.
    pub fn is_waiting(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Takes what was decoded, and asks for what was looked for in this frame.
    pub fn refresh(&mut self, context: &Context, dataset: Option<&Arc<Dataset>>, serial: u64) {
        if serial != self.serial {
            self.shown.clear();
            self.asked.clear();
            self.wanted.clear();
            self.serial = serial;
        }
        let decoded: Vec<_> = self.worker.answers().collect();
        for (_, pictures) in decoded.into_iter().filter(|(of, _)| *of == serial) {
            if self.shown.len() > MOST {
                self.shown.clear();
            }
            for (row, picture) in pictures {
                let load = |picture| context.load_texture(format!("example {row}"), picture, TextureOptions::LINEAR);
                self.shown.insert(row, picture.map(load));
            }
            self.asked.clear();
        }
        let wanted = std::mem::take(&mut self.wanted);
        if let Some(dataset) = dataset.filter(|_| !wanted.is_empty() && wanted != self.asked) {
            self.asked.clone_from(&wanted);
            self.worker.ask((serial, Arc::clone(dataset), wanted));
        }
    }
}
