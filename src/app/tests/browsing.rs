//! What the commands about a dataset change.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray};

use crate::app::model::browsing::{Browsing, DatasetCommand};
use crate::app::model::state::State;
use crate::dataset::Dataset;
use crate::dataset::table::{Filter, Table};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn browsing() -> Result<Browsing> {
    let texts = |texts: [&'static str; 4]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
    let batch = RecordBatch::try_from_iter([
        ("path", texts(["a", "b", "c", "d"])),
        ("model", texts(["base", "tuned", "base", "tuned"])),
        ("output_correct", Arc::new(BooleanArray::from(vec![true, false, true, true]))),
        ("attribute_question type", texts(["color", "shape", "yes/no", "color"])),
        ("attribute_split", texts(["test", "test", "test", "test"])),
    ])?;
    let mut browsing = Browsing::default();
    browsing.set_dataset(Dataset::without_index(Table::from_batches(Path::new("data"), &[batch])));
    Ok(browsing)
}

#[test]
fn a_column_sorts_up_down_and_no_longer() {
    let mut state = State::default();
    let mut sorted = |column: &str| {
        state.apply(crate::app::Command::Dataset(DatasetCommand::SortBy(column.to_owned())));
        state.browsing.order.as_ref().map(ToString::to_string)
    };
    assert_eq!(sorted("text").as_deref(), Some("text"));
    assert_eq!(sorted("text").as_deref(), Some("text:desc"));
    assert_eq!(sorted("text"), None);
    sorted("text");
    assert_eq!(sorted("id").as_deref(), Some("id"));
}

#[test]
fn steps_follow_the_rows_that_are_shown() -> Result {
    let mut browsing = browsing()?;
    browsing.listing.rows = Arc::new(vec![3, 0, 2]);
    assert_eq!((browsing.step(3, 1), browsing.step(2, 1), browsing.step(2, -1)), (Some(0), Some(2), Some(0)));
    assert_eq!(browsing.step(1, 1), Some(3), "from an example that is not listed to the first that is");
    browsing.listing.rows = Arc::default();
    assert_eq!(browsing.step(3, 1), None);
    Ok(())
}

#[test]
fn groups_are_suggested_and_can_be_read() -> Result {
    let browsing = browsing()?;
    let groups = browsing.groups();
    let labels: Vec<&str> = groups.iter().map(|groups| groups.label.as_str()).collect();
    let of_type = ["color", "shape", "yes/no"].map(|value| format!("question type: {value} − all others"));
    let expected = ["right − wrong", "model: base − tuned"].into_iter().chain(of_type.iter().map(String::as_str));
    assert_eq!(labels, expected.collect::<Vec<_>>());
    let dataset = browsing.dataset.as_ref().ok_or("no dataset")?;
    for groups in &groups {
        let [a, b] = [&groups.a, &groups.b].map(|query| Filter::parse(query).and_then(|filter| dataset.rows(&filter)));
        assert_eq!(a?.len() + b?.len(), 4, "{}", groups.label);
    }
    Ok(())
}

#[test]
fn columns_without_a_value_and_beginnings_of_names_are_known() -> Result {
    let texts = |texts: [Option<&'static str>; 3]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
    let batch = RecordBatch::try_from_iter([
        ("path", texts([Some("a"), Some("b"), Some("c")])),
        ("id", texts([Some("set/validation/0001"), Some("set/validation/0002"), Some("set/validation/0103")])),
        ("output_answer", texts([None, None, None])),
        ("attribute_kind", texts([Some("count"), Some("count"), Some("place")])),
        ("output_correct", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
    ])?;
    let mut browsing = Browsing::default();
    browsing.set_dataset(Dataset::without_index(Table::from_batches(Path::new("data"), &[batch])));
    assert_eq!(browsing.empty_columns, ["output_answer"]);
    assert_eq!(browsing.beginnings["id"], "set/validation/", "not in the middle of a number");
    assert_eq!(browsing.beginnings["path"], "");
    let chips: Vec<(&str, usize)> =
        browsing.facets.iter().flat_map(|facet| &facet.chips).map(|chip| (chip.term.as_str(), chip.count)).collect();
    assert_eq!(chips, [("is:right", 1), ("is:wrong", 1), ("kind=count", 2), ("kind=place", 1)]);
    Ok(())
}
