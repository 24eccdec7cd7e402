//! Words: a token's text without the marks of its tokenizer, and which tokens are pieces of one word.

use std::ops::Range;

use crate::trace::{Content, Token};

/// A token's text without the marks of its tokenizer: `##ing` → `ing`, `Ġred` → `red`, `▁red` → `red`, `ÃŃ` → `í`,
/// `<0x0A>` → `\n`. What would leave nothing to see is named instead.
pub fn word(text: &str) -> String {
    // Most are what they are in every tokenizer.
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_plain { text.to_owned() } else { readable(&decoded(text)) }
}

/// The pieces of a word as one: bytes that are a letter only together become that letter.
pub fn joined<'a>(pieces: impl Iterator<Item = &'a str>) -> String {
    let pieces: Vec<&str> = pieces.map(bare).collect();
    match pieces.iter().map(|piece| byte_fallback(piece)).collect::<Option<Vec<u8>>>() {
        Some(bytes) => readable(&String::from_utf8_lossy(&bytes)),
        None => word(&pieces.concat()),
    }
}

/// The words of a sequence as runs of its tokens; each token is in one. WordPiece marks what goes on (`##`), byte-level
/// BPE and SentencePiece mark what begins (`Ġ`, `▁`), CLIP's BPE what ends (`</w>`). A token without a letter or digit
/// stands alone, so do special and image tokens. Without marks every token is a word.
pub fn words(tokens: &[Token]) -> Vec<Range<usize>> {
    let texts: Vec<Option<&str>> = tokens.iter().map(piece).collect();
    let any = |is_marked: fn(&str) -> bool| texts.iter().flatten().any(|text| is_marked(text));
    let (marks_begin, marks_end) = (any(|text| text.starts_with(['Ġ', '▁'])), any(|text| text.ends_with("</w>")));
    let mut words: Vec<Range<usize>> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| texts[before]);
        let goes_on = match (before, text) {
            (Some(before), Some(text)) if tokens[index - 1].segment == tokens[index].segment => {
                let is_byte = |text: &str| byte_fallback(text).is_some_and(|byte| byte >= 0x80);
                text.strip_prefix("##").is_some_and(|rest| !rest.is_empty())
                    || (is_byte(text) && is_byte(before))
                    || (marks_begin && !text.starts_with(['Ġ', '▁']) && has_letter(text) && has_letter(before))
                    || (marks_end && !before.ends_with("</w>") && has_letter(before))
            }
            _ => false,
        };
        match words.last_mut() {
            Some(word) if goes_on => word.end = index + 1,
            _ => words.push(index..index + 1),
        }
    }
    words
}

/// The text of a token that may be a piece of a word.
pub fn piece(token: &Token) -> Option<&str> {
    match &token.content {
        Content::Text(text) if !token.special => Some(text),
        _ => None,
    }
}

/// Whether a piece holds a letter or digit, or bytes that may become one.
fn has_letter(text: &str) -> bool {
    if byte_fallback(text).is_some() {
        return false;
    }
    let is_partial = bytes_of(text).is_some_and(|bytes| std::str::from_utf8(&bytes).is_err());
    is_partial || decoded(text).chars().any(char::is_alphanumeric)
}

/// What the tokenizer's marks stand for, spaces and line ends included.
fn decoded(text: &str) -> String {
    let text = bare(text);
    match bytes_of(text).map(String::from_utf8) {
        Some(Ok(letters)) => letters,
        // A part of a letter, or a word that only looks like bytes.
        _ => text.replace(['Ġ', '▁'], " ").replace('Ċ', "\n"),
    }
}

/// Without the marks of WordPiece and CLIP's BPE.
fn bare(text: &str) -> &str {
    let text = text.strip_prefix("##").filter(|rest| !rest.is_empty()).unwrap_or(text);
    text.strip_suffix("</w>").filter(|rest| !rest.is_empty()).unwrap_or(text)
}

/// The bytes that a token of a byte-level tokenizer stands for, if all of its letters do.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    match byte_fallback(text) {
        Some(byte) => Some(vec![byte]),
        None => text.chars().map(byte_of).collect(),
    }
}

/// SentencePiece writes a byte that it has no piece for as `<0x0A>`.
fn byte_fallback(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() == 2 { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// GPT-2's alphabet of bytes (`bytes_to_unicode` in <https://github.com/openai/gpt-2/blob/master/src/encoder.py>):
/// printable ones are themselves; the others, in their order, are the letters from `Ā` (U+0100) on.
fn byte_of(letter: char) -> Option<u8> {
    match u32::from(letter) {
        code @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => u8::try_from(code).ok(),
        code @ 0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        code @ 0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

fn readable(text: &str) -> String {
    let readable: String =
        text.replace('\n', "\\n").replace('\t', "\\t").chars().filter(|character| !character.is_control()).collect();
    match readable.trim() {
        "" if text.is_empty() => "(empty)".to_owned(),
        "" => "(space)".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}
