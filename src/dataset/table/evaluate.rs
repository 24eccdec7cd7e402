//! Which examples a filter keeps. Each term is a pass over one column (a word over all text columns), so that 100,000
//! rows take milliseconds; no row is ever put together.

use std::borrow::Cow;

use rayon::prelude::*;
use regex::Regex;

use super::filter::{Comparison, Filter, HeadColumn, Negatable, QueryError, Term};
use super::{Column, Table, Texts, Values};

/// Looks up a statistic of one head: `[rows]`, not a number where it has no value; or says why there is none.
pub type Heads<'a> = &'a (dyn Fn(&HeadColumn) -> Result<Vec<f32>, String> + 'a);

/// Rows that are kept, `[rows]`.
type Mask = Vec<bool>;

impl Table {
    /// Which rows a filter keeps, `[rows]`.
    ///
    /// # Errors
    /// If a column is unknown, or has no values of the kind it is compared with.
    pub fn matches(&self, filter: &Filter, heads: Heads<'_>) -> Result<Mask, QueryError> {
        let mut kept = vec![true; self.len()];
        for term in &filter.terms {
            let holds = self.term(term, heads).map_err(|message| QueryError { message, at: term.at.clone() })?;
            kept.iter_mut().zip(holds).for_each(|(kept, holds)| *kept &= holds != term.is_negated);
        }
        Ok(kept)
    }

    /// The names by which columns are called, for a message: as many as a person reads.
    fn names(&self) -> String {
        const NAMED: usize = 30;
        let named = self.columns.iter().take(NAMED).map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        match self.columns.len().saturating_sub(NAMED) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }

    /// The column of that name, or the values of the key that has none of its own.
    ///
    /// # Errors
    /// If there is none; the message lists what there is.
    pub fn required(&self, name: &str) -> Result<Cow<'_, Column>, String> {
        let column = self.column(name).map(|column| self.completed(column));
        column.or_else(|| self.among_more(name).map(Cow::Owned)).ok_or_else(|| {
            format!("no column is called `{name}`: there are {}, and statistics as `entropy[0.1]`", self.names())
        })
    }

    fn term(&self, term: &Negatable, heads: Heads<'_>) -> Result<Mask, String> {
        match &term.term {
            Term::Anywhere(pattern) => Ok(self.anywhere(pattern)),
            Term::Right(wanted) => match self.column("output_correct") {
                Some(column) => {
                    Ok((0..self.len()).map(|row| column.values.value(row).truth() == Some(*wanted)).collect())
                }
                None => {
                    Err("the traces do not say whether they are right: they have no `correct` in `outputs`".to_owned())
                }
            },
            Term::Broken => Ok(match self.column("error").map(|column| &column.values) {
                Some(Values::Text(texts)) => texts.rows_where(|_| true),
                _ => vec![false; self.len()],
            }),
            Term::Matches { column, pattern } => match &self.required(column)?.values {
                Values::Text(texts) => Ok(texts.rows_where(|text| pattern.is_match(text))),
                _ => Err(format!("`{column}` holds no texts: expected =, !=, <, <=, > or >=")),
            },
            Term::Compare { column, comparison, value } => match HeadColumn::parse(column) {
                Some(head) => {
                    let wanted = number(column, value)?;
                    let values = heads(&head?)?;
                    Ok(values.into_iter().map(|found| comparison.holds(&f64::from(found), &wanted)).collect())
                }
                None => compare(&*self.required(column)?, *comparison, value),
            },
        }
    }

    fn anywhere(&self, pattern: &Regex) -> Mask {
        let texts = self.columns.iter().filter_map(|column| match &column.values {
            Values::Text(texts) => Some(texts),
            _ => None,
        });
        let texts: Vec<&Texts> = texts.collect();
        let found: Vec<Mask> =
            texts.into_par_iter().map(|texts| texts.rows_where(|text| pattern.is_match(text))).collect();
        let mut any = vec![false; self.len()];
        for mask in found {
            any.iter_mut().zip(mask).for_each(|(any, found)| *any |= found);
        }
        any
    }
}

impl Comparison {
    /// Whether two values compare so; what is not a number compares with nothing.
    fn holds<T: PartialOrd>(self, found: &T, wanted: &T) -> bool {
        found.partial_cmp(wanted).is_some_and(|order| self.accepts(order))
    }

    fn accepts(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

fn compare(column: &Column, comparison: Comparison, value: &str) -> Result<Mask, String> {
    match &column.values {
        Values::Number(numbers) => {
            let wanted = number(&column.name, value)?;
            Ok(numbers.iter().map(|found| comparison.holds(found, &wanted)).collect())
        }
        Values::Flag(flags) => {
            let wanted = match (value, comparison) {
                ("true", Comparison::Equal) | ("false", Comparison::NotEqual) => true,
                ("false", Comparison::Equal) | ("true", Comparison::NotEqual) => false,
                _ => return Err(format!("`{}` is true or false: expected =true or =false", column.name)),
            };
            Ok(flags.iter().map(|flag| *flag == Some(wanted)).collect())
        }
        Values::Text(texts) if matches!(comparison, Comparison::Equal | Comparison::NotEqual) => {
            let wanted = value.to_lowercase();
            let is_equal = comparison == Comparison::Equal;
            Ok(texts.rows_where(|text| (text == value || text.to_lowercase() == wanted) == is_equal))
        }
        Values::Text(texts) => Ok(texts.rows_where(|text| comparison.holds(&text, &value))),
    }
}

fn number(column: &str, value: &str) -> Result<f64, String> {
    value.parse().map_err(|_| format!("`{column}` is compared with `{value}`, expected a number"))
}
