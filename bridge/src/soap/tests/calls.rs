//! All five operations as real callers write them.

use super::*;
use crate::batch::{Column, ColumnType, Lsn, Operation as RowOperation, TableCounts};

fn column(name: &str, sql_type: &str, kind: ColumnType, nullable: bool, default: &str) -> Column {
    Column { name: name.into(), sql_type: sql_type.into(), kind, nullable, default: default.into() }
}

fn contact_columns() -> TableColumns {
    let columns = vec![
        column("contact_id", "int", ColumnType::Int, false, ""),
        column("name", "nvarchar(255)", ColumnType::Text, true, "default (N'')"),
        column("registered", "datetime", ColumnType::DateTime, true, "default (N'1760-01-01 00:00:00')"),
    ];
    TableColumns { table: "contact".into(), columns }
}

fn contact_rows() -> Batch<'static> {
    let moment = Value::Long(1_589_798_443_000);
    Batch {
        table: contact_columns(),
        lsn: Lsn::new(7_654_321),
        operations: vec![RowOperation::Insert, RowOperation::Delete],
        values: vec![
            Value::Int(1),
            Value::Text("Ærlig & <Sønn>".into()),
            moment,
            Value::Int(2),
            Value::Null,
            Value::Null,
        ],
        cut_values: 0,
        discarded_rows: 0,
    }
}

/// As WCF sends it: no white space, namespaces declared where they are first needed, columns after rows.
fn compact(operation: &str) -> String {
    let columns = "<a:Columns><a:ColumnInfo><a:DefaultValue/><a:IsNullable>false</a:IsNullable><a:Name>contact_id</a:Name>\
        <a:Type>int</a:Type></a:ColumnInfo><a:ColumnInfo><a:DefaultValue>default (N'')</a:DefaultValue>\
        <a:IsNullable>true</a:IsNullable><a:Name>name</a:Name><a:Type>nvarchar(255)</a:Type></a:ColumnInfo><a:ColumnInfo>\
        <a:DefaultValue>default (N'1760-01-01 00:00:00')</a:DefaultValue><a:IsNullable>true</a:IsNullable>\
        <a:Name>registered</a:Name><a:Type>datetime</a:Type></a:ColumnInfo></a:Columns><a:TableName>contact</a:TableName>";
    let arrays = format!("xmlns:b=\"{ARRAYS}\"");
    let list = format!("xmlns:a=\"{DATA}\" xmlns:i=\"{INSTANCE}\"");
    let members = match operation {
        "TableSchema" => format!("<Tables {list}><a:TableSchemaInfo>{columns}</a:TableSchemaInfo></Tables>"),
        "Wipe" => "<TableName>contact</TableName>".to_owned(),
        "RowData" => format!(
            "<DataBatches {list}><a:RowDataBatch><a:Data><a:RowData><a:ColumnValues {arrays}><b:string>[I:1]</b:string>\
             <b:string>Ærlig &amp; &lt;Sønn&gt;</b:string><b:string>[DT:05/18/2020 10:40:43.0000000]</b:string></a:ColumnValues>\
             <a:Operation>I</a:Operation></a:RowData><a:RowData><a:ColumnValues {arrays}><b:string>[I:2]</b:string>\
             <b:string i:nil=\"true\"/><b:string i:nil=\"true\"/></a:ColumnValues><a:Operation>D</a:Operation></a:RowData></a:Data>\
             <a:LSN>7654321</a:LSN><a:TableInfo>{columns}</a:TableInfo></a:RowDataBatch></DataBatches>"
        ),
        "ReplicationCompleted" => format!(
            "<ChangedTables {list}><a:ReplicationSummary><a:Deletes>1</a:Deletes><a:Inserts>2</a:Inserts>\
             <a:TableName>contact</a:TableName><a:Updates>3</a:Updates></a:ReplicationSummary></ChangedTables>"
        ),
        _ => String::new(),
    };
    envelope(&format!(
        "<{operation}Request xmlns=\"{MIRRORING}\"><ClientState/>{members}</{operation}Request>"
    ))
}

fn expected(operation: &str) -> Call<'static> {
    match operation {
        "Authenticate" => Call::Authenticate,
        "TableSchema" => Call::TableSchema(vec![contact_columns()]),
        "Wipe" => Call::Wipe { table: "contact".into() },
        "RowData" => Call::RowData(vec![contact_rows()]),
        _ => Call::ReplicationCompleted(vec![TableCounts {
            table: "contact".into(),
            inserts: 2,
            updates: 3,
            deletes: 1,
        }]),
    }
}

