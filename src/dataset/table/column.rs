//! Typed columns in memory. A text is a number that stands for it: most columns (models, answers, attributes) hold few
//! different texts, so that a filter looks at each of them once, and a row costs four bytes. Texts lie behind each other in
//! one buffer; a `String` each would double the memory of 100,000 paths.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use rayon::prelude::*;

/// The code of a row that has no text.
const NONE: u32 = u32::MAX;
/// After so many rows, a column whose texts are nearly all different no longer looks them up.
const TRIED_ROWS: usize = 4096;

/// A column of a [`Table`](super::Table).
#[derive(Clone, Debug)]
pub struct Column {
    /// As in the index: `id`, `output_prediction`, `attribute_question_type`, …
    pub name: String,
    /// `[rows]`.
    pub values: Values,
}

/// The values of a column, `[rows]`.
#[derive(Clone, Debug)]
pub enum Values {
    /// Words.
    Text(Texts),
    /// Numbers; not a number where there is none.
    Number(Vec<f64>),
    /// Yes or no.
    Flag(Vec<Option<bool>>),
}

/// What a column says of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing.
    None,
    /// Words.
    Text(&'a str),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

/// Texts, `[rows]`.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    buffer: String,
    /// Where each of the different texts ends in the buffer.
    ends: Vec<usize>,
    /// Of each row.
    codes: Vec<u32>,
    /// The place of each of the different texts among all in their order, once somebody sorts.
    ranks: OnceLock<Vec<u32>>,
}

impl Values {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(texts) => texts.codes.len(),
            Self::Number(numbers) => numbers.len(),
            Self::Flag(flags) => flags.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Of one row; [`Value::None`] where there is no such row.
    pub fn value(&self, row: usize) -> Value<'_> {
        match self {
            Self::Text(texts) => texts.get(row).map_or(Value::None, Value::Text),
            Self::Number(numbers) => {
                numbers.get(row).filter(|number| !number.is_nan()).map_or(Value::None, |&number| Value::Number(number))
            }
            Self::Flag(flags) => flags.get(row).copied().flatten().map_or(Value::None, Value::Flag),
        }
    }
}

impl<'a> Value<'a> {
    /// Yes or no, however a trace writes it: `true`, `1`, `"True"`.
    pub fn truth(self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(flag),
            Self::Number(1.0) => Some(true),
            Self::Number(0.0) => Some(false),
            Self::Text(text) if text == "1" || text.eq_ignore_ascii_case("true") => Some(true),
            Self::Text(text) if text == "0" || text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// As it is shown and written; nothing for nothing.
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Self::None => Cow::Borrowed(""),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(written(number)),
            Self::Flag(true) => Cow::Borrowed("true"),
            Self::Flag(false) => Cow::Borrowed("false"),
        }
    }
}

/// All digits of a number; with an exponent where it is so large or small that nobody counts them.
pub fn written<N: Copy + Into<f64> + fmt::Display + fmt::LowerExp>(number: N) -> String {
    match number.into().abs() {
        0.0 | 1e-5..1e16 => number.to_string(),
        _ => format!("{number:e}"),
    }
}

impl Texts {
    /// From the rows in their order.
    pub fn of<'a>(rows: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut texts = Self::default();
        let mut known: HashMap<&str, u32> = HashMap::new();
        for row in rows {
            let code = match row {
                None => NONE,
                Some(text) => {
                    let is_varied = texts.codes.len() >= TRIED_ROWS && known.len() * 2 > TRIED_ROWS;
                    match known.get(text).filter(|_| !is_varied) {
                        Some(code) => *code,
                        None => {
                            let code = texts.push(text);
                            if !is_varied {
                                known.insert(text, code);
                            }
                            code
                        }
                    }
                }
            };
            texts.codes.push(code);
        }
        texts.buffer.shrink_to_fit();
        texts
    }

    fn push(&mut self, text: &str) -> u32 {
        self.buffer.push_str(text);
        self.ends.push(self.buffer.len());
        (self.ends.len() - 1) as u32
    }

    /// Of one row.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.codes.get(row).and_then(|&code| self.distinct(code))
    }

    fn distinct(&self, code: u32) -> Option<&str> {
        let code = code as usize;
        let end = *self.ends.get(code)?;
        let start = code.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.buffer.get(start..end)
    }

    /// Which rows have a text that `is_wanted`; each text is looked at once.
    pub fn rows_where(&self, is_wanted: impl Fn(&str) -> bool + Sync) -> Vec<bool> {
        let wanted: Vec<bool> = (0..self.ends.len() as u32)
            .into_par_iter()
            .with_min_len(1024)
            .map(|code| self.distinct(code).is_some_and(&is_wanted))
            .collect();
        self.codes.iter().map(|&code| wanted.get(code as usize).copied().unwrap_or(false)).collect()
    }

    /// The different texts in their order with the number of rows of each, if there are at most `limit`.
    pub fn groups(&self, limit: usize) -> Option<Vec<(&str, usize)>> {
        if self.ends.len() > limit {
            return None;
        }
        let mut counts = vec![0; self.ends.len()];
        self.codes.iter().filter(|&&code| code != NONE).for_each(|&code| counts[code as usize] += 1);
        let named = counts.into_iter().enumerate();
        let mut groups: Vec<_> = named.filter_map(|(code, count)| Some((self.distinct(code as u32)?, count))).collect();
        groups.sort_unstable();
        Some(groups)
    }

    /// A number for each row that sorts as its text does; `None` where there is no text.
    pub fn rank(&self, row: usize) -> Option<u32> {
        let ranks = self.ranks.get_or_init(|| {
            let mut order: Vec<u32> = (0..self.ends.len() as u32).collect();
            order.par_sort_unstable_by_key(|&code| self.distinct(code));
            let mut ranks = vec![0; order.len()];
            let mut rank = 0;
            for (place, &code) in order.iter().enumerate() {
                if place > 0 && self.distinct(order[place - 1]) != self.distinct(code) {
                    rank = place as u32;
                }
                ranks[code as usize] = rank;
            }
            ranks
        });
        self.codes.get(row).and_then(|&code| ranks.get(code as usize)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_once_and_sort_as_words() {
        let texts = Texts::of([Some("red"), None, Some("blue"), Some("red"), Some("")].into_iter());
        assert_eq!(
            (0..5).map(|row| texts.get(row)).collect::<Vec<_>>(),
            [Some("red"), None, Some("blue"), Some("red"), Some("")]
        );
        assert_eq!(texts.buffer, "redblue");
        assert_eq!((0..5).map(|row| texts.rank(row)).collect::<Vec<_>>(), [Some(2), None, Some(1), Some(2), Some(0)]);
        assert_eq!(texts.groups(3), Some(vec![("", 1), ("blue", 1), ("red", 2)]));
        assert_eq!(texts.groups(2), None);
        assert_eq!(texts.get(9), None);
    }

    #[test]
    fn texts_that_are_all_different_are_no_longer_looked_up_and_still_equal() {
        let names: Vec<String> = (0..10_000).map(|row| format!("path {row}")).chain(["path 9999".to_owned()]).collect();
        let texts = Texts::of(names.iter().map(|name| Some(name.as_str())));
        assert!(names.iter().enumerate().all(|(row, name)| texts.get(row) == Some(name)));
        assert_eq!(texts.rank(9_999), texts.rank(10_000));
        assert_eq!(texts.rows_where(|text| text == "path 9999").iter().filter(|wanted| **wanted).count(), 2);
    }
}
