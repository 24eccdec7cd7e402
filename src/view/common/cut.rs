//! What of a drawing lies in a rectangle: pictures that are zoomed are laid down as if all of them had room, and then cut.
//!
//! Rejected: a rectangle on each mark outside of which nothing is drawn, which every renderer and every file format would have to
//! know for all kinds of marks.

use glam::Vec2;

use super::sketch::{Sketch, within};
use crate::render::{Color, Heatmap, Label, Line, Links, Mark, Picture, Points, Quad, Rect};
use crate::view::Zone;

/// Cuts the marks and zones that were laid down after so many.
pub(in crate::view) fn cut(sketch: &mut Sketch<'_>, [marks, zones]: [usize; 2], bounds: Rect) {
    let later = sketch.marks.split_off(marks);
    later.into_iter().for_each(|mark| push(&mut sketch.marks, mark, bounds));
    let later = sketch.zones.split_off(zones);
    sketch.zones.extend(later.into_iter().filter_map(|zone| match zone {
        Zone::Area { rect, target } => overlap(rect, bounds).map(|rect| Zone::Area { rect, target }),
        Zone::Points { clip, points, reach, sequence } => {
            overlap(clip, bounds).map(|clip| Zone::Points { clip, points, reach, sequence })
        }
        cells @ Zone::Cells { .. } => Some(cells),
    }));
}

/// `None` where nothing is left.
fn overlap(rect: Rect, bounds: Rect) -> Option<Rect> {
    Some(within(rect, bounds)).filter(|seen| seen.size().cmpgt(Vec2::ZERO).all())
}

fn push(marks: &mut Vec<Mark>, mark: Mark, bounds: Rect) {
    match mark {
        Mark::Quad(quad) => push_quad(marks, quad, bounds),
        Mark::Line(line) => marks.extend(cut_line(line, bounds).map(Mark::Line)),
        Mark::Label(label) => {
            let clip = overlap(label.clip.unwrap_or(bounds), bounds);
            let is_near = label.at.y > bounds.min.y - label.size && label.at.y < bounds.max.y + label.size;
            marks.extend(clip.filter(|_| is_near).map(|clip| Mark::Label(Label { clip: Some(clip), ..label })));
        }
        Mark::Picture(picture) => marks.extend(overlap(picture.rect, bounds).map(|rect| {
            let part = part(picture.rect, rect, picture.part);
            Mark::Picture(Picture { rect, part, ..picture })
        })),
        Mark::Heatmap(heatmap) => marks.extend(overlap(heatmap.rect, bounds).map(|rect| {
            let window = part(heatmap.rect, rect, heatmap.window);
            Mark::Heatmap(Heatmap { rect, window, ..heatmap })
        })),
        Mark::Links(links) => {
            marks.extend(overlap(links.clip, bounds).map(|clip| Mark::Links(Links { clip, ..links })));
        }
        Mark::Points(points) => {
            marks.extend(overlap(points.clip, bounds).map(|clip| Mark::Points(Points { clip, ..points })));
        }
    }
}

/// What of `shown`, which fills the whole, is seen in a part of it.
fn part(whole: Rect, seen: Rect, shown: Rect) -> Rect {
    let at = |place: Vec2| shown.min + (place - whole.min) / whole.size() * shown.size();
    Rect { min: at(seen.min), max: at(seen.max) }
}

