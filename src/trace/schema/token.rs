//! Tokens and boxes.

use super::super::json::{Fields, Json};
use super::super::{Area, Content, Modality, Token};
use super::fields::{Place, boolean, count, one_of, optional, required, spaced, string};

/// A token of the first version: text, or a box on one image.
pub fn first_token(fields: &Fields<'_>, place: Place<'_>, images: usize) -> Result<Token, String> {
    let content = match (fields.get("text"), fields.get("image")) {
        (Some(text), None) => Content::Text(string(text, &format_args!("{place}.text"))?),
        (None, Some(_)) => {
            let (image, area) = image_area(fields, place, images)?;
            Content::Image { images: vec![image], area: Some(area) }
        }
        (None, None) => return Err(format!("`{place}` has neither `text` nor `image`, expected one of them")),
        (Some(_), Some(_)) => return Err(format!("`{place}` has both `text` and `image`, expected one of them")),
    };
    with_marks(content, fields, place)
}

/// A token of the second version, whose modality may be named.
pub fn token(fields: &Fields<'_>, place: Place<'_>, images: usize) -> Result<Token, String> {
    let names = Modality::ALL.map(|modality| (modality.name(), modality));
    let named = optional(fields, place, "modality", |value, place| one_of(value, place, &names))?;
    let (has_text, has_image) = (is_there(fields, "text"), is_there(fields, "image"));
    let modality = match (named, has_text, has_image) {
        (_, true, true) => return Err(format!("`{place}` has both `text` and `image`, expected one of them")),
        (Some(Modality::Text), false, _) => return Err(format!("`{place}.text` is missing: its modality is \"text\"")),
        (Some(Modality::Image), true, _) => {
            return Err(format!("`{place}` has `text`, which a token of modality \"image\" has not"));
        }
        (Some(other @ (Modality::Latent | Modality::Audio)), _, true) => {
            return Err(format!("`{place}` has `image`, which a token of modality \"{}\" has not", other.name()));
        }
        (Some(modality), ..) => modality,
        (None, true, false) => Modality::Text,
        (None, false, true) => Modality::Image,
        (None, false, false) => {
            return Err(format!("`{place}` has neither `text` nor `image` nor `modality`, expected one of them"));
        }
    };
    let text = || optional(fields, place, "text", string).map(Option::unwrap_or_default);
    let content = match modality {
        Modality::Text => Content::Text(text()?),
        Modality::Latent => Content::Latent(text()?),
        Modality::Audio => Content::Audio(text()?),
        Modality::Image => Content::Image {
            images: optional(fields, place, "image", |value, place| image_list(value, place, images))?
                .unwrap_or_default(),
            area: optional(fields, place, "box", area)?,
        },
    };
    with_marks(content, fields, place)
        .and_then(|token| Ok(Token { padding: optional(fields, place, "padding", boolean)?.unwrap_or(false), ..token }))
}

fn is_there(fields: &Fields<'_>, key: &str) -> bool {
    !matches!(fields.get(key), None | Some(Json::Null))
}

fn with_marks(content: Content, fields: &Fields<'_>, place: Place<'_>) -> Result<Token, String> {
    let special = optional(fields, place, "special", boolean)?.unwrap_or(false);
    Ok(Token { special, segment: optional(fields, place, "segment", string)?, ..Token::new(content) })
}

/// `image` and `box` of a token or a region.
pub fn image_area(fields: &Fields<'_>, place: Place<'_>, images: usize) -> Result<(usize, Area), String> {
    let image = image_index(required(fields, place, "image")?, &format_args!("{place}.image"), images)?;
    Ok((image, area(required(fields, place, "box")?, &format_args!("{place}.box"))?))
}

fn image_index(value: &Json<'_>, place: Place<'_>, images: usize) -> Result<usize, String> {
    match count(value, place)? {
        image if image >= images => {
            Err(format!("`{place}` is {image}, expected less than {images}: `images` is {images}"))
        }
        image => Ok(image),
    }
}

/// One image or several.
fn image_list(value: &Json<'_>, place: Place<'_>, images: usize) -> Result<Vec<usize>, String> {
    let Some(items) = value.as_list() else { return Ok(vec![image_index(value, place, images)?]) };
    let each = items.iter().enumerate();
    each.map(|(index, item)| image_index(item, &format_args!("{place}[{index}]"), images)).collect()
}

fn area(value: &Json<'_>, place: Place<'_>) -> Result<Area, String> {
    let sides: Option<Vec<f64>> = value.as_list().and_then(|sides| sides.iter().map(Json::as_f64).collect());
    match sides.as_deref() {
        Some(&[x0, y0, x1, y1]) if 0.0 <= x0 && x0 < x1 && x1 <= 1.0 && 0.0 <= y0 && y0 < y1 && y1 <= 1.0 => {
            // A box that is narrower than an f32 can tell gets the least width: none has an area of 0.
            let ([x0, x1], [y0, y1]) = (narrowed(x0, x1), narrowed(y0, y1));
            Ok(Area { x0, y0, x1, y1 })
        }
        _ => Err(format!(
            "`{place}` is {}, expected [x0, y0, x1, y1] with 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1",
            spaced(value)
        )),
    }
}

/// Two sides of a box, still one behind the other.
fn narrowed(low: f64, high: f64) -> [f32; 2] {
    let [low, high] = [low as f32, high as f32];
    match (low < high, high < 1.0) {
        (true, _) => [low, high],
        (false, true) => [low, high.next_up()],
        (false, false) => [low.next_down(), high],
    }
}
