//! Each pass draws what it drew when somebody last looked at it: pictures in golden/render, which `make bless` draws anew. That
//! a picture that lacks anything is told from them is tested below.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use crate::common::Studio;
use crate::likeness::difference;
use glam::Vec2;
use vlscope::render::colormap::Colormap;
use vlscope::render::{
    Align, Backend, Color, Drawing, Heatmap, Keep, Label, Line, Link, Links, Mark, Picture, Pixels, Point, Points,
    Quad, Rect, Transform, Values,
};

const INK: Color = Color::hex(0x1b_2430);
const BLUE: Color = Color::hex(0x2f_6fde);
const ORANGE: Color = Color::hex(0xe2_7a1f);

fn assert_golden(name: &str, actual: &image::RgbaImage) {
    let golden = Path::new("tests/golden/render").join(format!("{name}.png"));
    if std::env::var_os("VLSCOPE_BLESS").is_some() {
        actual.save(&golden).unwrap();
        return;
    }
    let expected = image::open(&golden).unwrap().into_rgba8();
    if let Some(difference) = difference(actual, &expected) {
        let failures = Path::new("target/golden-failures");
        std::fs::create_dir_all(failures).unwrap();
        let path = failures.join(format!("{name}.png"));
        actual.save(&path).unwrap();
        panic!("{name}: {difference}; see {}", path.display());
    }
}

fn drawing(width: f32, height: f32, marks: Vec<Mark>) -> Drawing {
    Drawing { size: Vec2::new(width, height), background: Color::hex(0xff_ffff), marks }
}

fn quad(rect: Rect, fill: Color) -> Quad {
    Quad { rect, fill, stroke: Color::TRANSPARENT, stroke_width: 0.0, corner_radius: 0.0 }
}

fn line(from: [f32; 2], to: [f32; 2], width: f32, dash: f32) -> Mark {
    Mark::Line(Line { from: from.into(), to: to.into(), width, color: INK, dash })
}

fn label(x: f32, y: f32, text: &str, size: f32) -> Label {
    let (at, text) = (Vec2::new(x, y), text.to_owned());
    Label { at, align: Align::Left, text, size, bold: false, color: INK, clip: None, upright: false }
}

fn shapes() -> Drawing {
    let mut marks = Vec::new();
    // Cells of an uneven size meet without seams.
    for i in 0..30 {
        let (x, y) = ((i % 6) as f32, (i / 6) as f32);
        let level = (i * 8) as u8;
        marks.push(Mark::Quad(quad(
            Rect::at(8.3 + x * 9.7, 8.6 + y * 9.7, 9.7, 9.7),
            Color([level, 80, 255 - level, 255]),
        )));
    }
    let outlined = |x, radius, width| Quad {
        stroke: INK,
        stroke_width: width,
        corner_radius: radius,
        ..quad(Rect::at(x, 8.0, 34.0, 24.0), BLUE.with_opacity(0.35))
    };
    marks.extend([outlined(76.0, 0.0, 1.0), outlined(116.0, 6.0, 1.0), outlined(156.0, 12.0, 3.0)].map(Mark::Quad));
    let hollow = Quad { fill: Color::TRANSPARENT, ..outlined(76.0, 0.0, 2.0) };
    marks.push(Mark::Quad(Quad { rect: Rect::at(76.0, 38.0, 34.0, 20.0), ..hollow }));
    marks.push(Mark::Quad(Quad { corner_radius: 5.0, ..quad(Rect::at(116.0, 38.0, 34.0, 20.0), ORANGE) }));
    marks.push(Mark::Quad(quad(Rect::at(156.2, 38.0, 0.3, 20.0), INK)));
    for (i, width) in [0.5, 1.0, 1.5, 2.0, 3.0].into_iter().enumerate() {
        let y = 68.0 + 8.0 * i as f32;
        marks.push(line([8.0, y], [66.0, y], width, 0.0));
        marks.push(line([76.0, y], [134.0, y], width, 3.0));
        marks.push(line([142.0 + 12.0 * i as f32, 64.0], [150.0 + 12.0 * i as f32, 108.0], width, 0.0));
    }
    marks.push(line([8.0, 112.0], [134.0, 124.0], 1.0, 4.0));
    marks.push(line([200.0, 8.0], [200.0, 58.0], 1.0, 4.0));
    drawing(212.0, 130.0, marks)
}

