//! How much of an image token's box lies inside labelled regions.
//!
//! The image is cut into strips along the left and right edges of all regions. In a strip the regions are intervals from
//! top to bottom, which are joined once where they overlap; each box then adds what it shares with them. Rejected: cutting
//! each box along the edges of all regions, which tests R regions in up to (2R + 1)² cells a box.

use std::ops::ControlFlow;

use crate::trace::{Area, Region};

/// For each image token's image and box the share of the box, from 0 to 1, that lies inside any region; regions that
/// overlap count once. `goes_on` is asked before each strip; `None` if it says no.
pub(super) fn shares_inside(
    boxes: &[(usize, Area)],
    regions: &[Region],
    goes_on: &mut dyn FnMut() -> bool,
) -> Option<Vec<f32>> {
    let mut covered = vec![0.0; boxes.len()];
    let mut images: Vec<usize> = regions.iter().map(|region| region.image).collect();
    images.sort_unstable();
    images.dedup();
    for image in images {
        let of_image = |(at, (on, area)): (usize, &(usize, Area))| (*on == image).then_some((at, *area));
        let mut boxes: Vec<(usize, Area)> = boxes.iter().enumerate().filter_map(of_image).collect();
        let mut regions: Vec<Area> =
            regions.iter().filter(|region| region.image == image).map(|region| region.area).collect();
        boxes.sort_by(|(_, a), (_, b)| a.x0.total_cmp(&b.x0));
        regions.sort_by(|a, b| a.y0.total_cmp(&b.y0));
        let strips = each_strip(&regions, |strip, intervals| {
            if !goes_on() {
                return ControlFlow::Break(());
            }
            let right_of = boxes.partition_point(|(_, area)| area.x0 < strip[1]);
            for (at, area) in boxes[..right_of].iter().filter(|(_, area)| area.x1 > strip[0]) {
                let width = f64::from(area.x1.min(strip[1])) - f64::from(area.x0.max(strip[0]));
                covered[*at] += width * shared([area.y0, area.y1], intervals);
            }
            ControlFlow::Continue(())
        });
        if strips.is_break() {
            return None;
        }
    }
    let share = |((_, area), covered): (&(usize, Area), f64)| {
        let [width, height] =
            [[area.x0, area.x1], [area.y0, area.y1]].map(|[low, high]| f64::from(high) - f64::from(low));
        (covered / (width * height)).min(1.0) as f32
    };
    Some(boxes.iter().zip(covered).map(share).collect())
}

/// Calls `with` for each strip between the edges of regions, which are sorted by their tops, with the intervals that
/// they cover, disjoint and from top to bottom.
fn each_strip(regions: &[Area], mut with: impl FnMut([f32; 2], &[[f32; 2]]) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut edges: Vec<f32> = regions.iter().flat_map(|area| [area.x0, area.x1]).collect();
    edges.sort_by(f32::total_cmp);
    edges.dedup();
    let mut intervals: Vec<[f32; 2]> = Vec::new();
    for strip in edges.windows(2) {
        intervals.clear();
        for area in regions.iter().filter(|area| area.x0 <= strip[0] && strip[1] <= area.x1) {
            match intervals.last_mut() {
                Some([_, bottom]) if area.y0 <= *bottom => *bottom = bottom.max(area.y1),
                _ => intervals.push([area.y0, area.y1]),
            }
        }
        with([strip[0], strip[1]], &intervals)?;
    }
    ControlFlow::Continue(())
}

