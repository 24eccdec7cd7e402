//! What a user waits for on one trace of 12 layers × 12 heads × 185 tokens, on whatever adapter there is.
//!
//! `cargo bench` prints the medians; criterion keeps them in target/criterion.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use criterion::Criterion;
use glam::Vec2;
use vlscope::analysis::pool::{Pooling, Tiling};
use vlscope::analysis::projection::Recipe;
use vlscope::analysis::statistics::Options as StatisticOptions;
use vlscope::analysis::{Engine, Pick, Selection};
use vlscope::gpu::AdapterChoice;
use vlscope::headless::Headless;
use vlscope::query::{Analyst, OpenTrace, ProjectionQuestion, Projector, Question};
use vlscope::trace::{Dtype, Synthetic, Trace};
use vlscope::view::{Evidence, Inputs, Options, View};

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
    let tiling = Tiling::within(32, [185, 185], Pooling::Maximum, false);
    criterion.bench_function("tiles of all heads on the processor", |bencher| {
        bencher.iter(|| engine.pool(&open.trace, 0, &tiling, || true));
    });

    let question = |head, token| Question {
        selection: Selection {
            layer: Pick::One(6),
            head: Pick::One(head),
            tokens: vec![token],
            ..Selection::default()
        },
        statistic: "mass.text.image".to_owned(),
        ..Question::default()
    };
    let mut analyst = Analyst::new(Engine::cpu());
    let go_on = AtomicBool::new(false);
    analyst.answer(&open, &question(0, 1), &go_on)?;
    let mut head = 0;
    criterion.bench_function("evidence after a click", |bencher| {
        bencher.iter(|| {
            head = (head + 1) % 12;
            analyst.answer(&open, &question(head, head + 1), &go_on).map(|evidence| evidence.matrix_max)
        });
    });

    let mut headless = Headless::new(&AdapterChoice::Auto)?;
    let asked = Question { thumbnails: Some((32, Pooling::Maximum)), per_head: true, ..question(3, 1) };
    let mut evidence: Evidence = analyst.answer(&open, &asked, &go_on)?;
    if let Some(question) = ProjectionQuestion::of(open.document(), &asked, Recipe::default()) {
        evidence.projection = Some(Arc::new(Projector::default().project(&open, &question, &mut |_| true)?));
    }
    let options = Options { statistic: asked.statistic.clone(), ..Options::default() };
    for view in View::all() {
        let inputs = Inputs {
            document: open.document(),
            images: &open.images,
            selection: &asked.selection,
            hover: None,
            options: &options,
            evidence: &evidence,
            size: Vec2::new(640.0, 480.0),
        };
        criterion.bench_function(&format!("draw {view} at 640x480 and read it back"), |bencher| {
            bencher.iter(|| headless.draw_view(view, &inputs, 1.0).map(|picture| picture.len()));
        });
    }
    criterion.final_summary();
    Ok(())
}