fn text() -> Drawing {
    let mut marks = vec![
        Mark::Quad(quad(Rect::at(0.0, 98.0, 220.0, 32.0), INK)),
        line([110.0, 4.0], [110.0, 60.0], 1.0, 2.0),
        line([4.0, 14.0], [216.0, 14.0], 1.0, 2.0),
        Mark::Quad(Quad {
            stroke: ORANGE,
            stroke_width: 1.0,
            ..quad(Rect::at(8.0, 70.0, 60.0, 20.0), Color::TRANSPARENT)
        }),
    ];
    let at_middle = |y, align, text| Label { align, ..label(110.0, y, text, 12.0) };
    marks.extend(
        [
            label(8.0, 14.0, "what color", 12.0),
            at_middle(26.0, Align::Left, "left"),
            at_middle(40.0, Align::Center, "Layer 3 · Head 7"),
            at_middle(54.0, Align::Right, "right"),
            Label { bold: true, ..label(120.0, 14.0, "Bold head", 12.0) },
            Label { clip: Some(Rect::at(8.0, 70.0, 60.0, 20.0)), ..label(12.0, 80.0, "clipped at the frame", 12.0) },
            label(74.0, 80.0, "0.012 ≤ Σ α → ∞ ß Ω Ж", 9.0),
            Label { color: Color::hex(0xff_ffff), ..label(8.0, 114.0, "white on ink, 14 px", 14.0) },
            Label { color: ORANGE, ..label(150.0, 114.0, "9 px orange", 9.0) },
            Label { upright: true, align: Align::Center, ..label(206.0, 58.0, "upright (jq)", 12.0) },
            Label { upright: true, bold: true, ..label(186.0, 86.0, "from below", 11.0) },
        ]
        .map(Mark::Label),
    );
    drawing(220.0, 130.0, marks)
}

fn checks() -> Arc<Pixels> {
    let (width, height) = (8, 6);
    let rgb = |i: usize| {
        let (x, y) = (i % 8, i / 8);
        if (x + y) % 2 == 0 { [30 * x as u8, 40 * y as u8, 200] } else { [250, 220, 120] }
    };
    Arc::new(Pixels { width, height, rgb: (0..48).flat_map(rgb).collect() })
}

fn pictures() -> Drawing {
    let whole = Rect::at(0.0, 0.0, 1.0, 1.0);
    let picture = |x: f32, part, opacity, smooth| {
        Mark::Picture(Picture {
            rect: Rect::at(x, 6.4, 48.0, 36.0),
            pixels: checks(),
            part,
            opacity,
            smooth,
            grey: false,
        })
    };
    let marks = vec![
        picture(6.3, whole, 1.0, false),
        picture(60.0, whole, 1.0, true),
        picture(114.0, Rect::at(0.25, 0.0, 0.5, 0.5), 1.0, false),
        picture(168.0, whole, 0.4, false),
    ];
    drawing(222.0, 49.0, marks)
}

