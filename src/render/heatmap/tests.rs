#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use glam::Vec2;
use half::{bf16, f16};

use super::coloring::spans;
use super::*;
use crate::gpu::AdapterChoice;
use crate::render::colormap::Colormap;
use crate::render::{Color, RenderTarget};

/// A heatmap over all of a target, showing the window.
fn heatmap(rows: u32, columns: u32, window: Rect) -> Heatmap {
    Heatmap {
        rect: Rect::default(),
        values: Values::Host(Arc::default()),
        rows,
        columns,
        window,
        range: [0.0, 1.0],
        colormap: Colormap::Viridis,
        missing: Color::hex(0xff_00ff),
        opacity: 1.0,
        fade: false,
        smooth: false,
    }
}

fn coloring(mark: &Heatmap, width: u32, height: u32) -> Coloring {
    let rect = Rect { min: Vec2::ZERO, max: Vec2::new(width as f32, height as f32) };
    Coloring::new(&Heatmap { rect, ..mark.clone() }, 1.0, [width, height]).unwrap().0
}

/// Numbers from 0 to 1 without a pattern, now and then something that is not finite.
fn values(count: usize) -> Vec<f32> {
    let value = |i: usize| match i % 97 {
        13 => f32::NAN,
        29 => f32::INFINITY,
        31 => f32::NEG_INFINITY,
        _ => (i as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32,
    };
    (0..count).map(value).collect()
}

fn color_on_gpu(gpu: &Gpu, coloring: &Coloring, words: &[u8], first_element: u32, dtype: Dtype) -> Vec<[u8; 4]> {
    let [width, height] = coloring.size();
    let pixels = texture(gpu, width, height, wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_SRC);
    let buffer = &gpu.storage("values", words).unwrap();
    let mut encoder = gpu.encoder();
    gpu::color(gpu, &mut encoder, coloring, Cells { buffer, first_element, dtype }, &pixels).unwrap();
    gpu.queue.submit([encoder.finish()]);
    let bytes = RenderTarget::of_texture(pixels).read(gpu).unwrap();
    bytemuck::cast_slice(&bytes).to_vec()
}

fn assert_alike(gpu: &[[u8; 4]], cpu: &[[u8; 4]], what: &str) {
    assert_eq!(gpu.len(), cpu.len(), "{what}");
    for (pixel, (gpu, cpu)) in gpu.iter().zip(cpu).enumerate() {
        let differ = gpu.iter().zip(cpu).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(differ <= 1, "{what}, pixel {pixel}: {gpu:?} by the shader, {cpu:?} by native code");
    }
}

#[test]
fn cpu_and_gpu_agree() {
    let gpu = Gpu::open(&AdapterChoice::Auto).unwrap();
    let cases = [
        (1, 1, 1, 1, Rect::at(0.0, 0.0, 1.0, 1.0)),
        (1, 65, 63, 2, Rect::at(0.0, 0.0, 65.0, 1.0)),
        (64, 64, 64, 64, Rect::at(0.0, 0.0, 64.0, 64.0)),
        (37, 41, 200, 150, Rect::at(3.25, 7.5, 4.0, 3.0)),
        (301, 257, 65, 63, Rect::at(0.5, 0.25, 256.0, 300.0)),
        (5, 301, 40, 200, Rect::at(10.0, 1.0, 200.0, 3.0)),
    ];
    for (rows, columns, width, height, window) in cases {
        for (smooth, fade, range) in [(false, false, [0.0, 1.0]), (true, true, [0.2, 0.7]), (true, false, [0.5, 0.5])] {
            let mark = Heatmap { smooth, fade, range, opacity: 0.8, ..heatmap(rows, columns, window) };
            let coloring = coloring(&mark, width, height);
            let values = values((rows * columns) as usize);
            let by_shader = color_on_gpu(&gpu, &coloring, bytemuck::cast_slice(&values), 0, Dtype::F32);
            let what = format!("{rows}×{columns} in {width}×{height}, smooth: {smooth}");
            assert_alike(&by_shader, &cpu::color(&coloring, &values), &what);
        }
    }
}

#[test]
fn cpu_and_gpu_agree_beyond_65_535_workgroups() {
    let gpu = Gpu::open(&AdapterChoice::Auto).unwrap();
    let (width, height) = (4100, 1030);
    let coloring = coloring(&heatmap(9, 7, Rect::at(0.0, 0.0, 7.0, 9.0)), width, height);
    assert!(width * height > 64 * 65_535);
    let values = values(63);
    let by_shader = color_on_gpu(&gpu, &coloring, bytemuck::cast_slice(&values), 0, Dtype::F32);
    assert_alike(&by_shader, &cpu::color(&coloring, &values), "many workgroups");
}

#[test]
fn half_precision_heads_with_odd_rows_are_decoded() {
    let gpu = Gpu::open(&AdapterChoice::Auto).unwrap();
    let (rows, columns) = (7_u32, 5_u32);
    // The second head of a page begins in the middle of a word.
    let page = values(2 * (rows * columns) as usize);
    let first_element = rows * columns;
    let head = &page[first_element as usize..];
    let coloring = coloring(&heatmap(rows, columns, Rect::at(0.0, 0.0, 5.0, 7.0)), 50, 70);

    let stored: Vec<f16> = page.iter().map(|&value| f16::from_f32(value)).collect();
    let by_shader = color_on_gpu(&gpu, &coloring, bytemuck::cast_slice(&stored), first_element, Dtype::F16);
    let decoded: Vec<f32> = head.iter().map(|&value| f16::from_f32(value).to_f32()).collect();
    assert_alike(&by_shader, &cpu::color(&coloring, &decoded), "f16");

    let stored: Vec<bf16> = page.iter().map(|&value| bf16::from_f32(value)).collect();
    let by_shader = color_on_gpu(&gpu, &coloring, bytemuck::cast_slice(&stored), first_element, Dtype::Bf16);
    let decoded: Vec<f32> = head.iter().map(|&value| bf16::from_f32(value).to_f32()).collect();
    assert_alike(&by_shader, &cpu::color(&coloring, &decoded), "bf16");
}

#[test]
fn the_empty_is_not_drawn() {
    let rect = Rect::at(0.0, 0.0, 10.0, 10.0);
    let window = Rect::at(0.0, 0.0, 1.0, 1.0);
    let seen = Heatmap { rect, ..heatmap(1, 1, window) };
    assert!(Coloring::new(&seen, 1.0, [10, 10]).is_some());
    for unseen in [
        Heatmap { rows: 0, ..seen.clone() },
        Heatmap { columns: 0, ..seen.clone() },
        Heatmap { rect: Rect::at(20.0, 0.0, 10.0, 10.0), ..seen.clone() },
        Heatmap { rect: Rect::at(0.0, 0.0, 0.0, 10.0), ..seen.clone() },
        Heatmap { window: Rect::at(0.0, 0.0, 0.0, 1.0), ..seen.clone() },
        Heatmap { window: Rect::at(f32::NAN, 0.0, 1.0, 1.0), ..seen.clone() },
    ] {
        assert!(Coloring::new(&unseen, 1.0, [10, 10]).is_none(), "{unseen:?}");
    }
}

#[test]
fn every_cell_is_shown_when_several_fall_into_a_pixel() {
    for (cells, pixels) in [(100, 7), (1000, 999), (301, 64), (64, 63)] {
        let spans = spans(0.0, f64::from(cells) / f64::from(pixels), pixels, cells, false);
        assert_eq!((spans[0].begin, spans.last().unwrap().end), (0, cells));
        assert!(spans.windows(2).all(|pair| pair[0].end == pair[1].begin), "{cells} in {pixels}");
    }
}

#[test]
fn what_is_not_a_number_has_the_colour_for_it() {
    let coloring = coloring(&heatmap(1, 3, Rect::at(0.0, 0.0, 3.0, 1.0)), 3, 1);
    let [first, middle, last] = cpu::color(&coloring, &[0.0, f32::NAN, 1.0])[..] else { panic!("three pixels") };
    assert_eq!([first, middle, last], [coloring.lut[0], [255, 0, 255, 255], coloring.lut[255]]);
}
