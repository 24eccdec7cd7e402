//! A trace that another process replaces, shortens or deletes while it is open: an error that names it, before anything
//! is read.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use glam::Vec2;
use vlscope::analysis::pool::{Pooling, Tiling};
use vlscope::analysis::statistics::Options;
use vlscope::analysis::{Engine, Pick, Rollout, Selection, WeightKind};
use vlscope::query::{OpenTrace, Results, Solver, Weights};
use vlscope::trace::check::check;
use vlscope::trace::{Dtype, Synthetic, Trace};
use vlscope::view::{Inputs, Options as ViewOptions, View, needs};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const TRACE: &str = "tests/traces/multi-image.safetensors";

fn shorten(path: &Path) -> Result {
    let file = File::options().write(true).open(path)?;
    Ok(file.set_len(file.metadata()?.len() / 2)?)
}

fn replace(path: &Path) -> Result {
    let other = path.with_extension("new");
    fs::copy(TRACE, &other)?;
    Ok(fs::rename(other, path)?)
}

type Change = fn(&Path) -> Result;

fn delete(path: &Path) -> Result {
    Ok(fs::remove_file(path)?)
}

#[test]
fn every_question_about_a_changed_file_is_an_error_that_names_it() -> Result {
    let changes: [(Change, &str); 3] = [
        (shorten, "changed on disk since it was opened"),
        (replace, "changed on disk since it was opened"),
        (delete, "is gone since it was opened"),
    ];
    for (change, says) in changes {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("trace.safetensors");
        fs::copy(TRACE, &path)?;
        let open = OpenTrace::open(&path)?;
        let (solver, stop) = (Solver::new(Engine::cpu()), AtomicBool::new(false));
        let selection = Selection { tokens: vec![0], ..Selection::default() };
        let weights = Weights::of(&selection);
        solver.solve(&open, &weights, &stop)?;
        assert_eq!(open.trace.check_unchanged().err().map(|error| error.to_string()), None);

        change(&path)?;
        let expected = format!("{says}: {}", path.display());
        let (trace, engine) = (&open.trace, Engine::cpu());
        let said = |error: Option<String>| assert_eq!(error.as_deref(), Some(expected.as_str()));
        said(trace.check_unchanged().err().map(|error| error.to_string()));
        said(solver.solve(&open, &weights, &stop).err().map(|error| error.to_string()));
        said(engine.statistics(trace, 0, &Options::default(), &mut |_, _| true).err().map(|error| error.to_string()));
        said(engine.gather(trace, &selection, &|| true).err().map(|error| error.to_string()));
        let tiling = Tiling::within(4, [8, 8], Pooling::Maximum);
        said(engine.pool(trace, 0, &tiling, &|| true).err().map(|error| error.to_string()));
        said(engine.output_masses(trace, 0, &WeightKind::Raw, &[], &|| true).err().map(|error| error.to_string()));
        let options = ViewOptions { statistic: "entropy".to_owned(), ..ViewOptions::default() };
        let nothing = Results::default();
        for view in View::all() {
            let inputs = Inputs::new(&open, &selection, &options, &nothing, Vec2::splat(400.0));
            for asked in needs(view, &inputs) {
                let results = solver.results(&open, std::slice::from_ref(&asked), &stop)?;
                assert_eq!(results.failures(), [expected.as_str()], "{view}: {asked:?}");
            }
        }
    }
    Ok(())
}

/// A trace of 30 pages or more.
fn long_trace(folder: &Path) -> Result<Trace> {
    let path = folder.join("trace.safetensors");
    Synthetic { layers: 6, heads: 4, text: 10, rows: 8, columns: 8, dim: 64, dtype: Dtype::F32, seed: 0 }
        .write(&path, &mut |_| ())?;
    Ok(Trace::open(&path)?)
}

/// Whoever reads on behind the new end reads zeros, and hears of it.
#[test]
fn what_was_cut_off_is_zeros_and_known_to_be() -> Result {
    let folder = tempfile::tempdir()?;
    let trace = long_trace(folder.path())?;
    shorten(trace.path())?;
    assert!(trace.attention(0, 0).to_f32().iter().any(|weight| *weight > 0.0) && !trace.is_torn());
    assert!(trace.attention(0, 5).to_f32().iter().all(|weight| *weight == 0.0) && trace.is_torn());
    let said = trace.check_unchanged().err().map(|error| error.message);
    assert_eq!(said.as_deref(), Some("changed on disk since it was opened"));
    // Not even a file that is as long again is that which was read.
    File::options().write(true).open(trace.path())?.set_len(trace.bytes() as u64)?;
    assert!(trace.check_unchanged().is_err());
    Ok(())
}

#[test]
fn walks_over_a_file_that_is_cut_meanwhile_end_with_the_error() -> Result {
    let selection = Selection { layer: Pick::Mean, tokens: vec![0], ..Selection::default() };
    let rollout = Selection { weights: WeightKind::Rollout(Rollout::default()), ..selection.clone() };
    let cut = |trace: &Trace| shorten(trace.path()).is_ok();
    type Walk<'a> = &'a dyn Fn(&Trace) -> std::result::Result<(), Box<dyn Error>>;
    let engine = Engine::cpu();
    let tiling = Tiling::within(4, [8, 8], Pooling::Maximum);
    let walks: [Walk<'_>; 5] = [
        &|trace| check(trace, &|_| drop(shorten(trace.path()))).map(drop).map_err(Into::into),
        &|trace| {
            engine.rows(trace, &selection, Vec::new(), &|| true)?.to_matrix(&|| cut(trace));
            Ok(trace.check_unchanged()?)
        },
        &|trace| engine.rows(trace, &rollout, Vec::new(), &|| cut(trace)).map(drop).map_err(Into::into),
        &|trace| engine.pool(trace, 0, &tiling, &|| cut(trace)).map(drop).map_err(Into::into),
        &|trace| engine.output_masses(trace, 0, &WeightKind::Raw, &[], &|| cut(trace)).map(drop).map_err(Into::into),
    ];
    for walk in walks {
        let folder = tempfile::tempdir()?;
        let trace = long_trace(folder.path())?;
        let said = walk(&trace).err().map(|error| error.to_string());
        assert_eq!(said, Some(format!("changed on disk since it was opened: {}", trace.path().display())));
    }
    Ok(())
}

/// What is read between two layers is not read from a file that has been cut meanwhile.
#[test]
fn a_file_that_is_cut_in_the_midst_ends_the_pass() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trace.safetensors");
    fs::copy(TRACE, &path)?;
    let trace = Trace::open(&path)?;
    let mut on_layer = |_, _| shorten(&path).is_ok();
    let outcome = Engine::cpu().statistics(&trace, 0, &Options::default(), &mut on_layer);
    let error = outcome.err().ok_or("it went on")?.to_string();
    assert_eq!(error, format!("changed on disk since it was opened: {}", path.display()));
    Ok(())
}
