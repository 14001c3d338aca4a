//! What the configuration names: keys and certificates. Found without the network, and in any run.

use std::os::unix::fs::PermissionsExt as _;

use super::setup::Setup;
use crate::support::World;

/// Ended on the first day of 2021.
const EXPIRED: &str = include_str!("expired-certificate.pem");

#[test]
fn a_key_file_that_is_no_key_is_a_fault() {
    let world = World::new();
    let mut setup = Setup::new(&world);
    setup.key_file = "signing-certificate.pem".to_owned();
    let advice = ".toml, line 12, then check again";
    let found = "signing-certificate.pem: is none of RSAXML, PKCS#8 PEM and PKCS#1 PEM in UTF-8";
    setup.check().assert_only_fault("applications[0].private_key_file", found, advice);
}

#[test]
fn every_fault_of_a_configuration_has_its_line() {
    let world = World::new();
    let mut setup = Setup::new(&world);
    setup.key_file = "nowhere.xml".to_owned();
    setup.certificate_file = "nowhere.pem".to_owned();
    setup.kafka = "nowhere".to_owned();
    let checked = setup.check();
    let items: Vec<_> = checked.of_status("fault").into_iter().map(|line| line.item.as_str()).collect();
    let expected =
        ["kafka.bootstrap_servers", "applications[0].private_key_file", "applications[0].certificate_files"];
    assert_eq!(items, expected);
    assert_eq!(checked.code, 1);
}

#[test]
fn a_key_below_2048_bits_is_a_warning() {
    let world = World::new();
    let checked = Setup::new(&world).check_with(&["--offline"]);
    let (found, advice) = ("the key has 1024 bits, fewer than 2048", "ask the vendor for a longer one");
    checked.assert_warning("applications[0].private_key_file", found, advice);
}

#[test]
fn a_key_that_others_can_read_is_a_warning_and_is_not_shown() {
    let world = World::new();
    let file = world.folder().join("application-key.xml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let checked = Setup::new(&world).check_with(&["--offline"]);
    checked.assert_warning("applications[0].private_key_file", "has mode 644", "set it to 400");
    let key = std::fs::read_to_string(file).unwrap();
    let numbers = key.split(['<', '>']).filter(|number| number.len() > 20);
    assert_eq!(numbers.clone().count(), 7, "all numbers of a key but its exponent are long");
    for number in numbers {
        assert!(!checked.text.contains(number) && !format!("{:?}", checked.lines).contains(number));
    }
}

#[test]
fn an_expired_certificate_is_a_warning() {
    let world = World::new();
    std::fs::write(world.folder().join("expired.pem"), EXPIRED).unwrap();
    let mut setup = Setup::new(&world);
    setup.certificate_file = "expired.pem".to_owned();
    let item = format!("{} certificate", crate::support::world::application().id);
    let advice = "has expired: ask the vendor whether there is a newer one";
    setup.check_with(&["--offline"]).assert_warning(&item, "valid until 2021-01-01", advice);
}

#[test]
fn the_fingerprint_is_the_one_that_openssl_gives() {
    let world = World::new();
    let checked = Setup::new(&world).check_with(&["--offline"]);
    let pem = world.folder().join("application-key.pem");
    let command = format!("openssl pkey -in {} -pubout -outform DER | sha256sum", pem.display());
    let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let fingerprint = text.split(' ').next().unwrap();
    assert_eq!(fingerprint.len(), 64, "{}", String::from_utf8_lossy(&output.stderr));
    let item = format!("{} private key", crate::support::world::application().id);
    let line = checked.lines.iter().find(|line| line.item == item).unwrap();
    assert!(line.found.ends_with(&format!("SHA-256 {fingerprint}")), "{}", line.found);
}

#[test]
fn offline_asks_nobody() {
    let world = World::new();
    let mut setup = Setup::new(&world);
    // Nobody answers there: a question would be a fault.
    setup.kafka = "127.0.0.1:1".to_owned();
    setup.registry = "http://127.0.0.1:1/apis/ccompat/v7".to_owned();
    let checked = setup.check_with(&["--offline"]);
    assert_eq!(checked.code, 0, "{}", checked.text);
    assert!(!checked.lines.iter().any(|line| line.item == "kafka" || line.item == "registry"));
}
