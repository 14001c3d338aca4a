//! Several processes in one folder at once.
// All of this is test code, also outside of functions marked so.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use operations_center::center::Center;

fn start(folder: &Path, line: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_operations-center"))
        .arg("--folder")
        .arg(folder)
        .args(line.split_ascii_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Starts all, then waits for all.
fn at_once(folder: &Path, lines: &[String]) -> Vec<Output> {
    let all: Vec<Child> = lines.iter().map(|line| start(folder, line)).collect();
    all.into_iter().map(|process| process.wait_with_output().unwrap()).collect()
}

fn succeed(folder: &Path, lines: &[String]) {
    for (output, line) in at_once(folder, lines).iter().zip(lines) {
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn applications_registered_at_once_share_one_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let lines =
        ["one", "two", "three"].map(|name| format!("app register {name} --id {name} --key-bits 1024"));
    succeed(folder.path(), &lines);
    let applications = Center::open(folder.path()).unwrap().applications().unwrap();
    assert_eq!(applications.len(), 3);
    for application in &applications {
        let folder = Center::open(folder.path()).unwrap().application_folder(&application.id);
        let handed_out = std::fs::read_to_string(folder.join("signing-certificate.pem")).unwrap();
        assert_eq!(handed_out, applications[0].certificate_pem());
    }
}

#[test]
fn of_two_registrations_of_one_name_one_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let lines = ["one", "two"].map(|id| format!("app register Nord --id {id} --key-bits 1024"));
    let outputs = at_once(folder.path(), &lines);
    let refused: Vec<_> = outputs.iter().filter(|output| !output.status.success()).collect();
    assert_eq!(refused.len(), 1);
    let error = String::from_utf8_lossy(&refused[0].stderr);
    assert!(error.contains("'Nord' is registered already"), "{error}");
    assert_eq!(Center::open(folder.path()).unwrap().applications().unwrap().len(), 1);
}

#[test]
fn approvals_given_at_once_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let tenants: Vec<String> = (1..=6).map(|number| format!("Cust{number}")).collect();
    let each = |line: &str| tenants.iter().map(|name| line.replace("NAME", name)).collect::<Vec<_>>();
    succeed(folder.path(), &["app register Nord --key-bits 1024".to_owned()]);
    succeed(folder.path(), &each("tenant create NAME --size 1"));
    let mut lines = each("tenant approve NAME Nord");
    lines.push("app rotate-key Nord --key-bits 1024".to_owned());
    lines.push("app register Other --key-bits 1024".to_owned());
    succeed(folder.path(), &lines);
    let approvals = Center::open(folder.path()).unwrap().approvals().unwrap();
    assert_eq!(approvals.into_iter().map(|given| given.tenant).collect::<Vec<_>>(), tenants);
}