/// White space between all elements and around the token; the text of values stays as it is.
fn pretty(compact: &str) -> String {
    compact.replace(TOKEN, &format!("\r\n\t{TOKEN}\r\n  ")).replace("><", ">\r\n    <")
}

#[test]
fn all_five_operations_are_read_compact_and_pretty_and_with_other_prefixes() {
    for operation in Operation::ALL.map(Operation::name) {
        let compact = compact(operation);
        let renamed = ["s", "a", "b", "h"].iter().fold(compact.clone(), |text, prefix| {
            let other = format!("_{prefix}-\u{e6}.1");
            text.replace(&format!("<{prefix}:"), &format!("<{other}:"))
                .replace(&format!("</{prefix}:"), &format!("</{other}:"))
                .replace(&format!("xmlns:{prefix}="), &format!("xmlns:{other}="))
                .replace(&format!(" {prefix}:mustU"), &format!(" {other}:mustU"))
        });
        let commented = pretty(&compact).replace("\r\n    <", "<!-- <x> -->\n<");
        for document in [pretty(&compact), format!("\u{feff}{renamed}"), commented, compact.clone()] {
            let envelope = Envelope::open(document.as_bytes(), &LIMITS).unwrap();
            assert_eq!(envelope.operation().name(), operation);
            assert_eq!(envelope.token(), Some(TOKEN));
            assert_eq!(envelope.read_call(&BTreeSet::new()), Ok(expected(operation)), "{document}");
        }
    }
}

#[test]
fn values_are_slices_of_the_body_wherever_nothing_had_to_change() {
    let document = compact("RowData").replace("Ærlig &amp; &lt;Sønn&gt;", "Ærlig");
    let batches = batches(&document);
    assert!(matches!(&batches[0].values[1], Value::Text(std::borrow::Cow::Borrowed("Ærlig"))));
}

#[test]
fn nil_and_absent_members_are_empty() {
    for nil in ["", "<{} i:nil=\"true\"/>", "<{} i:nil=\"1\"> </{}>", "<{}/>", "<{}></{}>"] {
        let member = |name: &str| nil.replace("{}", name);
        let state = member("ClientState");
        let read_one = |operation: &str, list: &str| {
            let document = request(operation, &format!("{state}{}", member(list)));
            read(&document).map(|call| format!("{call:?}")).unwrap()
        };
        assert_eq!(read_one("Authenticate", "Other"), "Authenticate");
        assert_eq!(read_one("TableSchema", "Tables"), "TableSchema([])", "co_01");
        assert_eq!(read_one("RowData", "DataBatches"), "RowData([])");
        assert_eq!(read_one("ReplicationCompleted", "ChangedTables"), "ReplicationCompleted([])");
    }
    let bare = "<a:TableSchemaInfo><a:Columns><a:ColumnInfo><a:DefaultValue i:nil=\"true\"/><a:Name>id</a:Name><a:Type>int\
                </a:Type></a:ColumnInfo></a:Columns><a:TableName>t</a:TableName></a:TableSchemaInfo>";
    let document = request("TableSchema", &format!("<Tables>{bare}</Tables>"));
    assert_eq!(tables(&document)[0].columns, [column("id", "int", ColumnType::Int, false, "")]);
    let summary = "<ChangedTables><a:ReplicationSummary><a:Deletes i:nil=\"true\"/></a:ReplicationSummary></ChangedTables>";
    let counts = TableCounts { table: String::new(), inserts: 0, updates: 0, deletes: 0 };
    assert_eq!(read(&request("ReplicationCompleted", summary)), Ok(Call::ReplicationCompleted(vec![counts])));
}

#[test]
fn nil_is_false_where_it_says_so_and_nil_with_text_is_a_fault() {
    let wipe = |attributes: &str, text: &str| {
        request("Wipe", &format!("<TableName {attributes}>{text}</TableName>"))
    };
    assert_eq!(read(&wipe("i:nil=\"false\"", "t")), Ok(Call::Wipe { table: "t".into() }));
    assert_eq!(read(&wipe("nil=\"true\"", "t")), Ok(Call::Wipe { table: "t".into() }));
    assert_eq!(fault(wipe("i:nil=\"true\"", "t").as_bytes()), FaultCode::Client);
}