/// What is cut off has no outline there.
fn push_quad(marks: &mut Vec<Mark>, quad: Quad, bounds: Rect) {
    let Some(seen) = overlap(quad.rect, bounds) else { return };
    if seen == quad.rect {
        return marks.push(Mark::Quad(quad));
    }
    let plain = |rect: Rect, fill: Color| {
        Mark::Quad(Quad { rect, fill, stroke: Color::TRANSPARENT, stroke_width: 0.0, corner_radius: 0.0 })
    };
    if quad.fill.0[3] > 0 {
        marks.push(plain(seen, quad.fill));
    }
    if quad.stroke.0[3] == 0 || quad.stroke_width <= 0.0 {
        return;
    }
    let Rect { min, max } = quad.rect;
    let width = quad.stroke_width.min(quad.rect.size().min_element() / 2.0);
    let edges = [
        Rect { min, max: Vec2::new(max.x, min.y + width) },
        Rect { min: Vec2::new(min.x, max.y - width), max },
        Rect { min: min + Vec2::new(0.0, width), max: Vec2::new(min.x + width, max.y - width) },
        Rect { min: Vec2::new(max.x - width, min.y + width), max: max - Vec2::new(0.0, width) },
    ];
    marks.extend(edges.into_iter().filter_map(|edge| overlap(edge, bounds)).map(|edge| plain(edge, quad.stroke)));
}

/// Liang and Barsky 1984: where the line enters and where it leaves, as shares of it.
fn cut_line(line: Line, bounds: Rect) -> Option<Line> {
    let along = line.to - line.from;
    let (mut enters, mut leaves) = (0.0_f32, 1.0_f32);
    for axis in 0..2 {
        let [low, high] = [bounds.min, bounds.max].map(|edge| edge[axis] - line.from[axis]);
        if along[axis] == 0.0 {
            if low > 0.0 || high < 0.0 {
                return None;
            }
            continue;
        }
        let (first, last) = (low / along[axis], high / along[axis]);
        enters = enters.max(first.min(last));
        leaves = leaves.min(first.max(last));
    }
    (enters < leaves).then(|| Line { from: line.from + along * enters, to: line.from + along * leaves, ..line })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Rect = Rect { min: Vec2::ZERO, max: Vec2::splat(10.0) };

    fn line(from: [f32; 2], to: [f32; 2]) -> Line {
        Line { from: from.into(), to: to.into(), width: 1.0, color: Color::hex(0), dash: 0.0 }
    }

    #[test]
    fn a_line_is_cut_where_it_leaves() {
        let ends = |line| cut_line(line, BOUNDS).map(|line| [line.from, line.to]);
        assert_eq!(ends(line([-5.0, 5.0], [15.0, 5.0])), Some([Vec2::new(0.0, 5.0), Vec2::new(10.0, 5.0)]));
        assert_eq!(ends(line([5.0, 5.0], [25.0, 25.0])), Some([Vec2::splat(5.0), Vec2::splat(10.0)]));
        assert_eq!(ends(line([2.0, 2.0], [3.0, 4.0])), Some([Vec2::new(2.0, 2.0), Vec2::new(3.0, 4.0)]));
        assert_eq!(ends(line([11.0, 0.0], [11.0, 9.0])), None, "beside it");
        assert_eq!(ends(line([8.0, -6.0], [16.0, 4.0])), None, "past its corner");
    }

    #[test]
    fn an_outline_ends_where_the_rectangle_is_cut() {
        let quad = |rect| Quad {
            rect,
            fill: Color::TRANSPARENT,
            stroke: Color::hex(0xff0000),
            stroke_width: 2.0,
            corner_radius: 0.0,
        };
        let cut = |rect| {
            let mut marks = Vec::new();
            push_quad(&mut marks, quad(rect), BOUNDS);
            let rects =
                marks.into_iter().filter_map(|mark| if let Mark::Quad(quad) = mark { Some(quad.rect) } else { None });
            rects.collect::<Vec<_>>()
        };
        assert_eq!(cut(Rect::at(1.0, 1.0, 4.0, 4.0)), [Rect::at(1.0, 1.0, 4.0, 4.0)], "as it was");
        let open = [Rect::at(5.0, 1.0, 5.0, 2.0), Rect::at(5.0, 5.0, 5.0, 2.0), Rect::at(5.0, 3.0, 2.0, 2.0)];
        assert_eq!(cut(Rect::at(5.0, 1.0, 20.0, 6.0)), open, "without a right edge");
        assert!(cut(Rect::at(-9.0, -9.0, 40.0, 40.0)).is_empty(), "all around it");
    }
}