fn heatmaps() -> Drawing {
    let cells = |rows: u32, columns: u32, value: fn(f32, f32) -> f32| {
        let at = |i: u32| value((i / columns) as f32 / (rows - 1) as f32, (i % columns) as f32 / (columns - 1) as f32);
        Values::Host(Arc::new((0..rows * columns).map(at).collect()))
    };
    let hole = |y: f32, x: f32| if (0.4..0.6).contains(&x) && y > 0.5 { f32::NAN } else { (x + y) / 2.0 };
    let heatmap = |x: f32, values: Values, rows, columns| Heatmap {
        rect: Rect::at(x, 6.0, 60.0, 60.0),
        values,
        rows,
        columns,
        window: Rect::at(0.0, 0.0, columns as f32, rows as f32),
        range: [0.0, 1.0],
        colormap: Colormap::Viridis,
        missing: Color::hex(0xb0_b0b0),
        opacity: 1.0,
        fade: false,
        smooth: false,
    };
    let small = cells(7, 9, hole);
    // One bright column and one bright row of a thousand survive.
    let thin =
        cells(1000, 1000, |y, x| if (0.3..0.3005).contains(&x) || (0.7..0.701).contains(&y) { 1.0 } else { x * 0.4 });
    let bump = cells(6, 6, |y, x| 1.0 - 2.0 * ((x - 0.4).powi(2) + (y - 0.6).powi(2)).sqrt());
    // No pixel's middle lies between two of its eight columns: adapters round such to either side.
    let over_picture = Rect::at(270.0, 6.0, 64.0, 60.0);
    let whole = Rect::at(0.0, 0.0, 1.0, 1.0);
    let picture =
        Picture { rect: over_picture, pixels: checks(), part: whole, opacity: 1.0, smooth: false, grey: false };
    let marks = vec![
        Mark::Heatmap(heatmap(6.0, small.clone(), 7, 9)),
        Mark::Heatmap(Heatmap { smooth: true, ..heatmap(72.0, small.clone(), 7, 9) }),
        Mark::Heatmap(Heatmap { window: Rect::at(1.5, 2.25, 3.0, 3.0), ..heatmap(138.0, small, 7, 9) }),
        Mark::Heatmap(Heatmap { colormap: Colormap::Inferno, ..heatmap(204.0, thin, 1000, 1000) }),
        Mark::Picture(picture),
        Mark::Heatmap(Heatmap {
            colormap: Colormap::Inferno,
            fade: true,
            smooth: true,
            opacity: 0.9,
            rect: over_picture,
            ..heatmap(270.0, bump, 6, 6)
        }),
    ];
    drawing(336.0, 72.0, marks)
}

fn links() -> Drawing {
    let link = |i: u32| Link {
        from: [0.0, (i / 12) as f32],
        to: [10.0, (i % 12) as f32 * 0.9],
        weight: if i % 31 == 5 { f32::NAN } else { (i.wrapping_mul(2_654_435_761) >> 16) as f32 / 65_535.0 },
        color: if i.is_multiple_of(3) { BLUE } else { ORANGE },
    };
    let strongest = Links {
        links: Arc::new((0..132).map(link).collect()),
        keep: Keep::Strongest(40),
        full_weight: 1.0,
        width: [0.3, 4.0],
        opacity: [0.05, 0.9],
        clip: Rect::at(4.0, 4.0, 112.0, 92.0),
        view: Transform { scale: Vec2::new(10.0, 8.0), offset: Vec2::new(10.0, 8.0) },
    };
    let at_least = Links {
        keep: Keep::AtLeast(0.9),
        view: Transform { scale: Vec2::new(10.0, 8.0), offset: Vec2::new(126.0, 8.0) },
        clip: Rect::at(120.0, 4.0, 60.0, 92.0),
        ..strongest.clone()
    };
    drawing(240.0, 100.0, vec![Mark::Links(strongest), Mark::Links(at_least)])
}

fn points() -> Drawing {
    let point = |i: u32| {
        let angle = i as f32 * 2.4;
        Point {
            at: [angle.cos() * (i as f32).sqrt(), angle.sin() * (i as f32).sqrt()],
            radius: 1.0 + (i % 5) as f32,
            fill: if i.is_multiple_of(2) { BLUE } else { ORANGE }.with_opacity(0.8),
            stroke: if i.is_multiple_of(7) { INK } else { Color::TRANSPARENT },
        }
    };
    let points = Points {
        points: Arc::new((0..100).map(point).collect()),
        clip: Rect::at(0.0, 0.0, 110.0, 100.0),
        view: Transform { scale: Vec2::new(6.0, -6.0), offset: Vec2::new(60.0, 50.0) },
    };
    drawing(120.0, 100.0, vec![Mark::Points(points)])
}

#[test]
fn shapes_at_both_scales() {
    let mut studio = Studio::new(Backend::Cpu);
    assert_golden("shapes", &studio.draw(&shapes(), 1.0));
    assert_golden("shapes@2x", &studio.draw(&shapes(), 2.0));
}

#[test]
fn text_at_both_scales() {
    let mut studio = Studio::new(Backend::Cpu);
    assert_golden("text", &studio.draw(&text(), 1.0));
    assert_golden("text@2x", &studio.draw(&text(), 2.0));
}

