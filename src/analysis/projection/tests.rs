//! Every method, as the views ask for it.

use super::*;
use crate::analysis::random::Random;
use crate::trace::Dtype;
use clap::ValueEnum as _;

/// `[rows, dim]` around two places that are far apart: the even rows around one, the odd rows around the other.
fn clusters(rows: usize, dim: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let place = |row: usize, column: usize| if row.is_multiple_of(2) && column < 3 { 20.0 } else { 0.0 };
    (0..rows * dim).map(|index| random.normal() + place(index / dim, index % dim)).collect()
}

fn view(values: &[f32], dim: usize) -> TensorView<'_> {
    TensorView { dtype: Dtype::F32, shape: vec![values.len() / dim, dim], bytes: bytemuck::cast_slice(values) }
}

fn recipe(method: Method, align: Align) -> Recipe {
    Recipe { method, align, seed: 3 }
}

fn fit(method: Method, align: Align, states: &[TensorView<'_>]) -> Fit {
    project(recipe(method, align), states, &mut |_| true).unwrap()
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[test]
fn a_seed_gives_the_same_picture_and_clusters_stay_apart() {
    // 400 rows go over all cores, 60 over one.
    for rows in [60, 400] {
        let values = clusters(rows, 12, 1);
        for method in Method::ALL {
            let states = [view(&values, 12)];
            let (once, again) = (fit(method, Align::None, &states), fit(method, Align::None, &states));
            assert_eq!((&once.points, &once.notes), (&again.points, &again.notes), "{method}");
            let points = &once.points[0];
            assert!(points.iter().flatten().all(|at| at.is_finite()), "{method}");
            // Every token's nearest is one of its own cluster.
            for token in 0..rows {
                let others = (0..rows).filter(|&other| other != token);
                let nearest = others
                    .min_by(|&a, &b| distance(points[a], points[token]).total_cmp(&distance(points[b], points[token])));
                assert_eq!(nearest.unwrap() % 2, token % 2, "{method}: {rows} rows, token {token}");
            }
        }
    }
    let values = clusters(60, 12, 1);
    let other = Recipe { seed: 4, ..recipe(Method::Umap, Align::None) };
    let other = project(other, &[view(&values, 12)], &mut |_| true).unwrap();
    assert_ne!(other.points, fit(Method::Umap, Align::None, &[view(&values, 12)]).points);
}

#[test]
fn the_perplexity_falls_to_what_the_tokens_allow_and_says_so() {
    assert_eq!(possible_perplexity(185), 30.0);
    assert_eq!(possible_perplexity(91), 30.0);
    assert_eq!(possible_perplexity(31), 10.0);
    let notes = |rows: usize, method| fit(method, Align::None, &[view(&clusters(rows, 5, 2), 5)]).notes.join(" ");
    assert!(notes(14, Method::Tsne).contains("perplexity 4.3: as much as 14 tokens allow"));
    assert!(!notes(100, Method::Tsne).contains("perplexity"));
    assert!(notes(8, Method::Umap).contains("7 neighbours"));
    let few = fit(Method::Tsne, Align::None, &[view(&clusters(3, 5, 2), 5)]);
    assert_eq!(few.recipe.method, Method::Pca);
    assert!(few.notes[0].contains("needs 4 tokens or more"), "{:?}", few.notes);
}

/// A state that is the one before, turned: aligned it lies where that lay; by itself and mirrored it does not.
#[test]
fn aligned_states_lie_where_they_were() {
    let before = clusters(40, 2, 5);
    let turned: Vec<f32> = before.chunks_exact(2).flat_map(|row| [-row[1] + 3.0, row[0] * 0.999]).collect();
    let states = [view(&before, 2), view(&turned, 2)];
    for method in [Method::Pca, Method::Tsne] {
        let aligned = fit(method, Align::Procrustes, &states);
        let size = aligned.points[0].iter().flatten().fold(0.0_f32, |a, b| a.max(b.abs()));
        let off = aligned.points[0].iter().zip(&aligned.points[1]).map(|(a, b)| distance(*a, *b)).fold(0.0, f32::max);
        assert!(off < size * if method == Method::Pca { 0.01 } else { 0.8 }, "{method}: {off} of {size}");
    }
}

#[test]
fn a_shared_fit_has_one_plane_for_all_states() {
    let first = clusters(30, 6, 8);
    let mut second = first.clone();
    second[0] = f32::NAN;
    for method in Method::ALL {
        let shared = fit(method, Align::Shared, &[view(&first, 6), view(&second, 6)]);
        assert_eq!(shared.points.iter().map(Vec::len).collect::<Vec<_>>(), [30, 30]);
        assert!(shared.points[1][0][0].is_nan() && shared.points[0][0][0].is_finite());
        // Equal rows lie at the same place, or beside each other.
        let size = shared.points[0].iter().flatten().fold(0.0_f32, |a, b| a.max(b.abs()));
        for (a, b) in shared.points[0].iter().zip(&shared.points[1]).skip(1) {
            assert!(distance(*a, *b) < size * 0.3, "{method}: {a:?} {b:?}");
        }
    }
    let narrow = clusters(30, 4, 8);
    let other = fit(Method::Pca, Align::Shared, &[view(&first, 6), view(&narrow, 4)]);
    assert_eq!(other.recipe.align, Align::Procrustes);
    assert!(other.notes[0].contains("different widths"));
}

#[test]
fn work_tells_how_far_it_is_and_stops_when_told() {
    let values = clusters(50, 6, 4);
    let states = [view(&values, 6), view(&values, 6)];
    for method in Method::ALL {
        for align in Align::ALL {
            let mut told = Vec::new();
            project(recipe(method, align), &states, &mut |share| {
                told.push(share);
                true
            })
            .unwrap();
            assert!(told.is_sorted() && told.iter().all(|share| (0.0..=1.0).contains(share)), "{method} {align}");
            let mut calls = 0;
            let stopped = project(recipe(method, align), &states, &mut |_| {
                calls += 1;
                false
            });
            assert_eq!((stopped, calls), (Err(Stopped), 1), "{method} {align}");
        }
    }
}

#[test]
fn equal_rows_and_broken_rows_are_no_obstacle() {
    let mut values = vec![1.0; 20 * 4];
    values[5] = f32::NAN;
    for method in Method::ALL {
        let points = fit(method, Align::None, &[view(&values, 4)]).points.remove(0);
        let sound = points.iter().filter(|point| point.iter().all(|at| at.is_finite())).count();
        assert_eq!((points.len(), sound), (20, 19), "{method}");
        assert!(points[1][0].is_nan());
        assert_eq!(fit(method, Align::None, &[view(&[], 4)]).points, [Vec::<[f32; 2]>::new()]);
    }
}

#[test]
fn names_are_read_back() {
    for method in Method::ALL {
        assert_eq!(Method::from_str(method.name(), false).unwrap(), method);
    }
    for align in Align::ALL {
        assert_eq!(Align::from_str(align.name(), false).unwrap(), align);
    }
    assert!(Method::from_str("lda", false).is_err());
}
