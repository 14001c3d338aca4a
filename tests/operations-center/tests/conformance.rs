//! The program's exit status after a checklist, which build servers go by.
// All of this is test code, also outside of functions marked so.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use operations_center::center::Center;
use operations_center::receiver::{Defect, Identity, Receiver, Settings};

fn program(folder: &std::path::Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_operations-center"));
    command.arg("--folder").arg(folder).args(line.split_ascii_whitespace());
    command.output().unwrap()
}

#[test]
fn the_exit_status_tells_a_failed_line_from_a_list_that_could_not_be_gone_through() {
    let folder = tempfile::tempdir().unwrap();
    assert!(program(folder.path(), "app register Nord --id abc --key-bits 1024").status.success());
    let center = Center::open(folder.path()).unwrap();
    let status = |defect: Option<Defect>| {
        let identity = Identity::load(&center.application_folder("abc")).unwrap();
        let settings = Settings { defect, ..Settings::default() };
        let receiver = Receiver::start(([127, 0, 0, 1], 0).into(), identity, settings).unwrap();
        let line = format!("conformance Nord --only auth --url {}", receiver.url());
        program(folder.path(), &line)
    };
    assert_eq!(status(None).status.code(), Some(0));
    let failed = status(Some(Defect::StaleTimestamp));
    assert_eq!(failed.status.code(), Some(1));
    let told = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(told, "operations-center: 1 required lines fail: auth.time\n");
    let nobody = program(folder.path(), "conformance Nord --url http://127.0.0.1:9/");
    assert_eq!(nobody.status.code(), Some(2));
    let told = String::from_utf8(nobody.stderr).unwrap();
    assert!(told.contains("http://127.0.0.1:9/ cannot be reached"), "{told}");
}
