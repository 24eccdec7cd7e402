//! Filter and sort, against what a person reads off the rows.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};

use super::*;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Two parts that disagree: of `attribute_level` the first has numbers, the second texts.
fn table() -> Result<Table> {
    let column = |name: &'static str, array: ArrayRef| (name, array);
    let first = RecordBatch::try_from_iter([
        column("example", Arc::new(Int64Array::from(vec![11, 13]))),
        column("path", Arc::new(StringArray::from(vec!["a.safetensors", "c.safetensors"]))),
        column("size", Arc::new(Int64Array::from(vec![100, 300]))),
        column("mtime_ns", Arc::new(Int64Array::from(vec![1_700_000_000_123_456_789, 3]))),
        column("error", Arc::new(StringArray::from(vec![None::<&str>, None]))),
        column("text", Arc::new(StringArray::from(vec!["What colour is it?", "Is it a \"Red\" dome/box?"]))),
        column("output_prediction", Arc::new(StringArray::from(vec!["blue", "red"]))),
        column("output_correct", Arc::new(BooleanArray::from(vec![true, false]))),
        column("attribute_level", Arc::new(Float64Array::from(vec![Some(2.0), None]))),
        column("attribute_score", Arc::new(Float64Array::from(vec![Some(-0.5), Some(7.25)]))),
    ])?;
    let second = RecordBatch::try_from_iter([
        column("example", Arc::new(Int64Array::from(vec![12, 14]))),
        column("path", Arc::new(StringArray::from(vec!["b.safetensors", "d.safetensors"]))),
        column("size", Arc::new(Int64Array::from(vec![200, 400]))),
        column("mtime_ns", Arc::new(Int64Array::from(vec![2, 4]))),
        column("error", Arc::new(StringArray::from(vec![None, Some("cannot read: too short")]))),
        column("text", Arc::new(StringArray::from(vec![Some("how many domes?"), None]))),
        column("output_prediction", Arc::new(StringArray::from(vec![Some("Two"), None]))),
        column("output_correct", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        column("attribute_level", Arc::new(StringArray::from(vec![Some("high"), None]))),
    ])?;
    Ok(Table::from_batches(Path::new("data"), &[first, second]))
}

/// Of layer 0, head 1 of `entropy`.
fn heads(column: &HeadColumn) -> std::result::Result<Vec<f32>, String> {
    let known = HeadColumn { statistic: "entropy".to_owned(), block: None, layer: 0, head: 1 };
    if *column == known { Ok(vec![0.5, f32::NAN, 1.5, 2.5]) } else { Err(format!("no {column}")) }
}

/// The first letters of the paths that a query keeps.
fn kept(query: &str) -> Result<String> {
    let table = table()?;
    let mask = table.matches(&Filter::parse(query)?, &heads)?;
    let rows = mask.iter().enumerate().filter(|(_, kept)| **kept).map(|(row, _)| row);
    Ok(rows.filter_map(|row| table.value("path", row).text().chars().next()).collect())
}

/// Where one part has a column and another the key among all others, as two processes may leave it.
#[test]
fn a_key_without_a_column_is_found_among_the_others() -> Result {
    let part = |path: &'static str, columns: Vec<(&'static str, ArrayRef)>| {
        let path: (_, ArrayRef) = ("path", Arc::new(StringArray::from(vec![path])));
        RecordBatch::try_from_iter([path].into_iter().chain(columns))
    };
    let more = r#"{"depth":7,"is_new":true,"note":"x","level":2.5,"parts":[1]}"#;
    let table = Table::from_batches(
        Path::new(""),
        &[
            part("a", vec![("attribute_depth", Arc::new(Float64Array::from(vec![3.0])))])?,
            part("b", vec![("more_attributes", Arc::new(StringArray::from(vec![more])))])?,
            part("c", vec![("more_attributes", Arc::new(StringArray::from(vec![r#"{"level":"high"}"#])))])?,
        ],
    );
    let kept = |query: &str| -> Result<Vec<bool>> { Ok(table.matches(&Filter::parse(query)?, &heads)?) };
    assert_eq!(kept("depth>=3")?, [true, true, false]);
    assert_eq!(kept("attribute_depth=7")?, [false, true, false]);
    assert_eq!(kept("is_new=true")?, [false, true, false]);
    assert_eq!(kept("level=2.5")?, [false, true, false], "numbers and texts are texts");
    assert_eq!(kept("parts=[1]")?, [false, true, false]);
    assert!(kept("width=1").is_err());
    let mut rows = [0, 1, 2];
    sort(&mut rows, SortKey::Column(&*table.required("depth")?), true);
    assert_eq!(rows, [1, 0, 2]);
    Ok(())
}

#[test]
fn parts_become_one_table_in_the_order_of_paths() -> Result {
    let table = table()?;
    assert_eq!(table.keys(), [11, 12, 13, 14]);
    assert_eq!(table.stamp(0), Some([100, 1_700_000_000_123_456_789]), "a time is exact");
    assert_eq!(table.path(3), Path::new("data/d.safetensors"));
    let levels: Vec<_> = (0..4).map(|row| table.value("level", row).text().into_owned()).collect();
    assert_eq!(levels, ["2", "high", "", ""]);
    assert_eq!(table.value("score", 1), Value::None, "a part without the column");
    assert_eq!(table.value("score", 2), Value::Number(7.25));
    Ok(())
}

#[test]
fn filters_keep_what_they_say() -> Result {
    for (query, expected) in [
        ("", "abcd"),
        ("DOME", "bc"),
        ("dome is:right", "b"),
        ("\"a \\\"red\\\"\"", "c"),
        ("/^(what|how)/", "ab"),
        ("/dome\\/box/", "c"),
        ("prediction=two", "b"),
        ("output_prediction!=two", "ac"),
        ("prediction~^[a-z]", "ac"),
        ("prediction~/^T/", "b"),
        ("score<0", "a"),
        ("score>=7.25", "c"),
        ("-score>=7.25", "abd"),
        ("size>100 size<=300", "bc"),
        ("correct=false", "c"),
        ("correct!=true", "c"),
        ("is:wrong", "c"),
        ("is:broken", "d"),
        ("-is:broken -dome", "a"),
        ("entropy[0.1]>0.5", "cd"),
        ("level=high", "b"),
        ("path>=c", "cd"),
        ("\"prediction\"=\"Two\"", "b"),
        ("nothing!", ""),
    ] {
        assert_eq!(kept(query)?, expected, "{query}");
    }
    Ok(())
}

#[test]
fn an_error_points_at_its_place() -> Result {
    let table = table()?;
    for (query, at, words) in [
        ("dome colour=red", 5..15, "no column is called `colour`: there are path, size, error, text"),
        ("a \"b", 2..4, "the \" at its beginning has none at its end"),
        ("/(/", 0..3, "`(` is no regular expression: unclosed group"),
        ("is:good", 0..7, "`is:good` is not known: there are is:right"),
        ("score>tall", 0..10, "`attribute_score` is compared with `tall`, expected a number"),
        ("x entropy[1]>2", 2..12, "`1` is no head: expected [layer.head]"),
        ("entropy[9.9]>2", 0..14, "no entropy[9.9]"),
        ("score=", 5..6, "expected a value behind the comparison"),
        ("=3", 0..1, "expected a column before the comparison"),
        ("a -", 2..3, "expected a term behind the `-`"),
        ("\"a\"b", 3..4, "expected a space before the next term"),
        ("size~1", 0..6, "`size` holds no texts"),
    ] {
        let error = Filter::parse(query).and_then(|filter| table.matches(&filter, &heads)).err();
        let error = error.ok_or_else(|| format!("`{query}` was understood"))?;
        assert!(error.message.contains(words), "{query}: {}", error.message);
        assert_eq!(error.at, at, "{query}");
    }
    let error = Filter::parse("ü is:good").err().ok_or("understood")?;
    assert!(error.pointing("ü is:good").ends_with("\n  ü is:good\n    ^^^^^^^"), "{}", error.pointing("ü is:good"));
    Ok(())
}

#[test]
fn a_yes_may_be_written_in_several_ways() {
    for yes in [Value::Flag(true), Value::Number(1.0), Value::Text("True"), Value::Text("1")] {
        assert_eq!(yes.truth(), Some(true), "{yes:?}");
    }
    for no in [Value::Flag(false), Value::Number(0.0), Value::Text("false"), Value::Text("0")] {
        assert_eq!(no.truth(), Some(false), "{no:?}");
    }
    for neither in [Value::None, Value::Number(0.5), Value::Text("yes, red")] {
        assert_eq!(neither.truth(), None, "{neither:?}");
    }
}

#[test]
fn sorting_is_stable_and_keeps_what_is_missing_last() -> Result {
    let table = table()?;
    let sorted = |name: &str, is_descending| -> Result<Vec<u32>> {
        let mut rows = vec![0, 1, 2, 3];
        sort(&mut rows, SortKey::Column(&*table.required(name)?), is_descending);
        Ok(rows)
    };
    assert_eq!(sorted("prediction", false)?, [1, 0, 2, 3], "capitals come before small letters");
    assert_eq!(sorted("prediction", true)?, [2, 0, 1, 3]);
    assert_eq!(sorted("score", false)?, [0, 2, 1, 3]);
    assert_eq!(sorted("score", true)?, [2, 0, 1, 3]);
    assert_eq!(sorted("correct", true)?, [0, 1, 2, 3], "equal ones stay in their order");
    let mut rows = vec![3, 2, 1, 0];
    sort(&mut rows, SortKey::Column(&*table.required("prediction")?), true);
    assert_eq!(rows, [2, 0, 1, 3], "what is missing comes behind the first letter of the alphabet");
    let mut rows = vec![3, 2, 1, 0];
    sort(&mut rows, SortKey::Numbers(&[-1.0, f32::NAN, -0.0, 0.0]), false);
    assert_eq!(rows, [0, 3, 2, 1]);
    Ok(())
}
