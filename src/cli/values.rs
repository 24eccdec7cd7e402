//! Sizes, ranges and numbers as they are typed.

/// From `WxH`.
pub fn parse_size(text: &str) -> Result<[f32; 2], String> {
    let sides = text.split_once(['x', 'X', '×']).and_then(|(width, height)| {
        let side = |text: &str| text.parse::<u16>().ok().filter(|side| *side >= 16);
        Some([f32::from(side(width)?), f32::from(side(height)?)])
    });
    sides.ok_or_else(|| format!("`{text}` is no size: expected for example 900x640, each side 16 to 65535"))
}

/// Pixels per logical pixel.
pub fn parse_scale(text: &str) -> Result<f32, String> {
    let scale = text.parse().ok().filter(|scale| (0.1..=16.0).contains(scale));
    scale.ok_or_else(|| format!("`{text}` is no scale: expected 0.1 to 16 pixels per logical pixel"))
}

/// From 0 to 1.
pub fn parse_share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("`{text}` is no share: expected for example 0.5, from 0 to 1"))
}

/// From `LOW:HIGH`.
pub fn parse_range(text: &str) -> Result<[f32; 2], String> {
    let ends = text.split_once(':').and_then(|(low, high)| Some([low.parse::<f32>().ok()?, high.parse().ok()?]));
    ends.filter(|[low, high]| low < high && low.is_finite() && high.is_finite())
        .ok_or_else(|| format!("`{text}` is no range: expected for example 0:0.2, the lower end first"))
}

/// Above 0 and up to 100.
pub fn parse_percentile(text: &str) -> Result<f32, String> {
    let percent = text.parse().ok().filter(|percent: &f32| *percent > 0.0 && *percent <= 100.0);
    percent.ok_or_else(|| format!("`{text}` is no percentile: expected for example 99, above 0 and up to 100"))
}

/// `N` numbers with commas between them.
fn parse_numbers<const N: usize>(text: &str) -> Result<[f32; N], String> {
    let numbers = text.split(',').map(|number| number.trim().parse::<f32>().ok().filter(|number| number.is_finite()));
    let numbers: Option<Vec<f32>> = numbers.collect();
    let numbers = numbers.and_then(|numbers| <[f32; N]>::try_from(numbers).ok());
    numbers.ok_or_else(|| format!("`{text}` is not {N} numbers with commas between them"))
}

/// Scale in x and y, and the shift.
pub fn parse_view(text: &str) -> Result<[f32; 4], String> {
    let view = parse_numbers(text)?;
    if view[0] > 0.0 && view[1] > 0.0 {
        Ok(view)
    } else {
        Err(format!("`{text}` shows nothing: both scales are above 0"))
    }
}

/// The first and the last corner of a part of the matrix.
pub fn parse_window(text: &str) -> Result<[f32; 4], String> {
    let corners = parse_numbers(text)?;
    let [x0, y0, x1, y1] = corners;
    if x0 < x1 && y0 < y1 { Ok(corners) } else { Err(format!("`{text}` holds no cell: K0 < K1 and Q0 < Q1")) }
}
