//! To come.

use super::Inputs;
use super::canvas::Canvas;

pub(super) fn draw(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>) {
    canvas.title(inputs, "embedding", inputs.document.id.as_deref());
    canvas.note("to come");
}
