//! Places, keeping them, and the nearest tokens, on small datasets that are made here.

use std::collections::HashSet;
use std::error::Error;
use std::path::Path;

use ndarray::Array2;

use super::*;
use crate::analysis::neighbours::Metric;
use crate::analysis::projection::Components;
use crate::dataset::Dataset;
use crate::dataset::index::{Build, BuildOptions};
use crate::trace::{Dtype, Synthetic, Trace};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn write(folder: &Path, seeds: std::ops::Range<u64>, dim: usize) -> Result {
    for seed in seeds {
        let synthetic = Synthetic { layers: 2, heads: 1, text: 7, rows: 3, columns: 3, dim, dtype: Dtype::F32, seed };
        synthetic.write(&folder.join(format!("{seed}.safetensors")), &mut |_| {})?;
    }
    Ok(())
}

fn indexed(folder: &Path) -> Result<Dataset> {
    Build::plan(folder, BuildOptions::default())?.run(&|_| true)?;
    Ok(Dataset::open(folder, None)?)
}

fn opened(dataset: &Dataset, state: usize) -> Result<TokenAtlas> {
    Ok(TokenAtlas::open(dataset.index().ok_or("no index")?, state, &mut |_| true)?)
}

#[test]
fn places_are_those_of_all_states_together() -> Result {
    let folder = tempfile::tempdir()?;
    write(folder.path(), 0..4, 12)?;
    let dataset = indexed(folder.path())?;
    let atlas = opened(&dataset, 2)?;
    let mut values = Vec::new();
    for token in 0..atlas.tokens.len() {
        let row = dataset.table.keys().iter().position(|&key| key == atlas.tokens.key(token)).ok_or("no example")?;
        let trace = Trace::open(&dataset.table.path(row))?;
        let mut state = vec![0.0; 12];
        trace.hidden(0, 2).read(atlas.tokens.position[token] as usize * 12, &mut state);
        values.extend(state);
    }
    let all = Array2::from_shape_vec((atlas.tokens.len(), 12), values)?;
    let components = Components::of(&all);
    for (found, expected) in atlas.points.iter().zip(components.project(&all)) {
        assert!((found[0] - expected[0]).abs() < 1e-4 && (found[1] - expected[1]).abs() < 1e-4);
    }
    assert_eq!((atlas.fitted_on, atlas.explained), (atlas.tokens.len(), components.explained));
    assert_eq!(atlas.tokens.place.iter().flatten().count(), 4 * 9);
    Ok(())
}

#[test]
fn places_are_kept_until_a_part_changes() -> Result {
    let folder = tempfile::tempdir()?;
    write(folder.path(), 0..3, 8)?;
    let dataset = indexed(folder.path())?;
    let first = opened(&dataset, 2)?;
    let second = opened(&dataset, 2)?;
    assert!(!first.was_stored && second.was_stored && first.unkept.is_none());
    assert_eq!((first.points, first.explained), (second.points, second.explained));
    write(folder.path(), 3..4, 8)?;
    let third = opened(&indexed(folder.path())?, 2)?;
    assert!(!third.was_stored && third.points.len() > second.tokens.len());

    // Where nothing can be written beside the parts, they are fitted each time.
    let kept = folder.path().join(".vlscope/tokens");
    std::fs::remove_dir_all(&kept)?;
    std::fs::write(&kept, "in the way")?;
    let unkept = opened(&dataset, 2);
    let unkept = match unkept {
        Ok(atlas) => atlas,
        // The part of the first dataset may have been replaced meanwhile.
        Err(_) => opened(&Dataset::open(folder.path(), None)?, 2)?,
    };
    assert!(unkept.unkept.is_some_and(|why| why.contains("cannot write")));
    Ok(())
}

#[test]
fn a_state_that_is_not_there_and_a_stop_are_said() -> Result {
    let folder = tempfile::tempdir()?;
    write(folder.path(), 0..1, 8)?;
    let dataset = indexed(folder.path())?;
    let index = dataset.index().ok_or("no index")?;
    let missing = TokenAtlas::open(index, 7, &mut |_| true).err().ok_or("there is a state 7")?;
    assert!(missing.to_string().contains("no hidden state 7: there are 2"), "{missing}");
    assert!(matches!(TokenAtlas::open(index, 2, &mut |_| false), Err(TokenError::Cancelled)));
    Ok(())
}

fn token(dataset: &Dataset, row: usize, position: usize) -> TokenKey {
    TokenKey { example: dataset.table.keys()[row], sequence: "main".to_owned(), position }
}

