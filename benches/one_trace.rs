//! What a user waits for on one trace of 12 layers × 12 heads × 185 tokens, on whatever adapter there is.
//!
//! `cargo bench` prints the medians; criterion keeps them in target/criterion.

use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::AtomicBool;

use criterion::Criterion;
use glam::Vec2;
use vlscope::analysis::pool::{Pooling, Tiling};
use vlscope::analysis::statistics::Options as StatisticOptions;
use vlscope::analysis::{Engine, Pick, Selection};
use vlscope::gpu::AdapterChoice;
use vlscope::headless::Headless;
use vlscope::query::{OpenTrace, Results, Solver};
use vlscope::trace::{Dtype, Synthetic, Trace};
use vlscope::view::{Inputs, Options, View, needs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trace.safetensors");
    let synthetic =
        Synthetic { layers: 12, heads: 12, text: 41, rows: 12, columns: 12, dim: 768, dtype: Dtype::F32, seed: 0 };
    synthetic.write(&path, &mut |_| {})?;
    let open = OpenTrace::open(&path)?;
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();

    criterion
        .bench_function("open", |bencher| bencher.iter(|| Trace::open(black_box(&path)).map(|trace| trace.bytes())));
    let engine = Engine::cpu();
    criterion.bench_function("statistics on the processor", |bencher| {
        bencher.iter(|| engine.statistics(&open.trace, 0, &StatisticOptions::default(), &mut |_, _| true));
    });
    let tiling = Tiling::within(32, [185, 185], Pooling::Maximum);
    criterion.bench_function("tiles of all heads on the processor", |bencher| {
        bencher.iter(|| engine.pool(&open.trace, 0, &tiling, &|| true));
    });

    let selection = |head, token| Selection {
        layer: Pick::One(6),
        head: Pick::One(head),
        tokens: vec![token],
        ..Selection::default()
    };
    let options = Options { statistic: "mass.text.image".to_owned(), ..Options::default() };
    let (solver, stop, nothing) = (Solver::new(Engine::cpu()), AtomicBool::new(false), Results::default());
    let size = Vec2::new(640.0, 480.0);
    let needs_of = |views: &[View], selection: &Selection| -> Vec<_> {
        views.iter().flat_map(|&view| needs(view, &Inputs::new(&open, selection, &options, &nothing, size))).collect()
    };
    let of_click = [View::Heads, View::Image, View::Text, View::Matrix, View::Links];
    let mut head = 0;
    criterion.bench_function("what five views need after a click", |bencher| {
        bencher.iter(|| {
            head = (head + 1) % 12;
            let asked = needs_of(&of_click, &selection(head, head + 1));
            solver.results(&open, &asked, &stop).map(|results| results.failures().len())
        });
    });

    let mut headless = Headless::new(&AdapterChoice::Auto)?;
    let shown = selection(3, 1);
    let results = solver.results(&open, &needs_of(&View::all(), &shown), &stop)?;
    for view in View::all() {
        let inputs = Inputs::new(&open, &shown, &options, &results, size);
        criterion.bench_function(&format!("draw {view} at 640x480 and read it back"), |bencher| {
            bencher.iter(|| headless.draw_view(view, &inputs, 1.0).map(|picture| picture.len()));
        });
    }
    criterion.final_summary();
    Ok(())
}