/// The length that an interval shares with others, which are disjoint and in order.
fn shared([top, bottom]: [f32; 2], intervals: &[[f32; 2]]) -> f64 {
    let first = intervals.partition_point(|[_, end]| *end <= top);
    let reached = intervals[first..].iter().take_while(|[start, _]| *start < bottom);
    reached.map(|[start, end]| f64::from(end.min(bottom)) - f64::from(start.max(top))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(x0: f32, y0: f32, x1: f32, y1: f32) -> Area {
        Area { x0, y0, x1, y1 }
    }

    fn regions(areas: &[Area]) -> Vec<Region> {
        areas.iter().map(|&area| Region { label: "thing".into(), image: 0, area }).collect()
    }

    fn shares(boxes: &[Area], covers: &[Area]) -> Vec<f32> {
        let boxes: Vec<_> = boxes.iter().map(|&area| (0, area)).collect();
        shares_inside(&boxes, &regions(covers), &mut || true).unwrap()
    }

    #[test]
    fn regions_that_overlap_count_once_and_other_images_do_not() {
        let boxes = [area(0.0, 0.0, 0.5, 0.5), area(0.5, 0.5, 1.0, 1.0)];
        let covers = [area(0.0, 0.0, 0.25, 0.5), area(0.0, 0.25, 0.375, 0.5), area(0.75, 0.75, 1.0, 1.0)];
        assert_eq!(shares(&boxes, &covers), [0.625, 0.25]);
        assert_eq!(shares(&boxes, &[area(0.0, 0.0, 1.0, 1.0)]), [1.0, 1.0]);
        assert_eq!(shares(&boxes, &[]), [0.0, 0.0]);
        let elsewhere = shares_inside(&[(1, boxes[0])], &regions(&covers), &mut || true);
        assert_eq!(elsewhere, Some(vec![0.0]));
        assert_eq!(shares_inside(&[(0, boxes[0])], &regions(&covers), &mut || false), None);
    }

    /// Cutting each of 24 × 24 patches along the edges of 300 regions took 100 s.
    #[test]
    fn many_regions_take_little_time() {
        let mut random = crate::analysis::random::Random::new(2);
        let mut corner = || (random.uniform() * 0.5, random.uniform() * 0.5);
        let covers: Vec<Area> = (0..300).map(|_| corner()).map(|(x, y)| area(x, y, x + 0.5, y + 0.5)).collect();
        let side = |at: usize| at as f32 / 24.0;
        let patch = |at: usize| area(side(at % 24), side(at / 24), side(at % 24 + 1), side(at / 24 + 1));
        let boxes: Vec<_> = (0..24 * 24).map(|at| (0, patch(at))).collect();
        let mut strips = 0;
        let mut goes_on = || {
            strips += 1;
            true
        };
        let start = std::time::Instant::now();
        let shares = shares_inside(&boxes, &regions(&covers), &mut goes_on).unwrap();
        assert!(strips <= 599 && start.elapsed().as_secs() < 2, "{strips} strips in {:?}", start.elapsed());
        assert_eq!(shares[12 * 24 + 12], 1.0);
    }

    /// As counted on a raster of which every edge is a line.
    #[test]
    fn many_regions_cover_what_a_raster_says() {
        const SIDE: usize = 48;
        let mut random = crate::analysis::random::Random::new(1);
        let mut edge = || (random.uniform() * SIDE as f32) as usize;
        let mut cells = || {
            let ([x0, x1], [y0, y1]) = ([edge(), edge()], [edge(), edge()]);
            [x0.min(x1), y0.min(y1), x0.max(x1) + 1, y0.max(y1) + 1]
        };
        let as_area = |[x0, y0, x1, y1]: [usize; 4]| {
            let [x0, y0, x1, y1] = [x0, y0, x1, y1].map(|at| at as f32 / SIDE as f32);
            area(x0, y0, x1, y1)
        };
        for count in [1, 2, 7, 40] {
            let covers: Vec<_> = (0..count).map(|_| cells()).collect();
            let boxes: Vec<_> = (0..50).map(|_| cells()).collect();
            let is_inside =
                |x, y| covers.iter().any(|[x0, y0, x1, y1]| (*x0..*x1).contains(&x) && (*y0..*y1).contains(&y));
            let found = shares(
                &boxes.iter().copied().map(as_area).collect::<Vec<_>>(),
                &covers.iter().copied().map(as_area).collect::<Vec<_>>(),
            );
            for ([x0, y0, x1, y1], found) in boxes.into_iter().zip(found) {
                let all = (y0..y1).flat_map(|y| (x0..x1).map(move |x| (x, y)));
                let inside = all.clone().filter(|&(x, y)| is_inside(x, y)).count() as f32;
                let expected = inside / all.count() as f32;
                assert!((found - expected).abs() < 1e-5, "{found} instead of {expected}");
            }
        }
    }
}
