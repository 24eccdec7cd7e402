//! How much of an image token's box lies inside labelled regions.
//!
//! Of each box, the regions that reach into it are cut to it, and the area of their union is found by a sweep from left to right over
//! their edges, with a tree over their tops and bottoms that knows how much of the sweeping line is covered (Bentley 1977, 'Solutions
//! to Klee's rectangle problems'; Preparata and Shamos 1985, section 8.4): R regions take R log R. A region that covers a box whole
//! ends it at once, so on a grid of patches only the patches along a region's edges see it. Rejected: cutting each box along the
//! edges of all regions, (2R + 1)² cells a box; strips between the edges of all regions of an image, whose intervals are joined anew
//! in each: 2R strips of up to R regions, 40 s for 30,000.

use rayon::prelude::*;

use crate::trace::{Area, Region};

/// Boxes that are measured before `goes_on` is asked again.
const CHUNK: usize = 64;

/// For each image token's image and box the share of the box, from 0 to 1, that lies inside any region; regions that
/// overlap count once. `goes_on` is asked now and then; `None` if it says no.
pub(super) fn shares_inside(
    boxes: &[(usize, Area)],
    regions: &[Region],
    goes_on: &mut dyn FnMut() -> bool,
) -> Option<Vec<f32>> {
    let mut shares = Vec::with_capacity(boxes.len());
    for boxes in boxes.chunks(CHUNK) {
        if !goes_on() {
            return None;
        }
        let share = |(image, area): &(usize, Area)| {
            let regions = regions.iter().filter(|region| region.image == *image).map(|region| region.area);
            (covered(*area, regions) / size(*area)).min(1.0) as f32
        };
        shares.par_extend(boxes.par_iter().map(share));
    }
    Some(shares)
}

fn size(area: Area) -> f64 {
    (f64::from(area.x1) - f64::from(area.x0)) * (f64::from(area.y1) - f64::from(area.y0))
}

/// The size of a box's part that lies inside any of these.
fn covered(area: Area, regions: impl Iterator<Item = Area>) -> f64 {
    let mut inside = Vec::new();
    for region in regions {
        let [x0, y0] = [area.x0.max(region.x0), area.y0.max(region.y0)];
        let [x1, y1] = [area.x1.min(region.x1), area.y1.min(region.y1)];
        if (x0, y0, x1, y1) == (area.x0, area.y0, area.x1, area.y1) {
            return size(area);
        }
        if x0 < x1 && y0 < y1 {
            inside.push(Area { x0, y0, x1, y1 });
        }
    }
    size_of_union(&inside)
}

fn size_of_union(areas: &[Area]) -> f64 {
    let mut heights: Vec<f32> = areas.iter().flat_map(|area| [area.y0, area.y1]).collect();
    heights.sort_by(f32::total_cmp);
    heights.dedup();
    let place = |y: f32| heights.partition_point(|height| *height < y);
    let both_edges = |area: &Area| {
        let rows = (place(area.y0), place(area.y1));
        [(area.x0, 1, rows), (area.x1, -1, rows)]
    };
    let mut edges: Vec<(f32, i32, (usize, usize))> = areas.iter().flat_map(both_edges).collect();
    edges.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut line = Line { nodes: vec![(0, 0.0); 4 * heights.len()], heights };
    let (mut total, mut before) = (0.0, 0.0);
    for (x, change, rows) in edges {
        total += (f64::from(x) - before) * line.covered();
        line.change(rows, change, 1, (0, line.heights.len() - 1));
        before = f64::from(x);
    }
    total
}

/// The sweeping line, cut at the heights of all edges: a binary tree of its rows.
struct Line {
    heights: Vec<f32>,
    /// The root is 1, the halves of `n` are `2n` and `2n + 1`: how many regions cover all of its rows, and the length that is
    /// covered by those and by what lies below it.
    nodes: Vec<(i32, f64)>,
}

impl Line {
    fn covered(&self) -> f64 {
        self.nodes.get(1).map_or(0.0, |(_, length)| *length)
    }

    /// A region that covers these rows comes or goes; `node` holds the rows `of`.
    fn change(&mut self, rows: (usize, usize), change: i32, node: usize, of: (usize, usize)) {
        let (first, end) = of;
        if rows.0 <= first && end <= rows.1 {
            self.nodes[node].0 += change;
        } else {
            let middle = usize::midpoint(first, end);
            if rows.0 < middle {
                self.change(rows, change, 2 * node, (first, middle));
            }
            if rows.1 > middle {
                self.change(rows, change, 2 * node + 1, (middle, end));
            }
        }
        self.nodes[node].1 = match self.nodes[node].0 {
            0 if end - first == 1 => 0.0,
            0 => self.nodes[2 * node].1 + self.nodes[2 * node + 1].1,
            _ => f64::from(self.heights[end]) - f64::from(self.heights[first]),
        };
    }
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
        let mut asked = 0;
        let mut goes_on = || {
            asked += 1;
            true
        };
        let start = std::time::Instant::now();
        let shares = shares_inside(&boxes, &regions(&covers), &mut goes_on).unwrap();
        assert!(asked == 9 && start.elapsed().as_secs() < 2, "asked {asked} times in {:?}", start.elapsed());
        assert_eq!(shares[12 * 24 + 12], 1.0);
        // Strips between all edges took 40 s. Thin ones, of which none covers a patch, small ones, and large ones.
        for [width, height] in [[0.9, 0.001], [0.001, 0.9], [0.03, 0.03], [0.5, 0.5]] {
            let mut random = crate::analysis::random::Random::new(3);
            let mut corner = || (random.uniform() * (1.0 - width), random.uniform() * (1.0 - height));
            let covers = (0..30_000).map(|_| corner()).map(|(x, y)| area(x, y, x + width, y + height));
            let covers = regions(&covers.collect::<Vec<_>>());
            let start = std::time::Instant::now();
            let shares = shares_inside(&boxes, &covers, &mut || true).unwrap();
            assert!(start.elapsed().as_secs() < 5, "{width} × {height}: {:?}", start.elapsed());
            assert!(shares[12 * 24 + 12] > 0.99, "{width} × {height}: {}", shares[12 * 24 + 12]);
        }
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
