//! Strings of a file as a person sees them: neither endless, nor obeyed by a terminal. A file may hold megabytes, or escapes,
//! wherever a name is expected.

use std::borrow::Cow;

/// The most characters of a name among other words: a token, a label, a block.
pub const NAME_LETTERS: usize = 200;
/// The most characters of a line, in views, panels and messages.
pub const LINE_LETTERS: usize = 2000;

/// The first `most` characters.
pub fn beginning(text: &str, most: usize) -> &str {
    // No character takes less than a byte.
    let is_short = text.len() <= most;
    let end = if is_short { None } else { text.char_indices().nth(most) };
    end.map_or(text, |(end, _)| &text[..end])
}

/// A text of at most `most` characters as it is, of a longer one the beginning and an ellipsis.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match beginning(text, most) {
        beginning if beginning.len() < text.len() => Cow::Owned(format!("{beginning}…")),
        whole => Cow::Borrowed(whole),
    }
}

/// The text on one line, with Rust's escapes for what a terminal would obey: control characters, and those that turn the
/// order of the others around.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let is_obeyed =
        |letter: char| letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_obeyed(letter) { line.extend(letter.escape_default()) } else { line.push(letter) }
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shortened_by_characters() {
        assert_eq!(shortened("été", 3), "été");
        assert_eq!(shortened("étés", 3), "été…");
        assert_eq!(shortened("", 0), "");
        assert_eq!(beginning("日本語", 2), "日本");
    }

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        assert_eq!(escaped("a red\ndome\u{1b}[31m\u{9b}2J"), "a red\\ndome\\u{1b}[31m\\u{9b}2J");
        assert_eq!(escaped("gpj.\u{202e}exe"), "gpj.\\u{202e}exe");
        assert!(matches!(escaped("Ünïcödé 日本語"), Cow::Borrowed(_)));
    }
}
