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
use super::values::parse_size;
use crate::analysis::Engine;
use crate::analysis::projection::{Method, Recipe, project};
use crate::analysis::statistics::Options as StatisticOptions;
use crate::app::Launch;
use crate::gpu::{Gpu, PageKey};
use crate::query::{Analyst, OpenTrace};

use self::bandwidth::{Bandwidth, bandwidth};
use self::clicks::{Timings, engine_clicks, opening, window_clicks};
use self::timing::{Timing, measure};

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
    /// On a hardware adapter whose budget holds the first block.
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_statistics: Option<Bandwidth>,
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
    let computed_by = if engine.runs_shaders() { "shaders" } else { "processor" };
    let open = Arc::new(OpenTrace::open(&arguments.trace)?);
    ensure!(
        !open.document().attention.is_empty(),
        "the trace holds no attention, and nothing else is measured: {}",
        arguments.trace.display()
    );
    let mut numbers_ms = numbers(&engine, &open)?;
    numbers_ms.insert("upload".to_owned(), upload(&gpu, &open, budget_bytes)?);
    let mut analyst = Analyst::new(engine);
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        adapter: gpu.info.name.clone(),
        driver: gpu.info.driver_info.clone(),
        computed_by,
        threads: rayon::current_num_threads(),
        trace: open.summary(),
        size: arguments.size,
        click_to_frame_ms: engine_clicks(&gpu, &open, &mut analyst, size, false)?,
        hover_to_frame_ms: engine_clicks(&gpu, &open, &mut analyst, size, true)?,
        window_ms: window_clicks(&gpu, &launch, size)?,
        open_ms: opening(&gpu, &launch, size)?,
        pan_ms: passes::panning(&gpu, size)?,
        numbers_ms,
        resident_statistics: if gpu.is_software() { None } else { bandwidth(&gpu, &open, budget_bytes)? },
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

/// All pages of the first block, until the device has them.
fn upload(gpu: &Arc<Gpu>, open: &OpenTrace, budget_bytes: u64) -> Result<Timing> {
    let layers = open.document().attention.first().map_or(0, |block| block.layers);
    measure(STATISTICS_RUNS, |_| {
        gpu.drop_pages();
        gpu.set_page_budget(budget_bytes);
        for layer in 0..layers {
            let view = open.trace.attention(0, layer);
            for heads in gpu.runs(&view)? {
                let key = PageKey { trace: open.trace.serial(), block: 0, layer, first_head: heads.start };
                gpu.page(key, &view, &heads)?;
            }
        }
        Ok(gpu.wait()?)
    })
}

impl Report {
    fn print(&self) -> Result<()> {
        println!("vlscope {}", self.version);
        println!("{} ({}), numbers by the {}, {} threads", self.adapter, self.driver, self.computed_by, self.threads);
        println!("{}, {}×{} pixels\n", self.trace, self.size[0], self.size[1]);
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
        if let Some(Bandwidth { copy_gb_per_s, statistics_gb_per_s, ratio }) = &self.resident_statistics {
            println!(
                "\nstatistics of resident pages: {statistics_gb_per_s:.0} GB/s, a copy {copy_gb_per_s:.0}: {ratio:.2}"
            );
        }
        Ok(())
    }
}
