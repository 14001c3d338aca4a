//! Scripts as text.

use super::super::error::KINDS;
use super::*;

fn error(text: &str) -> String {
    text.parse::<Fault>().unwrap_err().to_string()
}

#[test]
fn every_kind_that_is_listed_can_be_written() {
    for kind in KINDS.split(", ") {
        let kind = kind.replace("BYTES_PER_SECOND", "9").replace("BYTES", "9").replace("SECONDS", "-9");
        let kind = kind.replace("stale:-", "stale:").replace("POSITION", "0").replace("SEED", "0");
        let fault: Fault = format!("rowdata:contact={kind}").parse().unwrap();
        assert_eq!(fault.to_string(), format!("rowdata:contact={kind}"));
    }
}

#[test]
fn places_name_operation_table_and_number() {
    let place = |text: &str| format!("{text}=refuse").parse::<Fault>().unwrap().place;
    let contact = || Some("contact".to_owned());
    assert_eq!(place("*"), Place::default());
    assert_eq!(place("*:5"), Place { number: Some(5), ..Place::default() });
    let row_data = Some(Operation::RowData);
    assert_eq!(place("rowdata:contact:2"), Place { operation: row_data, table: contact(), number: Some(2) });
    assert_eq!(place("RowData:2"), Place { operation: row_data, table: None, number: Some(2) });
    assert_eq!(place("*:contact"), Place { table: contact(), ..Place::default() });
    assert_eq!(place("completed").operation, Some(Operation::ReplicationCompleted));
}

#[test]
fn what_is_wrong_is_named_with_what_there_is() {
    for (fault, named) in [
        ("rowdata", "is not written as PLACE=KIND"),
        ("", "is not written as PLACE=KIND"),
        ("rows=refuse", "the unknown operation 'rows', there are: authenticate, tableschema, wipe"),
        ("rowdata:0=refuse", "has '0' in its place"),
        ("rowdata:2:contact=refuse", "has 'contact' in its place"),
        ("rowdata:contact:sale=refuse", "has 'sale' in its place"),
        ("rowdata:-1=refuse", "has '-1' in its place"),
        ("rowdata=explode", "of the unknown kind 'explode', there are: refuse, hang-up, "),
        ("rowdata=hang-up@100%", "of the unknown kind"),
        ("rowdata=hang-up:50%", "of the unknown kind"),
        ("rowdata=slow@9", "of the unknown kind"),
        ("rowdata=slow:0", "of the unknown kind"),
        ("rowdata=slow", "of the unknown kind"),
        ("rowdata=huge:0", "of the unknown kind"),
        ("rowdata=refuse:1", "of the unknown kind"),
        ("rowdata=flip:randomly", "of the unknown kind"),
        ("rowdata=stale:-1", "of the unknown kind"),
        ("authenticate=together", "can never happen: only wipe and rowdata are sent together"),
        ("wipe=huge:9", "can never happen: only rowdata can be huge"),
        ("rowdata:1=huge:9", "leave the number out"),
        ("authenticate:contact=refuse", "can never happen: only wipe and rowdata are about one table"),
    ] {
        let message = error(fault);
        assert!(message.contains(named), "{fault}: {message}");
        assert!(message.contains(&format!("'{fault}'")), "{fault}: {message}");
    }
}

#[test]
fn a_file_holds_a_fault_per_line_and_its_faults_name_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faults");
    std::fs::write(&path, "# two\nwipe=repeat\n\n  *=flip:17  \n").unwrap();
    let script = Script::read(&path).unwrap().and(Script::new(vec!["wipe=refuse".parse().unwrap()]));
    let texts: Vec<String> = script.faults().iter().map(Fault::to_string).collect();
    assert_eq!(texts, ["wipe=repeat", "*=flip:17", "wipe=refuse"]);
    std::fs::write(&path, "wipe=repeat\n\nwipe=nothing\n").unwrap();
    let message = Script::read(&path).unwrap_err().to_string();
    assert!(message.contains("faults, line 3: the fault 'wipe=nothing'"), "{message}");
    let message = Script::read(&folder.path().join("none")).unwrap_err().to_string();
    assert!(message.starts_with("cannot read the faults in "), "{message}");
}