#[test]
fn bi_57_members_come_in_any_order_and_unknown_ones_are_passed_over() {
    let shuffled = "<a:RowDataBatch><a:TableInfo><a:TableName>contact</a:TableName><a:Columns><a:ColumnInfo><a:Type>int</a:Type>\
        <a:Name>id</a:Name><a:IsNullable>1</a:IsNullable><a:DefaultValue>0</a:DefaultValue></a:ColumnInfo></a:Columns></a:TableInfo>\
        <a:LSN>5</a:LSN><a:Data><a:RowData><a:Operation>U</a:Operation><a:ColumnValues><b:string>7</b:string></a:ColumnValues>\
        </a:RowData></a:Data></a:RowDataBatch>";
    let plain = row_data(shuffled);
    let expected = batches(&plain);
    assert_eq!(expected[0].lsn, Lsn::new(5));
    assert_eq!(expected[0].values, [Value::Int(7)]);
    let unknown = "<a:Extra i:type=\"a:x\"><a:LSN>9</a:LSN><b:string>x</b:string>text</a:Extra><LSN>8</LSN>\
                   <b:Data/><Name xmlns=\"\">x</Name>";
    for member in [
        "a:Columns",
        "a:TableName",
        "a:Type",
        "a:Name",
        "a:LSN",
        "a:Data",
        "a:Operation",
        "a:ColumnValues",
        "a:TableInfo",
    ] {
        let (open, close) = (format!("<{member}>"), format!("</{member}>"));
        for document in [
            plain.replace(&open, &format!("{unknown}{open}")),
            plain.replace(&close, &format!("{close}{unknown}")),
        ] {
            assert_eq!(batches(&document), expected, "{document}");
        }
    }
    let outer = plain
        .replace("<DataBatches>", "<New><DataBatches>x</DataBatches></New><a:DataBatches/><DataBatches>");
    assert_eq!(
        batches(&outer.replace("</DataBatches></RowData", "</DataBatches><ClientState/></RowData")),
        expected
    );
}

#[test]
fn bi_57_references_to_other_elements_are_refused() {
    let ns = "xmlns:z=\"http://schemas.microsoft.com/2003/10/Serialization/\"";
    let document = row_data(&format!("<a:RowDataBatch {ns} z:Ref=\"i1\" i:nil=\"true\"/>"));
    assert_eq!(fault(document.as_bytes()), FaultCode::Client);
    let with_id = row_data(&batch("", "", &contact()))
        .replace("<a:RowDataBatch>", &format!("<a:RowDataBatch {ns} z:Id=\"i1\">"));
    assert_eq!(batches(&with_id).len(), 1);
}

#[test]
fn bi_58_a_member_that_stands_twice_is_refused() {
    let plain = row_data(&batch(
        &row("I", "<b:string>1</b:string>"),
        "<a:LSN>5</a:LSN>",
        &info("t", &[("id", "int")]),
    ));
    assert!(read(&plain).is_ok());
    for member in [
        "Data",
        "LSN",
        "TableInfo",
        "Columns",
        "TableName",
        "DefaultValue",
        "IsNullable",
        "Name",
        "Type",
        "ColumnValues",
        "Operation",
    ] {
        let close = format!("</a:{member}>");
        let empty = format!("<a:{member}/>");
        let document = if plain.contains(&close) {
            plain.replace(&close, &format!("{close}{empty}"))
        } else {
            plain.replace(&empty, &format!("{empty}{empty}"))
        };
        assert!(content_error(&document).contains(&format!("{member} stands twice")), "{member}");
    }
    for (operation, member) in [
        ("Authenticate", "ClientState"),
        ("TableSchema", "Tables"),
        ("Wipe", "TableName"),
        ("RowData", "DataBatches"),
        ("ReplicationCompleted", "ChangedTables"),
    ] {
        let document = request(operation, &format!("<{member}/><{member}/>"));
        assert!(content_error(&document).contains(&format!("{member} stands twice")), "{member}");
    }
}

#[test]
fn an_unknown_item_in_a_list_is_refused_not_passed_over() {
    let lists = [
        ("TableSchema", "<Tables><a:TableInfo/></Tables>"),
        ("TableSchema", "<Tables><TableSchemaInfo/></Tables>"),
        ("RowData", "<DataBatches><RowDataBatch/></DataBatches>"),
        ("ReplicationCompleted", "<ChangedTables><a:Summary/></ChangedTables>"),
    ];
    for (operation, list) in lists {
        assert!(content_error(&request(operation, list)).contains("holds something else"), "{list}");
    }
    let other_rows = batch("<a:Row/>", "", &contact());
    assert_eq!(
        content_error(&row_data(&other_rows)),
        "table contact, a list of RowData holds something else"
    );
    let text = row_data(&batch("text", "", &contact()));
    assert_eq!(fault(text.as_bytes()), FaultCode::Client);
}

#[test]
fn co_18_a_wipe_needs_a_name() {
    for name in
        ["", "<TableName i:nil=\"true\"/>", "<tableName>t</tableName>", "<a:TableName>t</a:TableName>"]
    {
        assert_eq!(content_error(&request("Wipe", name)), "TableName is missing");
    }
    assert_eq!(
        read(&request("Wipe", "<TableName/>")),
        Ok(Call::Wipe { table: String::new() }),
        "the bus refuses it"
    );
}