#[test]
fn the_nearest_is_the_same_token_of_a_copy() -> Result {
    let folder = tempfile::tempdir()?;
    write(folder.path(), 0..3, 16)?;
    std::fs::copy(folder.path().join("1.safetensors"), folder.path().join("copy.safetensors"))?;
    let dataset = indexed(folder.path())?;
    let row = (0..dataset.table.len()).find(|&row| dataset.table.path(row).ends_with("1.safetensors")).ok_or("gone")?;
    let name = Trace::open(&dataset.table.path(row))?.document().sequences[0].name.clone();
    for metric in Metric::ALL {
        for position in [0, 3, 9] {
            let key = TokenKey { sequence: name.clone(), ..token(&dataset, row, position) };
            let options = NearestOptions { count: 3, metric, ..NearestOptions::default() };
            let found = nearest(&dataset, 2, &key, options, &|| true)?;
            assert!(found.is_exact && found.same.len() == 3 && found.other.len() == 3);
            let best = &found.same[0];
            assert!(dataset.table.path(best.row).ends_with("copy.safetensors"), "{best:?}");
            assert!(best.key.position == position && best.distance.abs() < 1e-5, "{best:?}");
            assert!(found.same.windows(2).all(|pair| pair[0].distance <= pair[1].distance));
            assert!(found.same.iter().all(|near| near.is_image == found.same[0].is_image));
        }
    }
    let beyond = TokenKey { sequence: name, ..token(&dataset, row, 999) };
    let error = nearest(&dataset, 2, &beyond, NearestOptions::default(), &|| true).err().ok_or("there is one")?;
    assert!(error.to_string().contains("there is no token 999"), "{error}");
    Ok(())
}

/// Reduced states lose little: of the ten nearest of each token at least 95 in 100 are found.
#[test]
fn candidates_by_reduced_states_hold_the_nearest() -> Result {
    let folder = tempfile::tempdir()?;
    write(folder.path(), 0..40, 256)?;
    let dataset = indexed(folder.path())?;
    let name = Trace::open(&dataset.table.path(0))?.document().sequences[0].name.clone();
    let (mut found, mut of) = (0, 0);
    for (row, position) in [(0, 1), (3, 4), (9, 8), (17, 12), (25, 2), (39, 15)] {
        let key = TokenKey { sequence: name.clone(), ..token(&dataset, row, position) };
        let options = |exact_up_to| NearestOptions { count: 10, metric: Metric::Cosine, exact_up_to };
        let exact = nearest(&dataset, 2, &key, options(usize::MAX), &|| true)?;
        let rough = nearest(&dataset, 2, &key, options(0), &|| true)?;
        assert!(exact.is_exact && !rough.is_exact);
        for (exact, rough) in [(&exact.same, &rough.same), (&exact.other, &rough.other)] {
            let rough: HashSet<&TokenKey> = rough.iter().map(|near| &near.key).collect();
            found += exact.iter().filter(|near| rough.contains(&near.key)).count();
            of += exact.len();
        }
    }
    assert!(of >= 120 && found * 100 >= of * 95, "{found} of {of}");
    Ok(())
}

#[test]
fn states_of_another_size_are_no_candidates() -> Result {
    let folder = tempfile::tempdir()?;
    write(folder.path(), 0..20, 96)?;
    write(folder.path(), 20..22, 80)?;
    let dataset = indexed(folder.path())?;
    let row =
        (0..dataset.table.len()).find(|&row| dataset.table.path(row).ends_with("20.safetensors")).ok_or("gone")?;
    for exact_up_to in [0, usize::MAX] {
        let options = NearestOptions { count: 40, metric: Metric::Euclidean, exact_up_to };
        let found = nearest(&dataset, 2, &token(&dataset, row, 1), options, &|| true)?;
        assert_eq!((found.same.len(), found.other.len(), found.scanned), (13, 18, 31), "two traces of 7 and 9 tokens");
    }
    let most = NearestOptions { count: usize::MAX, metric: Metric::Cosine, exact_up_to: 0 };
    assert_eq!(nearest(&dataset, 2, &token(&dataset, row, 1), most, &|| true)?.same.len(), 13);
    Ok(())
}

#[test]
fn a_token_without_a_direction_says_so() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("0.safetensors");
    write(folder.path(), 0..1, 8)?;
    let (mut bytes, begin, end) = {
        let trace = Trace::open(&path)?;
        let bytes = std::fs::read(&path)?;
        let state = trace.hidden(0, 2).bytes;
        let begin = bytes.windows(state.len()).position(|window| window == state).ok_or("no state")?;
        (bytes, begin, begin + 8 * 4)
    };
    bytes[begin..end].fill(0);
    std::fs::write(&path, bytes)?;
    let dataset = indexed(folder.path())?;
    let error = nearest(&dataset, 2, &token(&dataset, 0, 0), NearestOptions::default(), &|| true).err();
    assert!(error.ok_or("there is one")?.to_string().contains("nothing is near token 0: its state holds no number"));
    Ok(())
}
