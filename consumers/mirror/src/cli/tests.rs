use std::error::Error;
use std::ffi::OsString;
use std::io::Write;

use tempfile::NamedTempFile;

use super::*;
use crate::copies::{Copies, Copy, Held, Snapshot};
use crate::destination::{Applied, Batch, DestinationError, Memory};
use mirrorbus_schemas::topic::Tenant;

struct Nowhere;

#[derive(Args, Debug)]
struct Options {
    /// Where to.
    #[arg(long, env = "MIRROR_TEST_PLACE")]
    place: String,
}

fn nowhere() -> DestinationError {
    DestinationError::Fault("nowhere".into())
}

impl Destination for Nowhere {
    fn load(&mut self, _: &Tenant) -> Result<Memory, DestinationError> {
        Err(nowhere())
    }
    fn apply(&mut self, _: &Tenant, _: &Batch<'_>) -> Result<Applied, DestinationError> {
        Err(nowhere())
    }
}

impl Copies for Nowhere {
    fn tenants(&mut self) -> Result<Vec<Tenant>, DestinationError> {
        Err(nowhere())
    }
    fn inspect(&mut self, _: &Tenant, _: Copy) -> Result<Option<Memory>, DestinationError> {
        Err(nowhere())
    }
    fn snapshot(&mut self, _: &Tenant, _: Copy) -> Result<Box<dyn Snapshot + '_>, DestinationError> {
        Err(nowhere())
    }
    fn hold(&mut self, _: &Tenant) -> Result<Box<dyn Held + '_>, DestinationError> {
        Err(nowhere())
    }
    fn beside(&mut self, _: &Tenant) -> Result<Box<dyn Destination + Send>, DestinationError> {
        Err(nowhere())
    }
    fn discard(&mut self, _: &Tenant) -> Result<(), DestinationError> {
        Err(nowhere())
    }
    fn drop_kept(&mut self, _: &Tenant, _: std::time::Duration) -> Result<Vec<String>, DestinationError> {
        Err(nowhere())
    }
}

impl Program for Nowhere {
    const NAME: &'static str = "mirror-nowhere";
    const ABOUT: &'static str = "Mirrors nowhere.";
    type Options = Options;
    type Destination = Self;

    fn open(_: &Options, _: Role) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self)
    }
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn parsed(file: &NamedTempFile, arguments: &[&str]) -> Result<String, clap::Error> {
    let arguments: Vec<OsString> = std::iter::once("mirror-nowhere")
        .chain(arguments.iter().copied())
        .map(OsString::from)
        .chain(["--config".into(), file.path().into()])
        .collect();
    parse::<Nowhere>(&arguments).map(|parsed| format!("{parsed:?}"))
}

#[test]
fn the_program_is_put_together_without_contradictions() {
    help::explain(Arguments::<Options>::command(), Nowhere::NAME, Nowhere::ABOUT).debug_assert();
}

#[test]
fn every_verb_explains_itself_with_an_example() {
    for verb in ["run", "status", "verify", "regenerate", "checksum"] {
        let help = parse::<Nowhere>(&["mirror-nowhere".into(), verb.into(), "--help".into()]).unwrap_err();
        let help = help.to_string();
        assert!(help.contains(&format!("mirror-nowhere {verb}")) && help.contains("-o json"), "{help}");
    }
    let help = parse::<Nowhere>(&["mirror-nowhere".into(), "--help".into()]).unwrap_err().to_string();
    assert!(help.contains("Exit codes:") && help.contains("Mirrors nowhere."), "{help}");
}

#[test]
fn the_file_gives_what_the_command_line_does_not() {
    let file = file(
        r#"
        kafka = "a:1"
        place = "here"
        tables = ["x*", "y"]
        batch-records = 7
        keep = "1h"
        kafka-setting-file = ["sasl.password=/p"]
        log-format = "json"
        [kafka-setting]
        "client.id" = "m"
        "socket.keepalive.enable" = true
        "#,
    );
    let run = parsed(&file, &["run", "--kafka", "b:2"]).unwrap();
    for wanted in [
        r#"kafka: Some("b:2")"#,
        r#"place: "here""#,
        r#"tables: ["x*", "y"]"#,
        "batch_records: Some(7)",
        "keep: 3600s",
        r#"kafka_setting: ["client.id=m", "socket.keepalive.enable=true"]"#,
        r#"kafka_setting_file: ["sasl.password=/p"]"#,
        "log_format: Json",
    ] {
        assert!(run.contains(wanted), "{wanted}: {run}");
    }
    assert!(parsed(&file, &["checksum"]).unwrap().contains(r#"place: "here""#));
}

#[test]
fn what_the_file_cannot_say_is_refused_by_name() {
    for (text, named) in [
        ("kafak = \"a:1\"", "kafak"),
        ("repair = true", "repair"),
        ("config = \"x\"", "config"),
        ("kafka = [\"a:1\", \"b:1\"]", "kafka"),
        ("prefix = 2026-01-01", "prefix"),
        ("batch-records = \"many\"", "batch-records"),
        ("kafka = ", "configuration file"),
    ] {
        let error = parsed(&file(text), &["verify", "--place", "x"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(named), "{text}: {error}");
    }
    let missing = parse::<Nowhere>(&["mirror-nowhere".into(), "run".into(), "--config=/no/such".into()]);
    assert!(missing.unwrap_err().to_string().contains("/no/such"));
}
