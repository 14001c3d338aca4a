//! Column values, type by type: what the wire writes is accepted, and is in the mirror.

mod forms;

use self::forms::{Forms, forms};
use crate::conformance::line::{Checked, Line, Miss};
use crate::conformance::stage::Stage;
use crate::conformance::subject::Subject;
use crate::conformance::table::TestTable;
use crate::sql::{SqlType, Value};

const VALUES: &str = "column values, documented";
const INFERRED: &str = "column values, inferred";

pub(super) fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    for forms in forms() {
        let Forms { accepted, kept, source, rule, kind, values } = forms;
        let again = values.clone();
        lines.push(Line::new(accepted, source, rule, move |stage| {
            send(stage, kind, &values).map(|(_, _, told)| told)
        }));
        lines.push(
            Line::new(kept, source, "the values are in the mirror as they were sent", move |stage| {
                keep(stage, kind, &again)
            })
            .by_mirror(),
        );
    }
    lines.extend([
        Line::new(
            "values.without-type",
            VALUES,
            "time spans [TS:500] and int arrays [A:3,4,5] are documented without a column type: what becomes of them",
            without_type,
        )
        .informative(),
        Line::new(
            "values.control-characters",
            "column values, inferred",
            "the vendor's writer does not check characters: what becomes of text with &#x1;, which XML 1.0 does not allow",
            control_characters,
        )
        .informative(),
        Line::new("values.null", INFERRED, "i:nil is accepted in columns of every type", null),
        Line::new("values.null-and-empty", INFERRED, "NULL and the empty text differ", null_and_empty)
            .by_mirror(),
        Line::new("values.marked-text", VALUES, "text that looks like [I:5] stays that text", marked_text)
            .by_mirror(),
        Line::new(
            "values.text",
            VALUES,
            "text is kept to the letter: blanks, line breaks, every script",
            text,
        )
        .by_mirror(),
    ]);
    lines
}

/// A table with a column of the type, and a row per value; what is accepted moves the position.
fn send<'s>(
    stage: &'s Stage<'_>,
    kind: SqlType,
    values: &[(&str, Value)],
) -> Result<(Subject<'s>, TestTable, String), Miss> {
    let (subject, table) =
        (stage.subject(), TestTable::new("y_values", &[("id", SqlType::Int), ("x_value", kind)]));
    let keys: Vec<String> = (1..=values.len()).map(|key| format!("[I:{key}]")).collect();
    let cells: Vec<[Option<&str>; 2]> =
        keys.iter().zip(values).map(|(key, (value, _))| [Some(key.as_str()), Some(*value)]).collect();
    let rows: Vec<(&str, &[Option<&str>])> = cells.iter().map(|cells| ("I", &cells[..])).collect();
    subject.populate(&[(&table, table.batch(5, &rows))])?;
    let observed = format!("{} values were accepted", values.len());
    Ok((subject, table, observed))
}

fn keep(stage: &Stage<'_>, kind: SqlType, values: &[(&str, Value)]) -> Checked {
    let (subject, table, _) = send(stage, kind, values)?;
    let rows = (1i64..).zip(values).map(|(key, (_, value))| vec![key.into(), value.clone()]);
    subject.expect_rows(&table, &rows.collect::<Vec<_>>())
}

/// Every type but text, whose NULL has a line of its own.
fn null(stage: &Stage<'_>) -> Checked {
    let kinds: Vec<SqlType> = forms().into_iter().map(|forms| forms.kind).collect();
    let names: Vec<String> = (0..kinds.len()).map(|number| format!("x_value_{number}")).collect();
    let mut columns = vec![("id", SqlType::Int)];
    columns.extend(names.iter().map(String::as_str).zip(kinds));
    let (subject, table) = (stage.subject(), TestTable::new("y_values", &columns));
    let mut row = vec![Some("[I:1]")];
    row.resize(columns.len(), None);
    subject.populate(&[(&table, table.batch(5, &[("I", &row)]))])?;
    Ok(format!("{} columns took it", columns.len() - 1))
}

/// Each in a call of its own: any of them may be refused.
fn without_type(stage: &Stage<'_>) -> Checked {
    let cases =
        [("[TS:500]", "time", SqlType::Time), ("[A:3,4,5]", "nvarchar(max)", SqlType::NVarChar(None))];
    let observed = cases.map(|(value, name, kind)| {
        let told = told(send(stage, kind, &[(value, Value::Null)]));
        format!("{value} in a column of type {name}: {told}")
    });
    Ok(observed.join("; "))
}

fn control_characters(stage: &Stage<'_>) -> Checked {
    Ok(told(send(stage, SqlType::NText, &[("a\u{1}b", Value::Null)])))
}

/// What was observed, whichever way it went.
fn told(sent: Result<(Subject<'_>, TestTable, String), Miss>) -> String {
    match sent {
        Ok((_, _, observed)) | Err(Miss::Failed(observed) | Miss::Unobserved(observed)) => observed,
    }
}

fn texts(stage: &Stage<'_>, texts: &[Option<&str>]) -> Checked {
    let table = TestTable::new("y_values", &[("id", SqlType::Int), ("x_value", SqlType::NText)]);
    let keys: Vec<String> = (1..=texts.len()).map(|key| format!("[I:{key}]")).collect();
    let cells: Vec<[Option<&str>; 2]> =
        keys.iter().zip(texts).map(|(key, text)| [Some(key.as_str()), *text]).collect();
    let rows: Vec<(&str, &[Option<&str>])> = cells.iter().map(|cells| ("I", &cells[..])).collect();
    let subject = stage.subject();
    subject.populate(&[(&table, table.batch(5, &rows))])?;
    let rows = (1i64..).zip(texts).map(|(key, text)| vec![key.into(), text.map_or(Value::Null, Value::from)]);
    subject.expect_rows(&table, &rows.collect::<Vec<_>>())
}

fn null_and_empty(stage: &Stage<'_>) -> Checked {
    texts(stage, &[None, Some("")])
}

fn marked_text(stage: &Stage<'_>) -> Checked {
    texts(stage, &["[I:5]", "[DT:05/18/2020 10:40:43.0000000]", "[B:AAEC]", "[I:", "[]", "True"].map(Some))
}

fn text(stage: &Stage<'_>) -> Checked {
    let texts_to_keep = [
        "plain",
        " blanks around ",
        "two\nlines",
        "carriage\r\nreturn",
        "a\ttab",
        "<b>&amp;\"quotes\" and 'apostrophes'</b>",
        "]]>",
        "\u{e6}\u{f8}\u{e5} \u{4e2d}\u{6587} \u{5e9}\u{5dc}\u{5d5}\u{5dd}",
        "\u{1f980} outside the first plane",
        "e\u{301} and \u{e9} are two texts",
    ];
    texts(stage, &texts_to_keep.map(Some))
}
