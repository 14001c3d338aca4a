//! Writes XML as .NET does: in one line, or indented like the vendor's samples.

/// Spaces per level where the output is indented.
const INDENT: usize = 2;

/// A document in the making. Names are written as they are, with their prefixes and namespace declarations.
#[derive(Debug, Default)]
pub(super) struct Writer {
    buffer: String,
    depth: usize,
    pretty: bool,
}

impl Writer {
    pub(super) fn new(pretty: bool) -> Self {
        Self { buffer: String::new(), depth: 0, pretty }
    }

    /// An element with elements inside; `attributes` begins with a space or is empty.
    pub(super) fn element(&mut self, name: &str, attributes: &str, inside: impl FnOnce(&mut Self)) {
        self.line();
        self.put(&["<", name, attributes, ">"]);
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.line();
        self.put(&["</", name, ">"]);
    }

    /// An element with text.
    pub(super) fn leaf(&mut self, name: &str, attributes: &str, text: &str) {
        self.line();
        self.put(&["<", name, attributes, ">"]);
        escape(text, &mut self.buffer);
        self.put(&["</", name, ">"]);
    }

    /// An element with text that may stand between line breaks, as the token does in the vendor's samples.
    pub(super) fn loose_leaf(&mut self, name: &str, attributes: &str, text: &str) {
        self.element(name, attributes, |xml| {
            xml.line();
            escape(text, &mut xml.buffer);
        });
    }

    /// A list without items.
    pub(super) fn empty(&mut self, name: &str, attributes: &str) {
        self.line();
        self.put(&["<", name, attributes, "/>"]);
    }

    pub(super) fn finish(self) -> String {
        self.buffer
    }

    fn put(&mut self, parts: &[&str]) {
        self.buffer.extend(parts.iter().copied());
    }

    fn line(&mut self) {
        if self.pretty && !self.buffer.is_empty() {
            self.buffer.push('\n');
            self.buffer.extend(std::iter::repeat_n(' ', self.depth * INDENT));
        }
    }
}

/// What XML cannot hold goes as a reference all the same: the vendor's writer does not check characters.
fn escape(text: &str, buffer: &mut String) {
    let must_change = |c: char| {
        matches!(c, '&' | '<' | '>' | '\u{fffe}' | '\u{ffff}') || (c < ' ' && c != '\t' && c != '\n')
    };
    let mut rest = text;
    while let Some(place) = rest.find(must_change) {
        let (before, after) = rest.split_at(place);
        buffer.push_str(before);
        let mut characters = after.chars();
        match characters.next() {
            Some('&') => buffer.push_str("&amp;"),
            Some('<') => buffer.push_str("&lt;"),
            Some('>') => buffer.push_str("&gt;"),
            Some(other) => buffer.push_str(&format!("&#x{:X};", u32::from(other))),
            None => {}
        }
        rest = characters.as_str();
    }
    buffer.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_xml_cannot_hold_become_references() {
        let mut buffer = String::new();
        escape("a<b>&\"'\u{1}\r\n\t\u{ffff}🦀", &mut buffer);
        assert_eq!(buffer, "a&lt;b&gt;&amp;\"'&#x1;&#xD;\n\t&#xFFFF;🦀");
    }

    #[test]
    fn only_the_loose_leafs_text_moves_when_indented() {
        let write = |pretty| {
            let mut xml = Writer::new(pretty);
            xml.element("a", " x=\"1\"", |xml| {
                xml.loose_leaf("t", "", "token");
                xml.leaf("b", "", " text ");
                xml.empty("c", "");
            });
            xml.finish()
        };
        assert_eq!(write(false), "<a x=\"1\"><t>token</t><b> text </b><c/></a>");
        assert_eq!(write(true), "<a x=\"1\">\n  <t>\n    token\n  </t>\n  <b> text </b>\n  <c/>\n</a>");
    }
}
