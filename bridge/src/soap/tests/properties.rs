//! Whatever rows a caller writes, and however it writes them, the same rows are read; whatever bytes come, nothing
//! panics.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::batch::Operation as RowOperation;

type Row = (char, Vec<Option<String>>);

/// Choices of a writer, drawn one after the other.
#[derive(Debug)]
struct Style {
    choices: Vec<Index>,
    next: usize,
}

impl Style {
    fn choose(&mut self, of: usize) -> usize {
        self.next += 1;
        self.choices[self.next % self.choices.len()].index(of)
    }

    /// White space, or an unknown member.
    fn between_members(&mut self) -> &'static str {
        ["", "\n", "<y xmlns=\"urn:x\"><z/>t</y>"][self.choose(3)]
    }

    fn element(&mut self, name: &str, inside: &str) -> String {
        match self.choose(3) {
            0 if inside.is_empty() => format!("<{name}/>"),
            1 => format!("<{name} >{inside}</{name}\n>"),
            _ => format!("<{name}>{inside}</{name}>"),
        }
    }

    /// Text in any of its spellings; what XML cannot hold raw is always a reference.
    fn text(&mut self, text: &str) -> String {
        text.chars().map(|c| self.character(c)).collect()
    }

    fn character(&mut self, c: char) -> String {
        let must_refer = (c < ' ' && !matches!(c, '\t' | '\n')) || matches!(c, '\u{fffe}' | '\u{ffff}');
        match self.choose(5) {
            _ if must_refer => format!("&#x{:x};", u32::from(c)),
            0 => format!("&#{};", u32::from(c)),
            1 => format!("&#x{:X};", u32::from(c)),
            2 => format!("<![CDATA[{c}]]>"),
            3 => format!("<!-- -->{}", escaped(c)),
            _ => escaped(c),
        }
    }

    fn in_any_order(&mut self, mut members: Vec<String>) -> String {
        let mut written = String::new();
        while !members.is_empty() {
            written.push_str(self.between_members());
            written.push_str(&members.remove(self.choose(members.len())));
        }
        written + self.between_members()
    }
}

fn escaped(c: char) -> String {
    match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        c => c.to_string(),
    }
}

/// A RowData call with `rows` of a table of texts.
fn written(rows: &[Row], width: usize, style: &mut Style) -> String {
    let prefix = |style: &mut Style| ["a", "q1", "_", "d5p1"][style.choose(4)];
    let (d, b, i) = (prefix(style), ["b", "arr"][style.choose(2)], ["i", "xsi"][style.choose(2)]);
    let mut data = String::new();
    for (operation, values) in rows {
        let mut list = String::new();
        for value in values {
            list.push_str(["", "\r\n\t", "<!-- -->"][style.choose(3)]);
            list.push_str(&match value {
                None => format!("<{b}:string {i}:nil=\"true\"/>"),
                Some(value) => {
                    let value = style.text(value);
                    style.element(&format!("{b}:string"), &value)
                }
            });
        }
        let values = format!("<{d}:ColumnValues xmlns:{b}=\"{ARRAYS}\">{list}</{d}:ColumnValues>");
        let operation = style.element(&format!("{d}:Operation"), &operation.to_string());
        let row = style.in_any_order(vec![values, operation]);
        data.push_str(["", "\n ", "<!-- -->"][style.choose(3)]);
        data.push_str(&style.element(&format!("{d}:RowData"), &row));
    }
    let mut columns = String::new();
    for number in 0..width {
        let name = style.element(&format!("{d}:Name"), &format!("c{number}"));
        let sql_type = style.element(&format!("{d}:Type"), "ntext");
        let column = style.in_any_order(vec![name, sql_type]);
        columns.push_str(&style.element(&format!("{d}:ColumnInfo"), &column));
    }
    let columns = style.element(&format!("{d}:Columns"), &columns);
    let name = style.element(&format!("{d}:TableName"), "t");
    let info = style.in_any_order(vec![columns, name]);
    let info = style.element(&format!("{d}:TableInfo"), &info);
    let data = style.element(&format!("{d}:Data"), &data);
    let batch = style.in_any_order(vec![data, info, format!("<{d}:LSN>7</{d}:LSN>")]);
    envelope(&format!(
        "<RowDataRequest xmlns=\"{MIRRORING}\"><DataBatches xmlns:{d}=\"{DATA}\" xmlns:{i}=\"{INSTANCE}\">\
         <{d}:RowDataBatch>{batch}</{d}:RowDataBatch></DataBatches></RowDataRequest>"
    ))
}