#[test]
fn co_19_counts_may_be_negative_but_must_be_numbers() {
    let completed = |inserts: &str| {
        request(
            "ReplicationCompleted",
            &format!(
                "<ChangedTables><a:ReplicationSummary><a:Inserts>{inserts}</a:Inserts></a:ReplicationSummary></ChangedTables>"
            ),
        )
    };
    for (written, meant) in [("-5", -5), (" 7 ", 7), ("2147483647", i32::MAX)] {
        let document = completed(written);
        let Ok(Call::ReplicationCompleted(counts)) = read(&document) else { panic!("{written}") };
        assert_eq!(counts[0].inserts, meant);
    }
    for written in ["2147483648", "x", "", "+1", "1.0"] {
        assert_eq!(content_error(&completed(written)), "Inserts is not a whole number in range");
    }
}

#[test]
fn co_20_a_client_state_is_opaque_and_at_most_64_kib() {
    let call =
        |state: &str| request("Wipe", &format!("<ClientState>{state}</ClientState><TableName>t</TableName>"));
    for state in ["", "&lt;b&gt;html&lt;/b&gt;", "Cust2", &"x".repeat(64 * 1024)] {
        assert!(read(&call(state)).is_ok());
    }
    assert_eq!(content_error(&call(&"x".repeat(64 * 1024 + 1))), "ClientState is longer than 64 KiB");
    assert_eq!(fault(call("<b/>").as_bytes()), FaultCode::Client);
}

/// Written by the SOAP library zeep 4.3 from the description that the bridge serves.
const BY_ZEEP: &str = r#"<?xml version='1.0' encoding='utf-8'?>
<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/"><soap-env:Header xmlns:wsa="http://www.w3.org/2005/08/addressing"><ns0:SignedToken xmlns:ns0="http://www.superoffice.com/online/mirroring/0.1">aaa.bbb.ccc</ns0:SignedToken><wsa:Action>http://www.superoffice.com/online/mirroring/0.1/IMirroringClientService/RowData</wsa:Action><wsa:MessageID>urn:uuid:1fc6f87a-b019-4a53-87cb-a3b020850e8c</wsa:MessageID><wsa:To>http://127.0.0.1:8765/MirroringClientService.svc</wsa:To></soap-env:Header><soap-env:Body><ns0:RowDataRequest xmlns:ns0="http://www.superoffice.com/online/mirroring/0.1"><ns0:DataBatches><ns1:RowDataBatch xmlns:ns1="http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1"><ns1:Data><ns1:RowData><ns1:ColumnValues><ns2:string xmlns:ns2="http://schemas.microsoft.com/2003/10/Serialization/Arrays">[I:1]</ns2:string><ns3:string xmlns:ns3="http://schemas.microsoft.com/2003/10/Serialization/Arrays">  Ærlig &amp; &lt;x&gt; ]]&gt; </ns3:string></ns1:ColumnValues><ns1:Operation>I</ns1:Operation></ns1:RowData></ns1:Data><ns1:LSN>5</ns1:LSN><ns1:TableInfo><ns1:Columns><ns1:ColumnInfo><ns1:DefaultValue></ns1:DefaultValue><ns1:IsNullable>false</ns1:IsNullable><ns1:Name>contact_id</ns1:Name><ns1:Type>int</ns1:Type></ns1:ColumnInfo><ns1:ColumnInfo><ns1:DefaultValue>default (N'')</ns1:DefaultValue><ns1:IsNullable>true</ns1:IsNullable><ns1:Name>name</ns1:Name><ns1:Type>nvarchar(255)</ns1:Type></ns1:ColumnInfo></ns1:Columns><ns1:TableName>contact</ns1:TableName></ns1:TableInfo></ns1:RowDataBatch></ns0:DataBatches></ns0:RowDataRequest></soap-env:Body></soap-env:Envelope>"#;

#[test]
fn bi_56_a_call_by_another_soap_library_with_addressing_headers_is_read() {
    assert_eq!(Envelope::open(BY_ZEEP.as_bytes(), &LIMITS).unwrap().token(), Some("aaa.bbb.ccc"));
    let batches = batches(BY_ZEEP);
    assert_eq!(batches[0].values, [Value::Int(1), Value::Text("  Ærlig & <x> ]]> ".into())]);
    let demanding = BY_ZEEP.replace("<wsa:Action>", "<wsa:Action soap-env:mustUnderstand=\"1\">");
    assert_eq!(fault(demanding.as_bytes()), FaultCode::MustUnderstand);
}
