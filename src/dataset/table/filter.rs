//! The small language of filters. Terms stand behind each other and must all hold:
//!
//! ```text
//! query   = { [ "-" ] term }
//! term    = word | quoted | regex | "is:" ( "right" | "wrong" | "broken" ) | column op value
//! op      = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~"
//! column  = name | quoted | name "[" [ block ":" ] layer "." head "]"
//! value   = word | quoted | regex (behind "~" alone)
//! quoted  = '"' … '"', in which \" and \\ stand for themselves
//! regex   = "/" … "/", in which \/ stands for "/"
//! ```
//!
//! A `-` in front of a term negates it. There is neither 'or' nor parentheses: `/red|blue/` does what they are wanted for. A
//! parser of a grammar crate was rejected: this one is shorter than its grammar, and its errors know the place.

use std::fmt;
use std::ops::Range;

use regex::{Regex, RegexBuilder};

/// A query that was understood.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// All must hold.
    pub terms: Vec<Negatable>,
}

/// A term, and where it stands.
#[derive(Clone, Debug)]
pub struct Negatable {
    /// Whether it must not hold.
    pub is_negated: bool,
    /// What must hold.
    pub term: Term,
    /// In the query, in bytes.
    pub at: Range<usize>,
}

/// What can be asked of an example.
#[derive(Clone, Debug)]
pub enum Term {
    /// Any text column matches; words are turned into such a pattern.
    Anywhere(Regex),
    /// The answer is right, or wrong.
    Right(bool),
    /// The trace could not be read.
    Broken,
    /// A column compares so with a value.
    Compare {
        /// As written.
        column: String,
        /// How.
        comparison: Comparison,
        /// With what.
        value: String,
    },
    /// A text column matches.
    Matches {
        /// As written.
        column: String,
        /// Case matters unless it says otherwise.
        pattern: Regex,
    },
}

/// How a column is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`; of texts, in either case of letters.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    AtMost,
    /// `>`.
    Greater,
    /// `>=`.
    AtLeast,
}

/// A statistic of one head, as a column: `entropy[2.3]`, `entropy[cross:2.3]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeadColumn {
    /// The statistic; `.` or `_` between its parts.
    pub statistic: String,
    /// The block's name; `None` for the first.
    pub block: Option<String>,
    /// 0-based.
    pub layer: usize,
    /// 0-based.
    pub head: usize,
}

/// A query that was not understood, or does not fit the dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// What is wrong, and what was expected.
    pub message: String,
    /// Where in the query, in bytes.
    pub at: Range<usize>,
}

impl QueryError {
    /// The query with a line beneath it that points at the place.
    pub fn pointing(&self, query: &str) -> String {
        let before = query.get(..self.at.start).unwrap_or(query).chars().count();
        let wide = query.get(self.at.clone()).map_or(1, |part| part.chars().count()).max(1);
        format!("{}\n  {query}\n  {}{}", self.message, " ".repeat(before), "^".repeat(wide))
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (at character {})", self.message, self.at.start + 1)
    }
}

impl std::error::Error for QueryError {}

impl HeadColumn {
    /// Reads `entropy[2.3]`; `None` if it has no brackets at its end.
    ///
    /// # Errors
    /// If what is in the brackets is no head.
    pub fn parse(name: &str) -> Option<Result<Self, String>> {
        let (statistic, place) = name.strip_suffix(']')?.split_once('[')?;
        let (block, numbers) = match place.rsplit_once(':') {
            Some((block, numbers)) => (Some(block.to_owned()), numbers),
            None => (None, place),
        };
        let numbers = numbers.split_once('.').and_then(|(l, h)| Some((l.trim().parse().ok()?, h.trim().parse().ok()?)));
        Some(match numbers {
            Some((layer, head)) => Ok(Self { statistic: statistic.to_owned(), block, layer, head }),
            None => Err(format!("`{place}` is no head: expected [layer.head], or [block:layer.head]")),
        })
    }
}

impl fmt::Display for HeadColumn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statistic, block, layer, head } = self;
        match block {
            Some(block) => write!(formatter, "{statistic}[{block}:{layer}.{head}]"),
            None => write!(formatter, "{statistic}[{layer}.{head}]"),
        }
    }
}

impl Filter {
    /// Reads a query. The columns are looked up only when it is carried out.
    ///
    /// # Errors
    /// If it is not understood.
    pub fn parse(query: &str) -> Result<Self, QueryError> {
        let mut reader = Reader { query, at: 0 };
        let mut terms = Vec::new();
        while reader.skip_spaces() {
            let start = reader.at;
            let is_negated = reader.eat("-");
            let term = reader.term(start)?;
            if reader.rest().starts_with(|next: char| !next.is_whitespace()) {
                let at = reader.at..query.len();
                return Err(QueryError { message: "expected a space before the next term".to_owned(), at });
            }
            terms.push(Negatable { is_negated, term, at: start..reader.at });
        }
        Ok(Self { terms })
    }

