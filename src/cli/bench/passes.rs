//! Frames of the point and the link pass alone, while the user pans: the data stays on the device, a uniform changes.

use std::f32::consts::TAU;
use std::sync::Arc;

use anyhow::Result;
use glam::Vec2;

use super::measurements::Measurements;
use crate::gpu::Gpu;
use crate::render::{
    Backend, Color, Drawing, Fonts, Keep, Link, Links, Mark, Painter, Point, Points, Rect, RenderTarget, Transform,
};
use crate::view::{CloudInputs, Options, TokenCloud, draw_token_cloud};

/// How long a curve is from end to end, in logical pixels.
const WAY: f32 = 240.0;
const RUNS: usize = 15;
/// So many marks are drawn less often.
const MANY: usize = 1_000_000;
const RUNS_OF_MANY: usize = 5;

/// Draws at `size` (logical pixels, one pixel each) on this device.
///
/// # Errors
/// If the device cannot draw.
pub fn panning(found: &mut Measurements, gpu: &Arc<Gpu>, size: Vec2) -> Result<()> {
    let mut painter = Painter::new(gpu, Backend::of(gpu));
    let mut fonts = Fonts::new();
    let target = RenderTarget::new(gpu, size.x as u32, size.y as u32)?;
    let runs = |count: usize| if count < MANY { RUNS } else { RUNS_OF_MANY };
    let offset = |run: usize| Vec2::new(run as f32 * 1.5, run as f32 * 0.5);
    let drawn: [(&str, &[(MakeMark, usize)]); 6] = [
        ("points_10000", &[(points, 10_000)]),
        ("points_100000", &[(points, 100_000)]),
        ("points_1000000", &[(points, 1_000_000)]),
        ("links_10000", &[(links, 10_000)]),
        ("links_100000", &[(links, 100_000)]),
        ("links_2000_and_points_2000", &[(links, 2_000), (points, 2_000)]),
    ];
    for (name, marks) in drawn {
        let count = marks.iter().map(|(_, count)| count).sum();
        let marks = marks.iter().map(|(mark, count)| mark(size, *count)).collect();
        let mut drawing = Drawing { size, background: Color::hex(0x101216), marks };
        found.time("pan_ms", name, runs(count), |run| {
            for mark in &mut drawing.marks {
                if let Mark::Links(Links { view, .. }) | Mark::Points(Points { view, .. }) = mark {
                    view.offset = offset(run);
                }
            }
            painter.draw(&drawing, 1.0, &mut fonts, &target)?;
            Ok(gpu.wait()?)
        })?;
    }
    for (name, count) in [("token_atlas_100000", 100_000), ("token_atlas_1000000", MANY)] {
        let cloud = TokenCloud::new((0..count).map(|index| place(index).into()).collect(), |_| Color::hex(0x4c9be8));
        found.time("pan_ms", name, runs(count), |run| {
            let inputs = CloudInputs {
                cloud: &cloud,
                legend: &[],
                title: "",
                note: "",
                marked: &[],
                hover: None,
                view: Some(Transform { scale: Vec2::ONE, offset: offset(run) / size }),
                options: &Options::default(),
                size,
            };
            painter.draw(&draw_token_cloud(&inputs, &mut fonts).scene.drawing, 1.0, &mut fonts, &target)?;
            Ok(gpu.wait()?)
        })?;
    }
    Ok(())
}

/// So many marks of one kind, within a drawing of this size.
type MakeMark = fn(Vec2, usize) -> Mark;

/// Spread evenly and without a pattern (the R₂ sequence of Martin Roberts, 2018), `0..1` in both directions.
fn place(index: usize) -> Vec2 {
    let index = index as f64;
    let part = |step: f64| (0.5 + index * step).fract() as f32;
    Vec2::new(part(0.754_877_666_246_692_7), part(0.569_840_290_998_053_3))
}

fn points(size: Vec2, count: usize) -> Mark {
    let point = |index| Point {
        at: (place(index) * size).into(),
        radius: 3.0,
        fill: Color::hex(0x4c9be8).with_opacity(0.8),
        stroke: Color::TRANSPARENT,
    };
    let clip = Rect { min: Vec2::ZERO, max: size };
    Mark::Points(Points { points: Arc::new((0..count).map(point).collect()), clip, view: Transform::IDENTITY })
}

fn links(size: Vec2, count: usize) -> Mark {
    let link = |index| {
        let from = place(index) * size;
        let direction = Vec2::from_angle(place(index + count).x * TAU);
        let weight = place(index + 2 * count).y;
        Link { from: from.into(), to: (from + direction * WAY).into(), weight, color: Color::hex(0x4c9be8) }
    };
    Mark::Links(Links {
        links: Arc::new((0..count).map(link).collect()),
        keep: Keep::Strongest(count as u32),
        full_weight: 1.0,
        width: [0.5, 2.6],
        opacity: [0.08, 0.8],
        clip: Rect { min: Vec2::ZERO, max: size },
        view: Transform::IDENTITY,
    })
}
