//! `vlscope bench`: what a user waits for on a trace or a dataset, on whatever adapter there is. It opens no window and reads no
//! other file. What two of its figures say is compared by people: each is the time of one thing, from its command until
//! the device has finished the pictures.

mod bandwidth;
mod computed;
mod dataset;
mod measurements;
mod passes;
mod trace;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};
use clap::Args;
use glam::Vec2;

use self::measurements::Measurements;
use super::adapter::AdapterArguments;
use crate::analysis::Engine;
use crate::app::Launch;
use crate::gpu::Gpu;
use crate::query::{OpenTrace, Solver};
use crate::trace::Stored;
use crate::typed::parse_size;

const EXAMPLES: &str = "Examples:
  vlscope synth --layers 12 --heads 12 --text 41 --grid 12x12 --dim 768 -o t.safetensors
  vlscope bench t.safetensors
  vlscope bench t.safetensors --json --size 1920x1080
  vlscope bench video.safetensors --numbers --compute gpu
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
    /// Only numbers: no pictures and no window.
    #[arg(long)]
    numbers: bool,
    /// Width and height of every picture, in pixels.
    #[arg(long, value_name = "WxH", value_parser = parse_size, default_value = "1280x720")]
    size: [f32; 2],
    #[command(flatten)]
    adapter: AdapterArguments,
}

pub fn run(arguments: &Arguments) -> Result<()> {
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
    let mut found = Measurements::default();
    found.facts = vec![
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("adapter", gpu.info.name.as_str().into()),
        ("driver", gpu.info.driver_info.as_str().into()),
        ("threads", rayon::current_num_threads().into()),
        ("size", arguments.size.to_vec().into()),
    ];
    match arguments.trace.is_dir() {
        true => dataset::measure_dataset(&mut found, &arguments.trace, &gpu, &launch, arguments.size)?,
        false => measure_trace(&mut found, arguments, &gpu, &launch)?,
    }
    found.print(arguments.json)
}

fn measure_trace(found: &mut Measurements, arguments: &Arguments, gpu: &Arc<Gpu>, launch: &Launch) -> Result<()> {
    let size = Vec2::from(arguments.size);
    let budget_bytes = arguments.adapter.budget_bytes(gpu);
    let engine = Engine::new(Some(Arc::clone(gpu)), arguments.adapter.compute(), budget_bytes)?;
    let runs_shaders = engine.runs_shaders();
    let open = Arc::new(OpenTrace::open(&arguments.trace)?);
    ensure!(
        !open.document().attention.is_empty(),
        "the trace holds no attention, and nothing else is measured: {}",
        arguments.trace.display()
    );
    found.facts.push(("computed_by", if runs_shaders { "shaders" } else { "processor" }.into()));
    found.facts.push(("trace", open.summary().into()));
    let is_computed = matches!(open.document().attention[0].stored, Stored::QueriesKeys { .. });
    if is_computed {
        computed::numbers(found, gpu, &engine, &open)?;
    }
    trace::numbers(found, &engine, &open)?;
    let upload = bandwidth::upload(found, gpu, &open, budget_bytes)?;
    if !arguments.numbers {
        trace::engine_clicks(found, gpu, &open, &Solver::new(engine), size)?;
        trace::window(found, gpu, launch, size)?;
        passes::panning(found, gpu, size)?;
    }
    if runs_shaders && is_computed {
        found.facts.push(("strip", computed::products(gpu, &open)?));
    } else if runs_shaders {
        found.facts.push(("bandwidth", bandwidth::bandwidth(gpu, &open, budget_bytes, &upload)?));
    }
    Ok(())
}