    /// Whether every example is wanted.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

/// The operators; of two that begin alike the longer one comes first.
const OPERATORS: [(&str, Option<Comparison>); 7] = [
    ("!=", Some(Comparison::NotEqual)),
    ("<=", Some(Comparison::AtMost)),
    (">=", Some(Comparison::AtLeast)),
    ("=", Some(Comparison::Equal)),
    ("<", Some(Comparison::Less)),
    (">", Some(Comparison::Greater)),
    ("~", None),
];

struct Reader<'a> {
    query: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.query.get(self.at..).unwrap_or_default()
    }

    /// Whether something follows.
    fn skip_spaces(&mut self) -> bool {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.at < self.query.len()
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn error<T>(&self, start: usize, message: impl Into<String>) -> Result<T, QueryError> {
        Err(QueryError { message: message.into(), at: start..self.at.max(start) })
    }

    fn term(&mut self, start: usize) -> Result<Term, QueryError> {
        let first = self.at;
        if self.rest().starts_with('/') {
            return Ok(Term::Anywhere(self.regex(true)?));
        }
        if self.eat("is:") {
            let word = self.bare(|_| false);
            return match word {
                "right" => Ok(Term::Right(true)),
                "wrong" => Ok(Term::Right(false)),
                "broken" => Ok(Term::Broken),
                _ => self.error(first, format!("`is:{word}` is not known: there are is:right, is:wrong and is:broken")),
            };
        }
        let is_quoted = self.rest().starts_with('"');
        let word = if is_quoted {
            self.quoted()?
        } else {
            self.bare(|next| matches!(next, '=' | '!' | '<' | '>' | '~')).to_owned()
        };
        let operator_at = self.at;
        let Some((_, comparison)) = OPERATORS.iter().find(|(operator, _)| self.eat(operator)) else {
            if is_quoted {
                return self.anywhere(&word, start);
            }
            // A `!` that compares nothing is a part of the word.
            let word = format!("{word}{}", self.bare(|_| false));
            return if word.is_empty() {
                self.error(start, "expected a term behind the `-`")
            } else {
                self.anywhere(&word, start)
            };
        };
        let column = word;
        if column.is_empty() {
            return self.error(operator_at, "expected a column before the comparison");
        }
        if let Some(Err(message)) = HeadColumn::parse(&column) {
            return Err(QueryError { message, at: first..operator_at });
        }
        let value_at = self.at;
        let Some(comparison) = *comparison else {
            let pattern = match self.rest().chars().next() {
                Some('/') => self.regex(false)?,
                Some('"') => compile(&self.quoted()?, false, value_at..self.at)?,
                _ => compile(self.bare(|_| false), false, value_at..self.at)?,
            };
            return match value_at == self.at {
                true => self.error(operator_at, "expected a regular expression behind the `~`"),
                false => Ok(Term::Matches { column, pattern }),
            };
        };
        let value = match self.rest().starts_with('"') {
            true => self.quoted()?,
            false => self.bare(|_| false).to_owned(),
        };
        if value_at == self.at {
            return self.error(operator_at, "expected a value behind the comparison");
        }
        Ok(Term::Compare { column, comparison, value })
    }

    fn anywhere(&self, word: &str, start: usize) -> Result<Term, QueryError> {
        Ok(Term::Anywhere(compile(&regex::escape(word), true, start..self.at)?))
    }

    /// What stands before the next space, or what `ends` it. Spaces in brackets (a block's name) do not count.
    fn bare(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let mut is_inside = false;
        let mut end = rest.len();
        for (place, letter) in rest.char_indices() {
            is_inside = (is_inside || letter == '[') && letter != ']' && rest[place..].contains(']');
            if !is_inside && (letter.is_whitespace() || ends(letter)) {
                end = place;
                break;
            }
        }
        self.at += end;
        &rest[..end]
    }

    fn quoted(&mut self) -> Result<String, QueryError> {
        self.delimited('"', |escaped| matches!(escaped, '"' | '\\'))
    }

    fn regex(&mut self, ignores_case: bool) -> Result<Regex, QueryError> {
        let start = self.at;
        let pattern = self.delimited('/', |escaped| escaped == '/')?;
        compile(&pattern, ignores_case, start..self.at)
    }

    /// What stands between two delimiters; a backslash takes the meaning from what it may escape and is else kept.
    fn delimited(&mut self, delimiter: char, is_escaped: impl Fn(char) -> bool) -> Result<String, QueryError> {
        let start = self.at;
        let mut text = String::new();
        let mut letters = self.rest().char_indices().skip(1).peekable();
        while let Some((place, letter)) = letters.next() {
            if letter == delimiter {
                self.at += place + letter.len_utf8();
                return Ok(text);
            }
            match letters.peek() {
                Some(&(_, escaped)) if letter == '\\' && is_escaped(escaped) => {
                    text.push(escaped);
                    letters.next();
                }
                _ => text.push(letter),
            }
        }
        self.at = self.query.len();
        self.error(start, format!("the {delimiter} at its beginning has none at its end"))
    }
}

fn compile(pattern: &str, ignores_case: bool, at: Range<usize>) -> Result<Regex, QueryError> {
    RegexBuilder::new(pattern).case_insensitive(ignores_case).build().map_err(|error| {
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
        QueryError { message: format!("`{pattern}` is no regular expression: {why}"), at }
    })
}
