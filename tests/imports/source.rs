//! What one source file declares, imports, re-exports and names: read from its tokens, without tests and comments.

use std::collections::BTreeSet;

/// A path in the code, such as `crate::trace::Token`, as its names.
pub type Path = Vec<String>;

/// What a file says of other files.
#[derive(Debug, Default)]
pub struct Source {
    /// `#[cfg(test)] mod name;`
    pub tests: BTreeSet<String>,
    /// Functions, types, constants and macros that are declared here.
    pub items: BTreeSet<String>,
    /// `use path as name;`, the name first. It is `*` where a whole module is imported.
    pub imports: Vec<(String, Path)>,
    /// `pub use path as name;`
    pub exports: Vec<(String, Path)>,
    /// Paths of two names and more that stand in the code.
    pub paths: BTreeSet<Path>,
    /// Single names that stand in the code.
    pub names: BTreeSet<String>,
}

impl Source {
    pub fn parse(code: &str) -> Self {
        let (tokens, tests) = without_tests(&tokens(code));
        let mut source = Self { tests, ..Self::default() };
        let mut at = 0;
        let mut depth = 0;
        while at < tokens.len() {
            let token = tokens[at].as_str();
            let next = tokens.get(at + 1).map_or("", String::as_str);
            match token {
                "{" => depth += 1,
                "}" => depth -= 1,
                "use" if is_name(next) || next == "{" => {
                    let end = at + tokens[at..].iter().position(|token| token == ";").unwrap_or(tokens.len() - at);
                    let is_public = at > 0 && (tokens[at - 1] == "pub" || is_restricted(&tokens[..at]));
                    let tree = use_tree(&tokens[at + 1..end]);
                    if is_public {
                        source.exports.extend(tree);
                    } else {
                        source.imports.extend(tree);
                    }
                    at = end;
                }
                // A file of its own.
                "mod" if tokens.get(at + 2).is_some_and(|token| token == ";") => at += 2,
                "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "mod"
                    if depth == 0 && is_name(next) =>
                {
                    source.items.insert(next.to_owned());
                    at += 1;
                }
                // `.name` is a field or a method.
                _ if is_name(token) && at > 0 && matches!(tokens[at - 1].as_str(), "." | "::") => {}
                _ if is_name(token) => {
                    let (path, end) = path(&tokens, at);
                    match path.len() {
                        1 => _ = source.names.insert(path.concat()),
                        _ => _ = source.paths.insert(path),
                    }
                    at = end - 1;
                }
                _ => {}
            }
            at += 1;
        }
        source
    }
}

/// Whether the tokens end on `pub(…)`.
fn is_restricted(tokens: &[String]) -> bool {
    let open = tokens.iter().rposition(|token| token == "(");
    tokens.last().is_some_and(|token| token == ")") && open.is_some_and(|open| open > 0 && tokens[open - 1] == "pub")
}

/// The path that begins at a name, and where it ends.
fn path(tokens: &[String], first: usize) -> (Path, usize) {
    let mut path = vec![tokens[first].clone()];
    let mut at = first + 1;
    while at + 1 < tokens.len() && tokens[at] == "::" && is_name(&tokens[at + 1]) {
        path.push(tokens[at + 1].clone());
        at += 2;
    }
    (path, at)
}

/// Every name that a `use` brings, with its path.
fn use_tree(tokens: &[String]) -> Vec<(String, Path)> {
    let mut prefix = Path::new();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "::" => {}
            "*" => return vec![("*".to_owned(), prefix)],
            "{" => {
                let inner = &tokens[at + 1..tokens.len() - 1];
                let nested = commas(inner).into_iter().flat_map(use_tree);
                let full = |(name, path): (String, Path)| match path.as_slice() {
                    // `{self}` is the module itself.
                    [only] if only == "self" => {
                        let name = if name == "self" { prefix.last().cloned().unwrap_or_default() } else { name };
                        (name, prefix.clone())
                    }
                    _ => (name, [prefix.as_slice(), &path].concat()),
                };
                return nested.map(full).collect();
            }
            "as" => return vec![(tokens[at + 1].clone(), prefix)],
            name => prefix.push(name.to_owned()),
        }
        at += 1;
    }
    prefix.last().cloned().map(|name| (name, prefix)).into_iter().collect()
}

/// The parts between commas that lie in no inner braces.
fn commas(tokens: &[String]) -> Vec<&[String]> {
    let mut depth = 0;
    let is_comma = |token: &String| {
        depth += i32::from(token == "{") - i32::from(token == "}");
        depth == 0 && token == ","
    };
    tokens.split(is_comma).filter(|part| !part.is_empty()).collect()
}

