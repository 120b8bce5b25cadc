//! The words and marks of a Rust source, without comments, literals and lifetimes.

/// A word, a `::`, or another single mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'s> {
    pub(crate) text: &'s str,
    pub(crate) line: usize,
}

impl Token<'_> {
    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(is_word_char)
    }
}

/// All tokens of the source, in order.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while !rest.is_empty() {
        let (length, is_token) = next(rest);
        let (text, after) = rest.split_at(length);
        if is_token {
            tokens.push(Token { text: text.strip_prefix("r#").unwrap_or(text), line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The length of what the text begins with, and whether it is a token.
fn next(text: &str) -> (usize, bool) {
    if let Some(length) = literal(text) {
        return (length, false);
    }
    if text.starts_with("//") {
        return (text.find('\n').unwrap_or(text.len()), false);
    }
    if text.starts_with("/*") {
        return (block_comment(text), false);
    }
    if text.starts_with("::") {
        return (2, true);
    }
    let name = text.strip_prefix("r#").unwrap_or(text);
    match word(name) {
        0 => {
            let mark = text.chars().next().expect("the text is not empty");
            (mark.len_utf8(), !mark.is_whitespace())
        }
        length => (text.len() - name.len() + length, true),
    }
}

fn is_word_char(char: char) -> bool {
    char == '_' || char.is_alphanumeric()
}

fn word(text: &str) -> usize {
    text.find(|char| !is_word_char(char)).unwrap_or(text.len())
}

/// The length of the string, character or lifetime that the text begins with.
fn literal(text: &str) -> Option<usize> {
    let prefix = word(text);
    if !matches!(&text[..prefix], "" | "r" | "b" | "br" | "c" | "cr") {
        return None;
    }
    let rest = &text[prefix..];
    if text[..prefix].ends_with('r') {
        let hashes = rest.find(|char| char != '#')?;
        let end = format!("\"{}", &rest[..hashes]);
        let body = rest[hashes..].strip_prefix('"')?;
        return Some(prefix + hashes + 1 + body.find(&end).map_or(body.len(), |at| at + end.len()));
    }
    if rest.starts_with('"') {
        return Some(prefix + quoted(rest, '"'));
    }
    let quote = rest.strip_prefix('\'')?;
    let first = quote.chars().next()?;
    let is_char = first == '\\' || quote[first.len_utf8()..].starts_with('\'');
    Some(prefix + if is_char { quoted(rest, '\'') } else { 1 + word(quote) })
}

/// The length up to the second quote that no backslash stands before.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if char == quote => return at + char.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            match rest.chars().next() {
                Some(char) => at += char.len_utf8(),
                None => return at,
            }
        }
        if depth == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::tokens;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_literals_are_no_tokens() {
        let source = r####"
            //! crate::a
            /* crate::b /* nested */ crate::c */ one /// crate::d
            "crate::e \" crate::f" two r#"crate::g " crate::h"# three b"crate::i" b'"' '"' '\'' '\u{22}' 'é' four
        "####;
        assert_eq!(texts(source), ["one", "two", "three", "four"]);
    }

    #[test]
    fn lifetimes_are_no_characters() {
        assert_eq!(texts("&'a crate::x<'b, 'static>"), ["&", "crate", "::", "x", "<", ",", ">"]);
    }

    #[test]
    fn raw_names_are_names() {
        assert_eq!(texts("r#mod::r"), ["mod", "::", "r"]);
    }

    #[test]
    fn lines_are_counted_through_everything() {
        let tokens = tokens("\"\n\" /* \n */ // \n name");
        assert_eq!((tokens[0].text, tokens[0].line), ("name", 4));
    }
}
