//! Contents of tables and batches: what is read, what is refused, and what a refusal names.

use super::*;
use crate::batch::{Lsn, Operation as RowOperation};

const ONE: &str = "<b:string>[I:1]</b:string><b:string>x</b:string>";

pub(super) fn schema(table: &str) -> String {
    schema_with(table, &[("contact_id", "int"), ("name", "nvarchar(255)")])
}

fn schema_with(table: &str, names: &[(&str, &str)]) -> String {
    format!("<a:TableSchemaInfo>{}<a:TableName>{table}</a:TableName></a:TableSchemaInfo>", columns(names))
}

fn table_schema(tables: &str) -> String {
    request("TableSchema", &format!("<Tables>{tables}</Tables>"))
}

fn limited(limits: &Limits, document: &str) -> Result<(), String> {
    match read_with(document.as_bytes(), limits, &[]) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn bi_59_an_lsn_is_a_whole_number_and_only_above_zero_a_position() {
    for (written, meant) in [
        ("", None),
        ("<a:LSN i:nil=\"true\"/>", None),
        ("<a:LSN>0</a:LSN>", None),
        ("<a:LSN>-1</a:LSN>", None),
        ("<a:LSN>-9223372036854775808</a:LSN>", None),
        ("<a:LSN>1</a:LSN>", Lsn::new(1)),
        ("<a:LSN>\n 5 \t</a:LSN>", Lsn::new(5)),
        ("<a:LSN>007</a:LSN>", Lsn::new(7)),
        ("<a:LSN>9223372036854775807</a:LSN>", Lsn::new(i64::MAX)),
    ] {
        assert_eq!(batches(&row_data(&batch("", written, &contact())))[0].lsn, meant, "{written}");
    }
    for written in ["", " ", "+5", "5.0", "1e3", "0x5", "5 5", "9223372036854775808", "\u{665}", "-", "5,000"]
    {
        let document = row_data(&batch("", &format!("<a:LSN>{written}</a:LSN>"), &contact()));
        assert_eq!(
            content_error(&document),
            "table contact, LSN is not a whole number in range",
            "{written:?}"
        );
    }
}

#[test]
fn bi_60_a_call_may_hold_no_batches_and_a_batch_no_rows() {
    assert_eq!(batches(&row_data("")), []);
    let document = row_data(&batch("", "<a:LSN>5</a:LSN>", &contact()));
    let empty = &batches(&document)[0];
    assert_eq!((empty.lsn, empty.operations.len(), empty.values.len()), (Lsn::new(5), 0, 0));
    assert_eq!(empty.table.columns.len(), 2);
}

#[test]
fn batches_of_several_tables_keep_their_order_columns_and_positions() {
    let other = info("person", &[("id", "bigint")]);
    let document = row_data(
        &[
            batch(&row("I", ONE), "<a:LSN>0</a:LSN>", &contact()),
            batch(&row("U", "<b:string>[L:5]</b:string>"), "<a:LSN>9</a:LSN>", &other),
            batch(&(row("D", ONE) + &row("i", ONE)), "<a:LSN>10</a:LSN>", &contact()),
        ]
        .concat(),
    );
    let batches = batches(&document);
    let seen: Vec<_> =
        batches.iter().map(|b| (b.table.table.as_str(), b.lsn.map(Lsn::get), b.operations.len())).collect();
    assert_eq!(seen, [("contact", None, 1), ("person", Some(9), 1), ("contact", Some(10), 2)]);
    assert_eq!(batches[1].values, [Value::Long(5)]);
    let rows: Vec<_> = batches[2].rows().map(|(operation, values)| (operation, values.len())).collect();
    assert_eq!(rows, [(RowOperation::Delete, 2), (RowOperation::Insert, 2)]);
}

#[test]
fn co_03_a_table_that_stands_twice_is_one_unless_its_columns_differ() {
    let (contact, person) = (schema("contact"), schema("person"));
    let document = table_schema(&format!("{contact}{person}{contact}"));
    let names: Vec<_> = tables(&document).into_iter().map(|table| table.table).collect();
    assert_eq!(names, ["contact", "person"]);
    let other = schema_with("contact", &[("contact_id", "bigint")]);
    let error = content_error(&table_schema(&format!("{contact}{other}")));
    assert_eq!(error, "table contact, stands twice, with other columns");
}

#[test]
fn co_04_a_tables_name_is_kept_as_it_came_and_shown_harmless() {
    for name in ["../x", "a.b", "Contact", " contact", "", "\u{1f980}", "\"; DROP TABLE"] {
        let document = table_schema(&schema(name));
        assert_eq!(tables(&document)[0].table, name, "the bus decides which names it takes");
    }
    let document = table_schema(&format!(
        "<a:TableSchemaInfo><a:Columns/><a:TableName>&#x1b;[2J{}</a:TableName></a:TableSchemaInfo>",
        "x".repeat(300)
    ));
    assert_eq!(content_error(&document), format!("table \\u{{1b}}[2J{}..., has no columns", "x".repeat(60)));
    for name in ["", "<a:TableName i:nil=\"true\"/>"] {
        let document = table_schema(&format!(
            "<a:TableSchemaInfo>{}{name}</a:TableSchemaInfo>",
            columns(&[("id", "int")])
        ));
        assert_eq!(content_error(&document), "TableName is missing");
    }
}

#[test]
fn co_05_columns_that_cannot_be_are_refused_by_name() {
    let cases: [(&[(&str, &str)], &str); 10] = [
        (&[], "has no columns"),
        (&[("id", "int"), ("ID", "int")], "column ID, stands twice, or differs from another only in case"),
        (&[("", "int")], "column , the name does not match"),
        (&[("a-b", "int")], "column a-b, the name does not match"),
        (&[("1a", "int")], "column 1a, the name does not match"),
        (&[("\u{e5}r", "int")], "column \\u{e5}r, the name does not match"),
        (&[("\"; --", "int")], "column \\\"; --, the name does not match"),
        (&[("id", "")], "column id, has no type"),
        (&[("id", "decimal(99,1)")], "column id, a decimal needs 1 to 38 digits"),
        (&[("id", "decimal(5,6)")], "column id, a decimal needs 1 to 38 digits"),
    ];
    for (names, rule) in cases {
        let error = content_error(&table_schema(&schema_with("t", names)));
        assert!(error.starts_with(&format!("table t, {rule}")), "{error}");
        let error = content_error(&row_data(&batch("", "", &info("t", names))));
        assert!(error.starts_with(&format!("table t, {rule}")), "{error}");
    }
    let longest = "x".repeat(128);
    assert!(read(&table_schema(&schema_with("t", &[(&longest, "int")]))).is_ok());
    assert!(read(&table_schema(&schema_with("t", &[(&(longest + "x"), "int")]))).is_err());
    let nullable = table_schema(&schema("t")).replacen(">true</a:Is", ">maybe</a:Is", 1);
    assert_eq!(content_error(&nullable), "table t, column contact_id, IsNullable is not a boolean");
}

#[test]
fn co_06_a_default_is_only_carried() {
    let default = "default ((1)); DROP TABLE contact --";
    let document = table_schema(&schema("t")).replacen(
        "<a:DefaultValue/>",
        &format!("<a:DefaultValue>{default}</a:DefaultValue>"),
        1,
    );
    assert_eq!(tables(&document)[0].columns[0].default, default);
}

#[test]
fn co_05_07_values_of_unknown_types_and_texts_stay_as_they_come() {
    let typed = info("t", &[("id", "int"), ("span", "interval"), ("list", "int[]"), ("place", "geography")]);
    let values = "<b:string>1</b:string><b:string>[TS:500]</b:string><b:string>[A:3,4,5]</b:string><b:string> [DT:x</b:string>";
    let document = row_data(&batch(&row("I", values), "", &typed));
    let texts = ["[TS:500]", "[A:3,4,5]", " [DT:x"].map(|text| Value::Text(text.into()));
    assert_eq!(batches(&document)[0].values[1..], texts);
}

#[test]
fn co_08_a_value_that_does_not_fit_names_table_row_column_and_rule_and_not_itself() {
    let rows = row("I", ONE) + &row("I", "<b:string>secret</b:string><b:string>x</b:string>");
    let error = content_error(&row_data(&batch(&rows, "", &contact())));
    assert_eq!(error, "table contact, row 2, column contact_id, is not a whole number");
}

#[test]
fn co_11_a_row_has_as_many_values_as_the_table_has_columns() {
    let (few, many) = ("<b:string>1</b:string>", "<b:string>1</b:string><b:string/><b:string/>");
    for operation in ["I", "U", "D"] {
        let error = content_error(&row_data(&batch(&row(operation, many), "", &contact())));
        assert_eq!(error, "table contact, row 1, more values than columns");
    }
    for operation in ["I", "U"] {
        for values in [few, ""] {
            let error = content_error(&row_data(&batch(&row(operation, values), "", &contact())));
            assert_eq!(error, "table contact, row 1, fewer values than columns");
        }
    }
    let error =
        content_error(&row_data(&batch(&(row("I", ONE) + &row("I", "<b:int>1</b:int>")), "", &contact())));
    assert_eq!(error, "table contact, row 2, ColumnValues holds something other than strings");
}

#[test]
fn co_12_operations_are_one_letter_of_any_case() {
    for (written, meant) in [
        ("I", RowOperation::Insert),
        ("i", RowOperation::Insert),
        ("U", RowOperation::Update),
        (" u\n", RowOperation::Update),
        ("D", RowOperation::Delete),
        ("d", RowOperation::Delete),
    ] {
        assert_eq!(batches(&row_data(&batch(&row(written, ONE), "", &contact())))[0].operations, [meant]);
    }
    for written in ["X", "", "IU", "Insert", "\u{406}"] {
        let error = content_error(&row_data(&batch(&row(written, ONE), "", &contact())));
        assert_eq!(error, "table contact, row 1, Operation is none of I, U and D");
    }
    let none = row("", ONE).replace("<a:Operation></a:Operation>", "");
    let error = content_error(&row_data(&batch(&(row("I", ONE) + &none), "", &contact())));
    assert_eq!(error, "table contact, row 2, Operation is missing");
    let two = row("I", ONE) + &none + &row("X", ONE);
    let error = content_error(&row_data(&batch(&two, "", &contact())));
    assert_eq!(
        error, "table contact, row 2, Operation is missing",
        "the first fault is the one that is told"
    );
    let error = content_error(&row_data(&batch("<a:RowData i:nil=\"true\"/>", "", &contact())));
    assert_eq!(error, "table contact, row 1, Operation is missing");
}

#[test]
fn co_12_of_a_deleted_row_only_what_fits_is_kept() {
    for values in [
        "<b:string>[I:1]</b:string>",
        "<b:string>[I:1]</b:string><b:string i:nil=\"true\"/>",
        "<b:string>[I:1]</b:string><b:string i:nil=\"true\"/><b:string/>",
        "<b:string>1</b:string><b:string i:nil=\"true\"/><b:string>[DT:garbage]</b:string>",
    ] {
        let dated = info("t", &[("id", "int"), ("name", "ntext"), ("seen", "datetime")]);
        let document = row_data(&batch(&row("D", values), "", &dated));
        assert_eq!(batches(&document)[0].values, [Value::Int(1), Value::Null, Value::Null], "{values}");
    }
    for values in ["", "<b:string i:nil=\"true\"/>", "<b:string>garbage</b:string>"] {
        let document = row_data(&batch(&row("D", values), "", &contact()));
        assert_eq!(
            batches(&document)[0].values,
            [Value::Null, Value::Null],
            "the bus refuses a key that is NULL"
        );
    }
    let absent = row("D", "").replace("<a:ColumnValues></a:ColumnValues>", "");
    assert_eq!(batches(&row_data(&batch(&absent, "", &contact())))[0].values.len(), 2);
}

#[test]
fn deleted_rows_cannot_be_used_to_fill_the_memory() {
    let names: Vec<String> = (0..1024).map(|number| format!("c{number}")).collect();
    let wide: Vec<_> = names.iter().map(|name| (name.as_str(), "int")).collect();
    let rows = |count: usize| {
        row_data(&batch(
            &"<a:RowData><a:Operation>D</a:Operation></a:RowData>".repeat(count),
            "",
            &info("t", &wide),
        ))
    };
    assert!(read(&rows(4096)).is_ok());
    let error = content_error(&rows(4097));
    assert_eq!(error, "table t, row 4097, the deleted rows of the call leave out more values than the limit");
}

#[test]
fn what_could_not_be_kept_whole_is_counted() {
    let typed = info("t", &[("id", "int"), ("price", "money"), ("seen", "datetime"), ("name", "ntext")]);
    let values = "<b:string>1</b:string><b:string>[M:1.23456]</b:string><b:string>[DT:01/01/2020 00:00:00.0001]</b:string>\
                  <b:string>a&#0;b&#0;</b:string>";
    let document = row_data(&batch(&(row("I", values) + &row("U", values)), "", &typed));
    assert_eq!(batches(&document)[0].cut_values, 8);
}

#[test]
fn ignored_tables_may_hold_anything_well_formed() {
    let garbage = "<a:RowData/><a:RowData><a:ColumnValues><b:int>x<y/></b:int></a:ColumnValues><a:Operation>?</a:Operation></a:RowData>\
                   <a:RowData><a:Operation/><a:Operation/></a:RowData>";
    let infos = [
        info("secret", &[("", ""), ("x", "decimal(99)")]),
        info("secret", &[]),
        info("secret", &[("id", "int")]).replace(">true<", ">maybe<"),
        "<a:TableInfo><a:Columns><x/></a:Columns><a:TableName>secret</a:TableName></a:TableInfo>".to_owned(),
        "<a:TableInfo><a:TableName>secret</a:TableName></a:TableInfo>".to_owned(),
        info("secret", &vec![("id", "int"); 2000]),
    ];
    for info in &infos {
        let document =
            row_data(&(batch(garbage, "<a:LSN>5</a:LSN>", info) + &batch(&row("I", ONE), "", &contact())));
        let Ok(Call::RowData(batches)) = read_with(document.as_bytes(), &LIMITS, &["secret"]) else {
            panic!("{info}")
        };
        assert_eq!(
            (batches[0].table.table.as_str(), batches[0].lsn, batches[0].discarded_rows),
            ("secret", Lsn::new(5), 3)
        );
        assert_eq!((batches[0].operations.len(), batches[0].values.len()), (0, 0));
        assert_eq!((batches[1].operations.len(), batches[1].discarded_rows), (1, 0));
        let table = info.replace("TableInfo>", "TableSchemaInfo>");
        let document = table_schema(&(table + &schema("secret") + &schema("contact")));
        let Ok(Call::TableSchema(tables)) = read_with(document.as_bytes(), &LIMITS, &["secret"]) else {
            panic!("{info}")
        };
        assert_eq!(
            tables.iter().map(|table| table.table.as_str()).collect::<Vec<_>>(),
            ["secret", "contact"]
        );
        assert!(matches!(read(&document), Err(SoapError::Content(_))), "not ignored: {info}");
    }
    let document = row_data(&batch(garbage, "", &info("Secret", &[("id", "int")])));
    assert!(read_with(document.as_bytes(), &LIMITS, &["secret"]).is_err(), "names are compared as they are");
}

#[test]
fn a_batch_needs_its_columns() {
    let error = content_error(&row_data("<a:RowDataBatch><a:Data/></a:RowDataBatch>"));
    assert_eq!(error, "a batch has no TableInfo");
    assert_eq!(content_error(&row_data("<a:RowDataBatch i:nil=\"true\"/>")), "a batch has no TableInfo");
    assert_eq!(
        content_error(&row_data(&batch("", "", "<a:TableInfo i:nil=\"true\"/>"))),
        "TableName is missing"
    );
}

#[test]
fn every_limit_admits_its_number_and_no_more() {
    let limits =
        Limits { max_rows: 2, max_columns: 2, max_tables: 2, max_value_bytes: 50, ..Limits::default() };
    let check = |document: String, rule: Option<&str>| {
        assert_eq!(limited(&limits, &document).err().as_deref(), rule, "{document}");
    };
    let one = row("I", ONE);
    let rows = |counts: &[usize]| {
        row_data(&counts.iter().map(|&count| batch(&one.repeat(count), "", &contact())).collect::<String>())
    };
    check(rows(&[2]), None);
    check(rows(&[1, 1]), None);
    check(rows(&[3]), Some("the call has more rows than the limit"));
    check(rows(&[1, 2]), Some("the call has more rows than the limit"));
    check(rows(&[0, 0, 0]), Some("the call has more batches than the limit of tables"));
    let wide = info("t", &[("a", "int"), ("b", "int"), ("c", "int")]);
    check(row_data(&batch("", "", &wide)), Some("table t, has more columns than the limit"));
    check(
        row_data(&batch(&row("D", &"<b:string/>".repeat(3)), "", &contact())),
        Some("table contact, row 1, a row has more values than the limit of columns"),
    );
    let named = |names: &[&str]| table_schema(&names.iter().map(|name| schema(name)).collect::<String>());
    check(named(&["a", "b", "a", "b"]), None);
    check(named(&["a", "b", "c"]), Some("the call names more tables than the limit"));
    let changed = |count: usize| {
        request(
            "ReplicationCompleted",
            &format!("<ChangedTables>{}</ChangedTables>", "<a:ReplicationSummary/>".repeat(count)),
        )
    };
    check(changed(2), None);
    check(changed(3), Some("the call names more tables than the limit"));
    let sized = |text: String| {
        row_data(&batch(
            &row("I", &format!("<b:string>1</b:string><b:string>{text}</b:string>")),
            "",
            &contact(),
        ))
    };
    check(sized("x".repeat(50)), None);
    check(sized("x".repeat(51)), Some("table contact, row 1, a value is longer than the limit"));
    check(sized("&amp;".repeat(50)), None);
    check(sized("&amp;".repeat(51)), Some("table contact, row 1, a value is longer than the limit"));
    check(sized("\u{e6}".repeat(26)), Some("table contact, row 1, a value is longer than the limit"));
}
