//! A line drawn around points with the pointer: those inside are selected.

use glam::Vec2;

/// The points inside of a closed line, by the even-odd rule; no line of less than three corners has an inside.
pub fn inside(line: &[Vec2], points: &[Vec2]) -> Vec<usize> {
    let is_inside = |point: Vec2| {
        let edges = line.iter().zip(line.iter().cycle().skip(1));
        let crossed = edges.filter(|(a, b)| {
            (a.y > point.y) != (b.y > point.y) && point.x < a.x + (point.y - a.y) / (b.y - a.y) * (b.x - a.x)
        });
        crossed.count() % 2 == 1
    };
    (0..points.len()).filter(|&index| line.len() >= 3 && is_inside(points[index])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bent_line_has_its_bay_outside() {
        let line = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (5.0, 2.0), (0.0, 10.0)].map(Vec2::from);
        let points = [(1.0, 1.0), (5.0, 8.0), (9.0, 5.0), (11.0, 1.0), (f32::NAN, 1.0)].map(Vec2::from);
        assert_eq!(inside(&line, &points), [0, 2]);
        assert_eq!(inside(&line[..2], &points), Vec::<usize>::new());
    }
}
