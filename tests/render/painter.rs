//! What a painter keeps, refuses and leaves out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use crate::common::Studio;
use glam::Vec2;
use vlscope::gpu::{AdapterChoice, Gpu};
use vlscope::render::colormap::Colormap;
use vlscope::render::{
    Backend, Color, Drawing, Fonts, Heatmap, Keep, Link, Links, Mark, Painter, Picture, Pixels, Point, Points, Rect,
    RenderTarget, Transform, Values,
};

const RECT: Rect = Rect { min: Vec2::ZERO, max: Vec2::new(40.0, 30.0) };

fn drawing(marks: Vec<Mark>) -> Drawing {
    Drawing { size: RECT.max, background: Color::hex(0xff_ffff), marks }
}

fn heatmap(values: Vec<f32>, rows: u32, columns: u32) -> Heatmap {
    Heatmap {
        rect: RECT,
        values: Values::Host(Arc::new(values)),
        rows,
        columns,
        window: Rect::at(0.0, 0.0, columns as f32, rows as f32),
        range: [0.0, 1.0],
        colormap: Colormap::Greys,
        missing: Color::hex(0xff_0000),
        opacity: 1.0,
        fade: false,
        smooth: false,
    }
}

fn links(count: usize) -> Links {
    let link = Link { from: [0.0; 2], to: [40.0, 30.0], weight: 1.0, color: Color::hex(0) };
    Links {
        links: Arc::new(vec![link; count]),
        keep: Keep::Strongest(10),
        full_weight: 1.0,
        width: [1.0, 2.0],
        opacity: [0.1, 1.0],
        clip: RECT,
        view: Transform::IDENTITY,
    }
}

fn points(count: usize) -> Points {
    let point = Point { at: [20.0, 15.0], radius: 4.0, fill: Color::hex(0), stroke: Color::TRANSPARENT };
    Points { points: Arc::new(vec![point; count]), clip: RECT, view: Transform::IDENTITY }
}

#[test]
fn panning_uploads_nothing() {
    for backend in [Backend::Cpu, Backend::Gpu] {
        let mut studio = Studio::new(backend);
        let pixels = Arc::new(Pixels { width: 2, height: 2, rgb: vec![9; 12] });
        let picture =
            Picture { rect: RECT, pixels, part: Rect::at(0.0, 0.0, 1.0, 1.0), opacity: 1.0, smooth: true, grey: false };
        let (heatmap, links, points) = (heatmap(vec![0.5; 12], 3, 4), links(100), points(100));
        let at = |offset: f32| {
            let view = Transform { scale: Vec2::ONE, offset: Vec2::splat(offset) };
            drawing(vec![
                Mark::Picture(Picture { rect: Rect::at(offset, 0.0, 40.0, 30.0), ..picture.clone() }),
                Mark::Heatmap(Heatmap { window: Rect::at(offset / 8.0, 0.0, 2.0, 2.0), ..heatmap.clone() }),
                Mark::Links(Links { view, ..links.clone() }),
                Mark::Points(Points { view, ..points.clone() }),
            ])
        };
        let first = studio.draw(&at(0.0), 1.0);
        let uploaded = studio.painter.uploaded_bytes();
        assert!(uploaded > 0);
        let panned = studio.draw(&at(5.0), 1.0);
        assert_eq!(studio.painter.uploaded_bytes(), uploaded);
        assert_ne!(first, panned);
    }
}

#[test]
fn what_is_let_go_of_goes_up_again() {
    let mut studio = Studio::new(Backend::Gpu);
    studio.draw(&drawing(vec![Mark::Points(points(10))]), 1.0);
    let once = studio.painter.uploaded_bytes();
    studio.draw(&drawing(vec![]), 1.0);
    studio.draw(&drawing(vec![Mark::Points(points(10))]), 1.0);
    assert_eq!(studio.painter.uploaded_bytes(), 2 * once);
}

