#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::curve::strip_vertices;
use super::*;
use crate::gpu::{AdapterChoice, read_back};
use crate::render::Color;

/// Links with these weights.
fn links(weights: impl IntoIterator<Item = f32>) -> Vec<Link> {
    let link = |weight| Link { from: [0.0; 2], to: [1.0; 2], weight, color: Color::hex(0) };
    weights.into_iter().map(link).collect()
}

/// Weights without a pattern, with ties, zeros of both signs, and some that are not numbers.
fn weights(count: u32) -> impl Iterator<Item = f32> {
    (0..count).map(|i| match i % 61 {
        7 => f32::NAN,
        11 => -0.0,
        13 => 0.0,
        17 => -1.5,
        19 => f32::INFINITY,
        _ => (i.wrapping_mul(2_654_435_761) >> 20) as f32 / 4096.0,
    })
}

fn select_on_gpu(gpu: &Gpu, links: &[Link], keep: Keep) -> Vec<u32> {
    let buffer = gpu.storage("links", links).unwrap();
    let mut encoder = gpu.encoder();
    let (kept, arguments) = gpu::select(gpu, &mut encoder, &buffer, links.len() as u32, keep).unwrap();
    gpu.queue.submit([encoder.finish()]);
    let arguments: Vec<u32> = read_back(gpu, &arguments).unwrap();
    assert_eq!((arguments[0], arguments[2], arguments[3]), (strip_vertices(), 0, 0));
    let mut kept: Vec<u32> = read_back(gpu, &kept).unwrap();
    kept.truncate(arguments[1] as usize);
    kept
}

#[test]
fn cpu_and_gpu_agree() {
    let gpu = Gpu::open(&AdapterChoice::Auto).unwrap();
    let keeps = [
        Keep::Strongest(0),
        Keep::Strongest(1),
        Keep::Strongest(64),
        Keep::Strongest(1000),
        Keep::Strongest(u32::MAX),
        Keep::AtLeast(0.0),
        Keep::AtLeast(0.5),
        Keep::AtLeast(f32::NEG_INFINITY),
        Keep::AtLeast(f32::NAN),
        Keep::AtLeast(f32::INFINITY),
    ];
    for count in [1, 63, 64, 65, 257, 200_000] {
        let links = links(weights(count));
        for keep in keeps {
            let by_shader = select_on_gpu(&gpu, &links, keep);
            assert!(by_shader == cpu::select(&links, keep), "{count} links, {keep:?}");
        }
    }
}

#[test]
fn cpu_and_gpu_agree_on_a_million() {
    let gpu = Gpu::open(&AdapterChoice::Auto).unwrap();
    let links = links(weights(1_000_003));
    let keep = Keep::Strongest(70_001);
    assert!(select_on_gpu(&gpu, &links, keep) == cpu::select(&links, keep));
}

#[test]
fn of_equal_links_the_first_are_kept_in_their_order() {
    let links = links([0.5, f32::NAN, 1.0, 0.5, 0.5, -0.0, 0.0]);
    assert_eq!(cpu::select(&links, Keep::Strongest(3)), [0, 2, 3]);
    assert_eq!(cpu::select(&links, Keep::Strongest(5)), [0, 2, 3, 4, 5]);
    assert_eq!(cpu::select(&links, Keep::Strongest(100)), [0, 2, 3, 4, 5, 6]);
    assert_eq!(cpu::select(&links, Keep::AtLeast(0.5)), [0, 2, 3, 4]);
    assert_eq!(cpu::select(&[], Keep::Strongest(3)), [0; 0]);
}
