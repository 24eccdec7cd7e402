//! Values by which the examples divide: right and wrong, and those of columns that have few. Each is a chip above the list that sets
//! a term of the filter, and two of them are groups that the head atlas compares.

use crate::dataset::Dataset;
use crate::dataset::table::Values;

/// A column with more different texts is no facet.
const MOST_VALUES: usize = 8;

/// A column, and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// As it is shown.
    pub name: String,
    /// The most frequent first, as the column orders them.
    pub chips: Vec<Chip>,
}

/// A value of a facet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    /// As it is shown.
    pub label: String,
    /// The filter's term that keeps the examples with it.
    pub term: String,
    /// The filter's term that keeps all others.
    pub others: String,
    /// How many examples have it, of all.
    pub count: usize,
}

/// Right and wrong first, then the columns in their order.
pub fn facets(dataset: &Dataset) -> Vec<Facet> {
    let mut facets = Vec::new();
    for column in dataset.table.columns() {
        let name = column.name.strip_prefix("attribute_").or_else(|| column.name.strip_prefix("output_"));
        let name = match name {
            Some("correct") => {
                facets.insert(0, right_and_wrong(dataset));
                continue;
            }
            Some(name) => name,
            None if column.name == "model" => "model",
            None => continue,
        };
        let chip = |label: &str, value: &str, count: usize| {
            let [term, others] = ["=", "!="].map(|sign| format!("{}{sign}{}", quoted(name), quoted(value)));
            Chip { label: label.to_owned(), term, others, count }
        };
        let chips: Vec<Chip> = match &column.values {
            Values::Text(texts) => {
                let found = texts.groups(MOST_VALUES).unwrap_or_default();
                found.into_iter().map(|(value, count)| chip(value, value, count)).collect()
            }
            Values::Flag(flags) => [("yes", true), ("no", false)]
                .map(|(label, value)| chip(label, &value.to_string(), count(flags, Some(value))))
                .into(),
            Values::Number(_) => continue,
        };
        // Of names that are each one example's nobody chooses one here.
        if chips.len() > 1 && chips.iter().any(|chip| chip.count > 1) {
            facets.push(Facet { name: name.to_owned(), chips });
        }
    }
    facets
}

fn right_and_wrong(dataset: &Dataset) -> Facet {
    let truths: Vec<Option<bool>> = (0..dataset.table.len()).map(|row| dataset.is_right(row)).collect();
    let chip = |label: &str, other: &str, is_right: bool| Chip {
        label: label.to_owned(),
        term: format!("is:{label}"),
        others: format!("is:{other}"),
        count: count(&truths, Some(is_right)),
    };
    Facet { name: "answer".to_owned(), chips: vec![chip("right", "wrong", true), chip("wrong", "right", false)] }
}

fn count(values: &[Option<bool>], wanted: Option<bool>) -> usize {
    values.iter().filter(|value| **value == wanted).count()
}

impl Facet {
    /// Whether it is about right and wrong answers.
    pub fn is_of_answers(&self) -> bool {
        self.chips.first().is_some_and(|chip| chip.term == "is:right")
    }

    /// The chip whose term the filter has.
    pub fn chosen(&self, query: &str) -> Option<&Chip> {
        let terms = terms(query);
        self.chips.iter().find(|chip| terms.contains(&chip.term.as_str()))
    }

    /// The filter with this chip's term, and no other of this facet; without it if it has it.
    pub fn toggled(&self, query: &str, chip: &Chip) -> String {
        let is_of_facet = |term: &&str| self.chips.iter().any(|chip| chip.term == *term);
        let is_chosen = terms(query).contains(&chip.term.as_str());
        let mut kept: Vec<&str> = terms(query).into_iter().filter(|term| !is_of_facet(term)).collect();
        if !is_chosen {
            kept.push(&chip.term);
        }
        kept.join(" ")
    }
}

/// A filter's terms, as they are typed: spaces part them, but not between quotation marks.
fn terms(query: &str) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = query.split(move |letter: char| {
        is_quoted ^= letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        letter.is_whitespace() && !is_quoted
    });
    parts.filter(|term| !term.is_empty()).collect()
}

/// As a filter reads it as one word.
fn quoted(text: &str) -> String {
    let is_plain =
        !text.is_empty() && text.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.'));
    if is_plain { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::{Chip, Facet};

    #[test]
    fn a_chip_sets_its_term_and_takes_it_back() {
        let chip = |label: &str| Chip {
            label: label.to_owned(),
            term: format!("kind=\"{label} kind\""),
            others: String::new(),
            count: 1,
        };
        let facet = Facet { name: "kind".to_owned(), chips: vec![chip("one"), chip("other")] };
        let [one, other] = [&facet.chips[0], &facet.chips[1]];
        let query = facet.toggled("blue \"two words\"", one);
        assert_eq!(query, "blue \"two words\" kind=\"one kind\"");
        assert_eq!(facet.chosen(&query), Some(one));
        let query = facet.toggled(&query, other);
        assert_eq!(query, "blue \"two words\" kind=\"other kind\"", "one value at a time");
        assert_eq!(facet.toggled(&query, other), "blue \"two words\"");
        assert_eq!(facet.chosen("blue"), None);
    }
}
