//! An application on disk.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::fixture::application;

#[test]
fn an_application_survives_saving_and_loading() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = application().clone();
    made.details = Details {
        description: "mirrors \"everything\"".to_owned(),
        contact: "ada@example.com".to_owned(),
        technical_contact: "ops@example.com".to_owned(),
        environment: Environment::Stage,
        mirroring: Mirroring::on("https://example.com/m.svc".parse().unwrap()),
        ..Details::named("Nord")
    };
    made.save(folder.path()).unwrap();
    let loaded = Application::load(folder.path()).unwrap();
    assert_eq!(loaded.id, made.id);
    assert_eq!(loaded.details, made.details);
    assert_eq!(loaded.token, made.token);
    assert_eq!(loaded.created_ms, made.created_ms);
    assert_eq!(loaded.application_key(), made.application_key());
    assert_eq!(loaded.signing_key(), made.signing_key());
    assert_eq!(loaded.thumbprint(), made.thumbprint());
    let xml = fs::read_to_string(Application::application_key_xml_path(folder.path())).unwrap();
    assert!(xml.starts_with("<RSAKeyValue><Modulus>"), "{xml}");
}

#[test]
fn whatever_holds_a_secret_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    application().save(folder.path()).unwrap();
    let certificate = Application::certificate_path(folder.path());
    for path in fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()) {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert!(path == certificate || mode == 0o600, "{} has {mode:o}", path.display());
    }
}

#[test]
fn a_missing_folder_is_named() {
    let error = Application::load(Path::new("nowhere-at-all")).unwrap_err();
    assert!(error.to_string().contains("nowhere-at-all"), "{error}");
}
