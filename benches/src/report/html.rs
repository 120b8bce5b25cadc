//! Text made safe for a page, and tables of it.

use std::fmt::Write as _;

/// A text in which nothing is markup.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// The same, with what stands between backticks as code.
pub(super) fn prose(text: &str) -> String {
    let mut html = String::new();
    for (i, part) in text.split('`').enumerate() {
        let part = escape(part);
        if i % 2 == 1 { write!(html, "<code>{part}</code>").expect("a string takes all") } else { html.push_str(&part) }
    }
    html
}

/// A name that can stand in an `id` and behind a `#`.
pub(super) fn anchor(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect()
}

/// A table of text, which it escapes, in a box that scrolls sideways where it is too wide.
pub(super) struct Table {
    html: String,
}

impl Table {
    /// A table with this head.
    pub(super) fn new<H: AsRef<str>>(head: &[H]) -> Self {
        let mut html = "<div class=\"scroll\"><table><thead><tr>".to_owned();
        for cell in head {
            write!(html, "<th scope=\"col\">{}</th>", escape(cell.as_ref())).expect("a string takes all");
        }
        html.push_str("</tr></thead><tbody>\n");
        Self { html }
    }

    /// Adds a row: a name, and what there is to say of it.
    pub(super) fn row(&mut self, name: &str, cells: &[String]) {
        write!(self.html, "<tr><th scope=\"row\">{}</th>", escape(name)).expect("a string takes all");
        for cell in cells {
            let number = cell.starts_with(|c: char| c.is_ascii_digit() || "<—".contains(c));
            let class = if number { " class=\"n\"" } else { "" };
            write!(self.html, "<td{class}>{}</td>", prose(cell)).expect("a string takes all");
        }
        self.html.push_str("</tr>\n");
    }

    /// The table.
    pub(super) fn finish(self) -> String {
        self.html + "</tbody></table></div>\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escape("<a href='x'>&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;");
        assert_eq!(prose("a `<T>` b"), "a <code>&lt;T&gt;</code> b");
        assert_eq!(anchor("bytes/4-1 \"x\""), "bytes-4-1--x-");
    }

    #[test]
    fn tables_hold_what_they_are_given() {
        let mut table = Table::new(&["", "a"]);
        table.row("<x>", &["1.5".to_owned(), "y".to_owned()]);
        let html = table.finish();
        assert!(html.contains("<th scope=\"row\">&lt;x&gt;</th><td class=\"n\">1.5</td><td>y</td>"), "{html}");
    }
}
