//! A line drawn around points with the pointer: those inside are selected.

use egui::{Response, Shape, Stroke, Ui, pos2};
use glam::Vec2;

/// Draws the line while the pointer goes around; the whole line, from the corner of the response, once it is let go.
pub fn draw(ui: &Ui, response: &Response) -> Option<Vec<Vec2>> {
    let pointer = response.interact_pointer_pos()?;
    let id = response.id.with("lasso");
    let corner = response.rect.min;
    let to_view = |at: egui::Pos2| Vec2::new(at.x - corner.x, at.y - corner.y);
    let mut line: Vec<Vec2> = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    if response.drag_started() {
        // A drag is one only after some way; the line begins where the button went down.
        line = ui.input(|input| input.pointer.press_origin()).map(to_view).into_iter().collect();
    }
    let at = to_view(pointer);
    if line.last().is_none_or(|last| last.distance(at) > 2.0) {
        line.push(at);
    }
    let shown = line.iter().map(|at| pos2(corner.x + at.x, corner.y + at.y)).collect();
    ui.painter().add(Shape::closed_line(shown, Stroke::new(1.5, ui.visuals().warn_fg_color)));
    let done = response.drag_stopped().then(|| std::mem::take(&mut line));
    ui.data_mut(|data| data.insert_temp(id, line));
    done
}

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
