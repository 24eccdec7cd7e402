//! Which columns the browser shows, and which it offers.

use crate::app::model::browsing::Browsing;
use crate::dataset::table::HeadColumn;

/// Columns that are shown wherever the dataset has them, with their titles and widths.
pub const USUAL: [(&str, &str, f32); 4] = [
    ("text", "text", 150.0),
    ("output_prediction", "prediction", 72.0),
    ("output_answer", "answer", 64.0),
    ("id", "id", 90.0),
];
/// Columns that the menu need not offer: they are shown in another way.
const SHOWN_OTHERWISE: [&str; 2] = ["output_correct", "error"];

/// `output_prediction` as `prediction`.
pub fn short_title(name: &str) -> &str {
    name.strip_prefix("output_").or_else(|| name.strip_prefix("attribute_")).unwrap_or(name)
}

/// The columns beside the usual ones, and which of them are shown: those of the table, and statistics of heads.
pub fn offered_columns(browsing: &Browsing) -> Vec<(String, bool)> {
    let Some(dataset) = &browsing.dataset else { return Vec::new() };
    let is_offered = |name: &str| {
        let is_usual = USUAL.iter().any(|(usual, ..)| *usual == name);
        !is_usual && !SHOWN_OTHERWISE.contains(&name) && browsing.empty_columns.iter().all(|empty| empty != name)
    };
    let of_table = dataset.table.columns().iter().map(|column| &column.name).filter(|name| is_offered(name));
    let of_table = of_table.map(|name| (name.clone(), browsing.columns.contains(name)));
    let of_heads = browsing.columns.iter().filter(|name| HeadColumn::parse(name).is_some());
    of_table.chain(of_heads.map(|name| (name.clone(), true))).collect()
}