/// Leaves out what follows `#[cfg(test)]`: to the next `;`, or the brace that closes. The names of modules among that come second.
fn without_tests(tokens: &[String]) -> (Vec<String>, BTreeSet<String>) {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut left, mut tests) = (Vec::with_capacity(tokens.len()), BTreeSet::new());
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().take(TEST.len()).eq(TEST.iter()) {
            left.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut depth = 0;
        at += TEST.len();
        while at < tokens.len() {
            let token = tokens[at].as_str();
            depth += i32::from(token == "{") - i32::from(token == "}");
            if token == "mod" && depth == 0 {
                tests.extend(tokens.get(at + 1).cloned());
            }
            at += 1;
            if depth == 0 && matches!(token, ";" | "}") {
                break;
            }
        }
    }
    (left, tests)
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single signs; neither comments nor what is quoted.
fn tokens(code: &str) -> Vec<String> {
    let code: Vec<char> = code.chars().collect();
    let begins = |at: usize, what: &str| what.chars().enumerate().all(|(i, c)| code.get(at + i) == Some(&c));
    let is_part = |c: &char| c.is_alphanumeric() || *c == '_';
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let c = code[at];
        if begins(at, "//") {
            at += code[at..].iter().take_while(|c| **c != '\n').count();
        } else if let Some(hashes) = raw_string(&code[at..]) {
            let end = format!("\"{}", "#".repeat(hashes));
            at += 2 + hashes;
            while at < code.len() && !begins(at, &end) {
                at += 1;
            }
            at += end.len();
        } else if c == '"' {
            at += 1;
            while at < code.len() && code[at] != '"' {
                at += if code[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' {
            // A letter in quotes, or a lifetime.
            let is_letter = code.get(at + 1) == Some(&'\\') || code.get(at + 2) == Some(&'\'');
            at += match is_letter {
                true => 3 + code[at + 2..].iter().take_while(|c| **c != '\'').count(),
                false => 1 + code[at + 1..].iter().take_while(|c| is_part(c)).count(),
            };
        } else if is_part(&c) {
            let length = code[at..].iter().take_while(|c| is_part(c)).count();
            tokens.push(code[at..at + length].iter().collect());
            at += length;
        } else if begins(at, "::") {
            tokens.push("::".to_owned());
            at += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            at += 1;
        }
    }
    tokens
}

/// How many `#` a raw string begins with, if one begins here.
fn raw_string(code: &[char]) -> Option<usize> {
    let hashes = code.get(1..)?.iter().take_while(|c| **c == '#').count();
    (code[0] == 'r' && code.get(1 + hashes) == Some(&'"')).then_some(hashes)
}

#[test]
fn a_source_is_read_as_the_compiler_reads_it() {
    let source = Source::parse(
        r##"
        //! use crate::comment::No;
        mod child;
        pub(super) use self::child::{Deep, other::{self as alias, *}};
        use crate::{trace::Token, view::common::{sinks, sketch::Sketch}};
        pub struct Here;
        const TEXT: &str = "use crate::quoted::No; {";
        fn f<'a>(x: &'a str) -> char { let y = super::beside::made(x.method()); sinks::dot('{', r#"mod "no";"#); '\'' }
        #[cfg(test)]
        mod tests { use super::*; fn g() { crate::tested::no() } }
        #[cfg(test)]
        mod more_tests;
        fn last() -> Deep { crate::gpu::Page::of::<Here>() }
        "##,
    );
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Path>();
    let named = |name: &str, of: &str| (name.to_owned(), path(of));
    assert_eq!(source.tests, ["tests", "more_tests"].map(str::to_owned).into());
    let items = ["Here", "TEXT", "f", "last"].map(str::to_owned);
    assert_eq!(source.items, BTreeSet::from(items));
    assert_eq!(
        source.exports,
        [named("Deep", "self::child::Deep"), named("alias", "self::child::other"), named("*", "self::child::other")]
    );
    assert_eq!(
        source.imports,
        [
            named("Token", "crate::trace::Token"),
            named("sinks", "crate::view::common::sinks"),
            named("Sketch", "crate::view::common::sketch::Sketch")
        ]
    );
    let paths = ["super::beside::made", "sinks::dot", "crate::gpu::Page::of"].map(path);
    assert_eq!(source.paths, BTreeSet::from(paths));
    assert!(source.names.contains("Deep") && !source.names.contains("method"));
}