/// Texts with everything that is hard: markup, line ends, controls, astral characters, white space at the ends.
fn value() -> impl Strategy<Value = Option<String>> {
    let hard = select(vec![
        '&',
        '<',
        '>',
        ']',
        '[',
        '"',
        '\'',
        '\r',
        '\n',
        '\t',
        ' ',
        '\u{1}',
        '\u{1f}',
        '\u{85}',
        '\u{2028}',
        '\u{fffe}',
        '\u{feff}',
        '\u{1f980}',
        'a',
    ]);
    let character =
        prop_oneof![3 => hard, 1 => any::<char>().prop_filter("U+0000 is replaced", |&c| c != '\0')];
    option::weighted(0.8, vec(character, 0..12).prop_map(|characters| characters.into_iter().collect()))
}

fn rows() -> impl Strategy<Value = (usize, Vec<Row>)> {
    (1..5usize).prop_flat_map(|width| {
        (Just(width), vec((select(vec!['I', 'U', 'D', 'i', 'u', 'd']), vec(value(), width)), 0..6))
    })
}

fn style() -> impl Strategy<Value = Style> {
    vec(any::<Index>(), 1..200).prop_map(|choices| Style { choices, next: 0 })
}

fn meant(rows: &[Row]) -> Vec<(RowOperation, Vec<Value<'_>>)> {
    fn value(value: &Option<String>) -> Value<'_> {
        value.as_ref().map_or(Value::Null, |text| Value::Text(text.into()))
    }
    let operation = |letter: char| match letter.to_ascii_uppercase() {
        'I' => RowOperation::Insert,
        'U' => RowOperation::Update,
        _ => RowOperation::Delete,
    };
    rows.iter().map(|(letter, values)| (operation(*letter), values.iter().map(value).collect())).collect()
}

fn row_count(call: &Call<'_>) -> usize {
    match call {
        Call::RowData(batches) => batches.iter().map(|batch| batch.operations.len()).sum(),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn p7_p14_rows_read_back_equal_however_they_are_written((width, rows) in rows(), mut style in style()) {
        let document = written(&rows, width, &mut style);
        let batches = batches(&document);
        prop_assert_eq!(batches.len(), 1);
        let seen: Vec<_> = batches[0].rows().map(|(operation, values)| (operation, values.to_vec())).collect();
        prop_assert_eq!(seen, meant(&rows), "{}", document);
        prop_assert_eq!(batches[0].cut_values, 0);
    }

    #[test]
    fn any_bytes_are_a_fault_and_no_panic(bytes in vec(any::<u8>(), 0..300), at in any::<Index>()) {
        prop_assert!(read_with(&bytes, &LIMITS, &[]).is_err());
        let mut inside = row_data(&batch("", "", &contact())).into_bytes();
        let at = at.index(inside.len());
        inside.splice(at..at, bytes);
        let _ = read_with(&inside, &LIMITS, &[]);
    }

    #[test]
    fn a_mutated_call_never_holds_more_rows_than_were_written(
        (width, rows) in rows(),
        mut style in style(),
        edits in vec((any::<Index>(), 0..4usize, any::<u8>(), any::<Index>()), 1..6),
    ) {
        let mut document = written(&rows, width, &mut style).into_bytes();
        for (at, kind, byte, other) in edits {
            let at = at.index(document.len());
            let end = at + other.index(document.len() - at);
            match kind {
                0 => document[at] = byte,
                1 => document.insert(at, byte),
                2 => drop(document.drain(at..end)),
                _ => document.truncate(at.max(1)),
            }
        }
        if let Ok(call) = read_with(&document, &LIMITS, &[]) {
            prop_assert!(row_count(&call) <= rows.len(), "{}", String::from_utf8_lossy(&document));
        }
    }

    #[test]
    fn any_value_of_any_type_is_read_or_refused(value in "\\[?(DT|D|T|TS|I|S|L|F|M|B|A)?:?[-+0-9:./ eE,]{0,40}\\]?|\\PC{0,30}") {
        let types = ["int", "smallint", "bigint", "bit", "float", "decimal(38,38)", "money", "datetime", "datetime2",
            "date", "time", "binary", "uniqueidentifier", "ntext"];
        for sql_type in types {
            let value = value.replace('&', "&amp;").replace('<', "&lt;").replace("]]>", "");
            let info = info("t", &[("v", sql_type)]);
            let document = row_data(&batch(&row("I", &format!("<b:string>{value}</b:string>")), "", &info));
            match read(&document) {
                Ok(_) | Err(SoapError::Content(_)) => {}
                Err(SoapError::Fault(fault)) => prop_assert!(value.contains('\0') || value.chars().any(|c| c < ' '), "{fault}"),
            }
        }
    }
}
