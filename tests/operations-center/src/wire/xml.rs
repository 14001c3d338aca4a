//! Writes XML as .NET does: in one line, or indented like the vendor's samples.

/// Spaces per level where the output is indented.
const INDENT: usize = 2;
/// As many bytes of a text are looked at together: the compiler makes one vector operation of them.
const CHUNK: usize = 32;

/// Names with their values, which are written as they are.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a str)];

/// A document in the making. Names are written as they are, with their prefixes.
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

    /// Goes on inside `depth` elements that are written later, into `gap` bytes that stay free at the beginning.
    pub(super) fn inside(depth: usize, gap: usize, capacity: usize, pretty: bool) -> Self {
        let mut buffer = String::with_capacity(gap + capacity);
        buffer.extend(std::iter::repeat_n(' ', gap));
        Self { buffer, depth, pretty }
    }

    /// An element with elements inside.
    pub(super) fn element(&mut self, name: &str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        inside(self);
        self.close(name);
    }

    /// The beginning of an element with elements inside.
    #[inline]
    pub(super) fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        self.line();
        self.tag(name, attributes);
        self.buffer.push('>');
        self.depth += 1;
    }

    /// The end of the element that was opened last.
    #[inline]
    pub(super) fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.line();
        self.end(name);
    }

    /// An element with text.
    #[inline]
    pub(super) fn leaf(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.line();
        self.tag(name, attributes);
        self.buffer.push('>');
        escape(text, &mut self.buffer);
        self.end(name);
    }

    /// An element with the text that `write` appends, characters of XML escaped; or, where that answers `false` and
    /// has appended nothing, one that is `i:nil`.
    #[inline]
    pub(super) fn nillable(&mut self, name: &str, write: impl FnOnce(&mut String) -> bool) {
        self.line();
        let start = self.buffer.len();
        self.tag(name, &[]);
        self.buffer.push('>');
        if write(&mut self.buffer) {
            return self.end(name);
        }
        self.buffer.truncate(start);
        self.tag(name, &[("i:nil", "true")]);
        self.buffer.push_str("/>");
    }

    /// An element with text that may stand between line breaks, as the token does in the vendor's samples.
    pub(super) fn loose_leaf(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |xml| {
            xml.line();
            escape(text, &mut xml.buffer);
        });
    }

    /// An element with nothing inside.
    pub(super) fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        self.line();
        self.tag(name, attributes);
        self.buffer.push_str("/>");
    }

    /// Bytes so far, the gap among them.
    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.buffer.into_bytes()
    }

    #[inline]
    fn tag(&mut self, name: &str, attributes: Attributes<'_>) {
        self.buffer.push('<');
        self.buffer.push_str(name);
        for (name, value) in attributes {
            self.buffer.push(' ');
            self.buffer.push_str(name);
            self.buffer.push_str("=\"");
            self.buffer.push_str(value);
            self.buffer.push('"');
        }
    }

    #[inline]
    fn end(&mut self, name: &str) {
        self.buffer.push_str("</");
        self.buffer.push_str(name);
        self.buffer.push('>');
    }

    #[inline]
    fn line(&mut self) {
        if self.pretty && !self.buffer.is_empty() {
            self.buffer.push('\n');
            self.buffer.extend(std::iter::repeat_n(' ', self.depth * INDENT));
        }
    }
}

/// Appends a text. What XML cannot hold goes as a reference all the same: the vendor's writer does not check
/// characters.
pub(super) fn escape(text: &str, out: &mut String) {
    if text.as_bytes().chunks(CHUNK).all(is_plain) {
        return out.push_str(text);
    }
    let must_change = |c: char| {
        matches!(c, '&' | '<' | '>' | '\u{fffe}' | '\u{ffff}') || (c < ' ' && c != '\t' && c != '\n')
    };
    let mut rest = text;
    while let Some(place) = rest.find(must_change) {
        let (before, after) = rest.split_at(place);
        out.push_str(before);
        let mut characters = after.chars();
        match characters.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some(other) => out.push_str(&format!("&#x{:X};", u32::from(other))),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Whether there is nothing to escape for sure; U+FFFE and U+FFFF, and others like them, begin with 0xEF in UTF-8.
fn is_plain(bytes: &[u8]) -> bool {
    let is_control = |byte: u8| (byte < b' ') & (byte != b'\t') & (byte != b'\n');
    let is_special = |byte: u8| (byte == b'&') | (byte == b'<') | (byte == b'>') | (byte == 0xef);
    !bytes.iter().fold(false, |found, &byte| found | is_control(byte) | is_special(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_xml_cannot_hold_become_references() {
        let escaped = |text: &str| {
            let mut buffer = String::new();
            escape(text, &mut buffer);
            buffer
        };
        assert_eq!(escaped("a<b>&\"'\u{1}\r\n\t\u{ffff}🦀"), "a&lt;b&gt;&amp;\"'&#x1;&#xD;\n\t&#xFFFF;🦀");
        let long = "plain\tand longer than a chunk:\nå, \u{feff} and 🦀 stay";
        assert_eq!(escaped(long), long);
        for special in ["&", "<", ">", "\r", "\0", "\u{1f}", "\u{fffe}"] {
            let padding = "-".repeat(2 * CHUNK);
            assert_ne!(escaped(&format!("{padding}{special}")), format!("{padding}{special}"));
        }
    }

    #[test]
    fn only_the_loose_leafs_text_moves_when_indented() {
        let write = |pretty| {
            let mut xml = Writer::new(pretty);
            xml.element("a", &[("x", "1")], |xml| {
                xml.loose_leaf("t", &[], "token");
                xml.leaf("b", &[], " text ");
                xml.empty("c", &[]);
                xml.nillable("d", |_| false);
            });
            String::from_utf8(xml.finish()).unwrap()
        };
        assert_eq!(write(false), "<a x=\"1\"><t>token</t><b> text </b><c/><d i:nil=\"true\"/></a>");
        assert_eq!(
            write(true),
            "<a x=\"1\">\n  <t>\n    token\n  </t>\n  <b> text </b>\n  <c/>\n  <d i:nil=\"true\"/>\n</a>"
        );
    }
}
