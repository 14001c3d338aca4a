//! The short cut for plainly written values: it must never make a difference. The twin of every document below is
//! written so that no value can go by it.

use super::*;

/// White space in the end tag is allowed, and no serialiser writes it.
fn twin(document: &str) -> String {
    document.replace("</b:string>", "</b:string >")
}

fn assert_no_difference(document: &str, limits: &Limits) -> bool {
    let twin = twin(document);
    let read = |document: &str| match read_with(document.as_bytes(), limits, &[]) {
        Ok(Call::RowData(batches)) => Ok(format!("{batches:?}")),
        Ok(_) => panic!("no RowData"),
        Err(error) => Err(error.to_string()),
    };
    assert_ne!(document, twin, "the short cut is not reached");
    assert_eq!(read(document), read(&twin), "{document}");
    read(document).is_ok()
}

fn with_values(values: &str) -> String {
    row_data(&batch(&row("I", values), "", &contact()))
}

#[test]
fn a_plainly_written_value_is_read_as_any_other() {
    for text in
        ["x", "", " x ", "[I:5]", "Søylen", "a]]b>", "a>b", "a\tb\nc", "&amp;", "a&#13;b", "<![CDATA[x]]>"]
    {
        let document = with_values(&format!("<b:string>[I:1]</b:string><b:string>{text}</b:string>"));
        assert!(assert_no_difference(&document, &LIMITS), "{text:?}");
    }
    let line_ends = with_values("<b:string>[I:1]</b:string><b:string>a\r\nb\rc</b:string>");
    assert!(assert_no_difference(&line_ends, &LIMITS));
}

#[test]
fn a_plainly_written_value_is_refused_as_any_other() {
    for values in [
        "<b:string>[I:1]</b:string><b:string>a]]>b</b:string>",
        "<b:string>[I:1]</b:string><b:string>a<b:string>b</b:string></b:string>",
        "<b:string>[I:1]</b:string><b:string>a&nbsp;b</b:string>",
        "<b:string>[I:1]</b:string><b:string>a</b:string><b:string>b</b:string>",
        "<b:string>[I:1]</b:string>",
        "<b:string>[I:1]</b:string>text<b:string>a</b:string>",
        "<b:string>[I:1]</b:string><b:other>a</b:other>",
        "<b:string>x</b:string><b:string>a</b:string>",
        "<b:string>[I:1]</b:string><b:string>a</b:strong>",
    ] {
        assert!(!assert_no_difference(&with_values(values), &LIMITS), "{values}");
    }
}

#[test]
fn what_stands_behind_an_empty_list_is_no_value_of_it() {
    let values = "<a:ColumnValues/><b:string>[I:1]</b:string><b:string>a</b:string>";
    let row = format!("<a:RowData>{values}<a:Operation>I</a:Operation></a:RowData>");
    assert!(!assert_no_difference(&row_data(&batch(&row, "", &contact())), &LIMITS));
}

#[test]
fn another_meaning_of_the_prefix_counts_where_it_is_declared() {
    let row = |declared: &str| {
        let values = "<b:string>[I:1]</b:string><b:string>a</b:string>";
        format!(
            "<a:RowData><a:ColumnValues xmlns:b=\"{declared}\">{values}</a:ColumnValues>\
             <a:Operation>I</a:Operation></a:RowData>"
        )
    };
    let rows = |second: &str| row_data(&batch(&(row(ARRAYS) + &row(second) + &row(ARRAYS)), "", &contact()));
    assert!(assert_no_difference(&rows(ARRAYS), &LIMITS));
    assert!(!assert_no_difference(&rows(DATA), &LIMITS));
}

#[test]
fn limits_hold_for_plainly_written_values() {
    let document = with_values("<b:string>[I:1]</b:string><b:string>abcdefghijklmnopqrst</b:string>");
    let limits = |max_value_bytes, max_columns, max_depth| Limits {
        max_value_bytes,
        max_columns,
        max_depth,
        ..Limits::default()
    };
    assert!(assert_no_difference(&document, &limits(20, 2, 9)));
    assert!(!assert_no_difference(&document, &limits(19, 2, 9)));
    assert!(!assert_no_difference(&document, &limits(20, 1, 9)));
    assert!(!assert_no_difference(&document, &limits(20, 2, 8)));
}
