//! `vlscope bench`: what a user waits for on a trace or a dataset, on whatever adapter there is. It opens no window and reads no
//! other file. What two of its figures say is compared by people: each is the time of one thing, from its command until
//! the device has finished the pictures.

mod bandwidth;
mod clicks;
mod dataset;
mod passes;
mod timing;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};
use clap::Args;
use glam::Vec2;
use serde::Serialize;

use super::adapter::AdapterArguments;
use super::table::{print_json, print_rows};
use super::terminal;
use super::values::parse_size;
use crate::analysis::Engine;
use crate::analysis::projection::{Method, Recipe, project};
use crate::analysis::statistics::Options as StatisticOptions;
use crate::app::Launch;
use crate::gpu::Gpu;
use crate::query::{OpenTrace, Solver};

use self::bandwidth::{Bandwidth, bandwidth, upload};
use self::clicks::{Timings, engine_clicks, opening, window_clicks};
use self::timing::measure;

const STATISTICS_RUNS: usize = 5;
const PROJECTION_RUNS: usize = 3;

const EXAMPLES: &str = "Examples:
  vlscope synth --layers 12 --heads 12 --text 41 --grid 12x12 --dim 768 -o t.safetensors
  vlscope bench t.safetensors
  vlscope bench t.safetensors --json --size 1920x1080
  vlscope bench traces/ --json";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace; or a folder of traces with an index.
    #[arg(value_name = "TRACE|DIR")]
    trace: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Width and height of every picture, in pixels.
    #[arg(long, value_name = "WxH", value_parser = parse_size, default_value = "1280x720")]
    size: [f32; 2],
    #[command(flatten)]
    adapter: AdapterArguments,
}

/// All times in milliseconds.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    adapter: String,
    /// The adapter's driver.
    driver: String,
    /// `shaders` or `processor`: what computed the numbers.
    computed_by: &'static str,
    threads: usize,
    trace: String,
    size: [f32; 2],
    /// The engine: from a click to each view's texture of that size, and to those of all views in a window of it.
    click_to_frame_ms: Timings,
    /// The same for what the pointer is over.
    hover_to_frame_ms: Timings,
    /// The window: the same clicks with egui's layout and drawing, all views on one frame.
    window_ms: Timings,
    /// From an open device to a window that shows the trace, and to one that has all of its numbers.
    open_ms: Timings,
    /// The passes alone, while the user pans.
    pan_ms: Timings,
    /// Numbers that are computed once for a trace.
    numbers_ms: Timings,
    /// Where shaders compute.
    #[serde(skip_serializing_if = "Option::is_none")]
    bandwidth: Option<Bandwidth>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let size = Vec2::from(arguments.size);
    let gpu = Arc::new(Gpu::open(&arguments.adapter.choice())?);
    let launch = Launch {
        path: Some(arguments.trace.clone()),
        adapter: arguments.adapter.choice(),
        compute: arguments.adapter.compute(),
        gpu_memory_bytes: arguments.adapter.gpu_memory,
        screenshot_dir: None,
        is_remembered: false,
        state: None,
        index_dir: None,
    };
    if arguments.trace.is_dir() {
        return dataset::run(&arguments.trace, &gpu, &launch, arguments.size, arguments.json);
    }
    let budget_bytes = arguments.adapter.budget_bytes(&gpu);
    let engine = Engine::new(Some(Arc::clone(&gpu)), arguments.adapter.compute(), budget_bytes)?;
    let runs_shaders = engine.runs_shaders();
    let open = Arc::new(OpenTrace::open(&arguments.trace)?);
    ensure!(
        !open.document().attention.is_empty(),
        "the trace holds no attention, and nothing else is measured: {}",
        arguments.trace.display()
    );
    let mut numbers_ms = numbers(&engine, &open)?;
    let upload = upload(&gpu, &open, budget_bytes)?;
    numbers_ms.insert("upload".to_owned(), upload);
    let solver = Solver::new(engine);
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        adapter: gpu.info.name.clone(),
        driver: gpu.info.driver_info.clone(),
        computed_by: if runs_shaders { "shaders" } else { "processor" },
        threads: rayon::current_num_threads(),
        trace: open.summary(),
        size: arguments.size,
        click_to_frame_ms: engine_clicks(&gpu, &open, &solver, size, false)?,
        hover_to_frame_ms: engine_clicks(&gpu, &open, &solver, size, true)?,
        window_ms: window_clicks(&gpu, &launch, size)?,
        open_ms: opening(&gpu, &launch, size)?,
        pan_ms: passes::panning(&gpu, size)?,
        numbers_ms,
        bandwidth: runs_shaders.then(|| bandwidth(&gpu, &open, budget_bytes, &upload)).transpose()?,
    };
    if arguments.json { print_json(&report) } else { report.print() }
}

fn numbers(engine: &Engine, open: &OpenTrace) -> Result<Timings> {
    let statistics = measure(STATISTICS_RUNS, |_| {
        engine.statistics(&open.trace, 0, &StatisticOptions::default(), &mut |_, _| true)?;
        Ok(())
    })?;
    let mut timings = Timings::from([("statistics".to_owned(), statistics)]);
    let document = open.document();
    if let Some(last) = document.hidden.first().and_then(|hidden| hidden.states.checked_sub(1)) {
        let states = [open.trace.hidden(0, last)];
        for method in Method::ALL {
            let recipe = Recipe { method, ..Recipe::default() };
            let timing = measure(PROJECTION_RUNS, |_| {
                project(recipe, &states, &mut |_| true)?;
                Ok(())
            })?;
            timings.insert(format!("{method} of a hidden state"), timing);
        }
    }
    Ok(timings)
}

impl Report {
    fn print(&self) -> Result<()> {
        let Self { version, adapter, driver, computed_by, threads, trace, size: [width, height], .. } = self;
        terminal::print(format_args!(
            "vlscope {version}\n{adapter} ({driver}), numbers by the {computed_by}, {threads} threads\n\
             {trace}, {width}×{height} pixels\n"
        ))?;
        let parts = [
            ("click to frame", &self.click_to_frame_ms),
            ("hover to frame", &self.hover_to_frame_ms),
            ("window, click on", &self.window_ms),
            ("open", &self.open_ms),
            ("pan", &self.pan_ms),
            ("numbers", &self.numbers_ms),
        ];
        let rows: Vec<Vec<String>> = parts
            .into_iter()
            .flat_map(|(part, timings)| timings.iter().map(move |(name, timing)| (part, name, timing)))
            .map(|(part, name, timing)| {
                let times = [timing.median, timing.min, timing.max].map(|time_ms| format!("{time_ms:.2}"));
                [part.to_owned(), name.clone()].into_iter().chain(times).chain([timing.n.to_string()]).collect()
            })
            .collect();
        print_rows(false, &["", "of", "median ms", "min", "max", "n"], &rows)?;
        if let Some(Bandwidth { upload_gb_per_s, copy_gb_per_s, .. }) = &self.bandwidth {
            terminal::print(format_args!(
                "\nupload {upload_gb_per_s:.1} GB/s, copy within the device {copy_gb_per_s:.1} GB/s"
            ))?;
        }
        if let Some(Bandwidth { statistics_gb_per_s: Some(rate), statistics_share_of_copy: Some(share), .. }) =
            &self.bandwidth
        {
            terminal::print(format_args!("statistics of resident pages {rate:.1} GB/s: {share:.2} of the copy"))?;
        }
        Ok(())
    }
}
