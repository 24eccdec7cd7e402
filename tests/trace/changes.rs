//! A trace that another process replaces, shortens or deletes while it is open: an error that names it, before anything
//! is read.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use glam::Vec2;
use vlscope::analysis::pool::{Pooling, Tiling};
use vlscope::analysis::statistics::Options;
use vlscope::analysis::{Engine, Selection};
use vlscope::query::{OpenTrace, Results, Solver, Weights};
use vlscope::trace::Trace;
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
        said(engine.gather(trace, &selection).err().map(|error| error.to_string()));
        let tiling = Tiling::within(4, [8, 8], Pooling::Maximum, false);
        said(engine.pool(trace, 0, &tiling, || true).err().map(|error| error.to_string()));
        said(engine.output_masses(trace, 0, &[], || true).err().map(|error| error.to_string()));
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