#[test]
fn pictures_sharp_smooth_cut_and_faint() {
    assert_golden("pictures", &Studio::new(Backend::Cpu).draw(&pictures(), 1.0));
}

#[test]
fn heatmaps_by_both_twins() {
    for backend in [Backend::Cpu, Backend::Gpu] {
        assert_golden("heatmaps", &Studio::new(backend).draw(&heatmaps(), 1.0));
    }
}

#[test]
fn links_by_both_twins() {
    for backend in [Backend::Cpu, Backend::Gpu] {
        let mut studio = Studio::new(backend);
        assert_golden("links", &studio.draw(&links(), 2.0));
        let kept = studio.painter.kept().unwrap();
        assert_eq!(kept[0], 40);
        assert_eq!(kept.len(), 2);
    }
}

#[test]
fn points_with_rings_by_both_twins() {
    for backend in [Backend::Cpu, Backend::Gpu] {
        assert_golden("points", &Studio::new(backend).draw(&points(), 2.0));
    }
}

/// Every drawing of this file, with the scale that it is drawn at.
pub fn all() -> [(&'static str, Drawing, f32); 6] {
    [
        ("shapes", shapes(), 1.0),
        ("text", text(), 1.0),
        ("pictures", pictures(), 1.0),
        ("heatmaps", heatmaps(), 1.0),
        ("links", links(), 2.0),
        ("points", points(), 2.0),
    ]
}

#[test]
fn a_mark_that_is_missing_is_noticed() {
    let mut studio = Studio::new(Backend::Cpu);
    for (name, whole, scale) in all() {
        let expected = studio.draw(&whole, scale);
        for mark in 0..whole.marks.len() {
            let mut less = whole.clone();
            less.marks.remove(mark);
            let found = difference(&studio.draw(&less, scale), &expected);
            assert!(found.is_some(), "{name}: nobody misses {:?}", whole.marks[mark]);
        }
    }
}

#[test]
fn a_row_or_column_of_a_heatmap_that_is_missing_is_noticed() {
    let mut studio = Studio::new(Backend::Cpu);
    let whole = heatmaps();
    let expected = studio.draw(&whole, 1.0);
    for (place, mark) in whole.marks.iter().enumerate() {
        let Mark::Heatmap(heatmap) = mark else { continue };
        let Values::Host(values) = &heatmap.values else { panic!("values on the device") };
        // Of a thousand rows none is seen but the bright ones; of a window none outside.
        if heatmap.rows > 100 {
            continue;
        }
        let (columns, window) = (heatmap.columns as usize, heatmap.window);
        let rows = window.min.y.ceil() as usize..window.max.y as usize;
        let cells = rows
            .clone()
            .map(|row| (true, row))
            .chain((window.min.x.ceil() as usize..window.max.x as usize).map(|column| (false, column)));
        for (is_row, lost) in cells {
            let is_lost = |at: usize| if is_row { at / columns == lost } else { at % columns == lost };
            let less = values.iter().enumerate().map(|(at, &value)| if is_lost(at) { f32::NAN } else { value });
            let mut drawing = whole.clone();
            drawing.marks[place] =
                Mark::Heatmap(Heatmap { values: Values::Host(Arc::new(less.collect())), ..heatmap.clone() });
            let found = difference(&studio.draw(&drawing, 1.0), &expected);
            assert!(
                found.is_some(),
                "nobody misses {} {lost} of heatmap {place}",
                if is_row { "row" } else { "column" }
            );
        }
    }
}

/// As by a heatmap that ends a pixel too early, or a line that is not drawn.
#[test]
fn a_row_or_column_of_pixels_that_is_missing_is_noticed() {
    let expected = Studio::new(Backend::Cpu).draw(&heatmaps(), 1.0);
    let background = image::Rgba([255; 4]);
    for lost in 6..66 {
        let mut row = expected.clone();
        (6..66).for_each(|x| row.put_pixel(x, lost, background));
        let mut column = expected.clone();
        (6..66).for_each(|y| column.put_pixel(lost, y, background));
        for picture in [row, column] {
            assert!(difference(&picture, &expected).is_some(), "nobody misses the pixels at {lost}");
        }
    }
}