#[test]
fn nan_is_drawn_as_missing() {
    for (backend, smooth) in [(Backend::Cpu, false), (Backend::Cpu, true), (Backend::Gpu, false), (Backend::Gpu, true)]
    {
        let values = vec![0.0, 1.0, f32::NAN, 1.0];
        let mark = Heatmap { smooth, ..heatmap(values, 1, 4) };
        let pixels = Studio::new(backend).draw(&drawing(vec![Mark::Heatmap(mark)]), 1.0);
        assert_eq!(pixels.get_pixel(25, 15).0, [255, 0, 0, 255], "{backend:?}");
        assert_eq!(pixels.get_pixel(35, 15).0, [255; 4], "{backend:?}");
        assert_eq!(pixels.get_pixel(1, 15).0, [0, 0, 0, 255], "{backend:?}");
    }
}

#[test]
fn the_empty_draws_the_background() {
    for backend in [Backend::Cpu, Backend::Gpu] {
        let mut studio = Studio::new(backend);
        let no_pixels = Arc::new(Pixels { width: 0, height: 0, rgb: vec![] });
        let marks = vec![
            Mark::Heatmap(heatmap(vec![], 0, 3)),
            Mark::Links(links(0)),
            Mark::Links(Links { keep: Keep::Strongest(0), ..links(3) }),
            Mark::Points(points(0)),
            Mark::Picture(Picture {
                rect: RECT,
                pixels: no_pixels,
                part: RECT,
                opacity: 1.0,
                smooth: true,
                grey: false,
            }),
        ];
        let pixels = studio.draw(&drawing(marks), 1.0);
        assert!(pixels.pixels().all(|pixel| pixel.0 == [255; 4]));
        assert_eq!(studio.painter.kept().unwrap(), [0, 0]);
    }
}

#[test]
fn a_translucent_background_is_premultiplied() {
    let background = Color([255, 0, 0, 128]);
    let pixels = Studio::new(Backend::Cpu).draw(&Drawing { background, ..drawing(vec![]) }, 1.0);
    assert_eq!(pixels.get_pixel(3, 3).0, [128, 0, 0, 128]);
}

#[test]
fn a_picture_beyond_the_adapters_limit_is_refused() {
    let studio = Studio::new(Backend::Cpu);
    let limit = studio.gpu.device.limits().max_texture_dimension_2d;
    let refusal = RenderTarget::new(&studio.gpu, limit + 1, 10).unwrap_err().to_string();
    assert!(refusal.contains(&format!("limit is {limit} pixels")), "{refusal}");
}

/// Each mark that holds more than a buffer may; the frame after it is drawn as ever.
#[test]
fn marks_beyond_the_adapters_buffers_are_refused_by_name() {
    let limits = |limits: wgpu::Limits| wgpu::Limits {
        max_buffer_size: 1 << 16,
        max_storage_buffer_binding_size: 1 << 16,
        ..limits
    };
    let gpu = Arc::new(Gpu::open_limited(&AdapterChoice::Auto, limits).unwrap());
    let (mut painter, mut fonts) = (Painter::new(&gpu, Backend::Gpu), Fonts::new());
    let target = RenderTarget::new(&gpu, 40, 30).unwrap();
    for (mark, refusal) in [
        (Mark::Heatmap(heatmap(vec![0.5; 129 * 128], 129, 128)), "a matrix of 66048 bytes is too large: "),
        (Mark::Links(links(4_000)), "a bundle of links of 96000 bytes is too large: "),
        (Mark::Points(points(4_000)), "a cloud of points of 80000 bytes is too large: "),
    ] {
        let error = painter.draw(&drawing(vec![mark]), 1.0, &mut fonts, &target).unwrap_err().to_string();
        assert!(error.starts_with(refusal), "{error}");
        assert!(error.ends_with("the GPU adapter's limit is 65536 bytes"), "{error}");
        painter.draw(&drawing(vec![Mark::Links(links(5))]), 1.0, &mut fonts, &target).unwrap();
        assert_eq!(painter.kept().unwrap(), [5]);
    }
}
