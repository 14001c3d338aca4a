//! Applications in the folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::answer::SignatureError;
use crate::application::{Mirroring, MirroringError, MirroringUrl};
use crate::caller::Caller;
use crate::client::Client;
use crate::cycle::{Cycle, CycleError, Readiness};
use crate::fixture::mirror::{Mirror, authenticated, claims};
use crate::fixture::sign_with;

const URL: &str = "https://mirror.example.com/MirroringClientService.svc";
/// The hand clock's minute.
const STAMP: &str = "202009131226";

fn url() -> MirroringUrl {
    URL.parse().unwrap()
}

#[test]
fn what_is_registered_is_found_again_by_id_and_by_name() {
    let world = World::new();
    let mut wanted = registration("abc");
    wanted.details.technical_contact = "ops@example.com".to_owned();
    wanted.details.mirroring = Mirroring::on(url());
    let made = world.center.register(wanted.clone()).unwrap();
    let center = world.reopened();
    for found in [center.application("abc").unwrap(), center.application("the application abc").unwrap()] {
        assert_eq!((found.id.as_str(), &found.details), ("abc", &wanted.details));
        assert_eq!((&found.token, found.created_ms), (&made.token, 1_600_000_000_000));
        assert_eq!(found.application_key(), made.application_key());
        assert_eq!(found.signing_key(), application().signing_key());
    }
    assert_eq!(center.applications().unwrap().len(), 1);
    for unknown in ["abcd", "", ".", "../applications/abc", "the application"] {
        let error = center.application(unknown).unwrap_err();
        assert!(matches!(error, CenterError::NoApplication { .. }), "{unknown}: {error}");
    }
}

#[test]
fn an_id_or_a_name_is_taken_once() {
    let world = World::new();
    world.register("abc");
    let named = |id: &str, name: &str| {
        let mut wanted = registration(id);
        name.clone_into(&mut wanted.details.name);
        world.center.register(wanted)
    };
    for (id, name) in [("abc", "another"), ("def", "the application abc"), ("def", "abc")] {
        let error = named(id, name).unwrap_err();
        assert!(matches!(error, CenterError::ApplicationExists { .. }), "{id} {name}: {error}");
    }
    for (id, name) in
        [("", "x"), ("../x", "x"), ("-x", "x"), (".x", "x"), ("ä", "x"), ("x", " "), ("x", "a\nb")]
    {
        let error = named(id, name).unwrap_err();
        assert!(matches!(error, CenterError::Name { .. }), "{id} {name}: {error}");
    }
    assert_eq!(world.center.applications().unwrap().len(), 1);
    assert_eq!(
        fs::read_dir(world.folder.path().join("applications")).unwrap().count(),
        1,
        "a draft was left"
    );
}

#[test]
fn an_environment_signs_for_all_its_applications_with_one_certificate() {
    let world = World::new();
    let stage = |id: &str| {
        let mut wanted = registration(id);
        wanted.details.environment = Environment::Stage;
        world.center.register(wanted).unwrap()
    };
    let (one, two, other) = (stage("one"), stage("two"), world.register("other"));
    assert_eq!(one.certificate_pem(), two.certificate_pem());
    assert_ne!(one.certificate_pem(), other.certificate_pem());
    let center = world.reopened();
    assert_eq!(center.application("one").unwrap().signing_key(), two.signing_key());
    let handed_out = fs::read_to_string(Application::certificate_path(&center.application_folder("one")));
    assert_eq!(handed_out.unwrap(), one.certificate_pem());
    assert!(!Application::signing_key_path(&center.application_folder("one")).exists());
}

#[test]
fn mirroring_needs_a_url_once() {
    let world = World::new();
    world.register("abc");
    let error = world.center.enable_mirroring("abc", None).unwrap_err();
    assert!(matches!(error, CenterError::Mirroring(MirroringError::NoUrl)), "{error}");
    world.center.enable_mirroring("abc", Some(url())).unwrap();
    let mirroring = || world.reopened().application("abc").unwrap().details.mirroring;
    assert_eq!(mirroring().url(), Some(&url()));
    world.center.disable_mirroring("abc").unwrap();
    assert_eq!((mirroring().url(), mirroring().registered_url()), (None, Some(&url())));
    world.center.enable_mirroring("abc", None).unwrap();
    assert_eq!(mirroring().url(), Some(&url()));
}

#[test]
fn secrets_can_be_read_by_their_owner_only_also_after_a_rotation() {
    let world = World::new();
    world.register("abc");
    world.create_tenant("Cust1");
    world.center.approve("Cust1", "abc").unwrap();
    world.center.disable_mirroring("abc").unwrap();
    world.center.rotate_key("abc", 1024).unwrap();
    let folders =
        [world.center.application_folder("abc"), world.center.environment_folder(Environment::Development)];
    let mut secrets = 0;
    for file in folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(Result::unwrap) {
        let name = file.file_name().into_string().unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        secrets += u32::from(mode == 0o600);
        assert!(mode == 0o600 || name.ends_with("certificate.pem"), "{name} has {mode:o}");
    }
    assert_eq!(secrets, 6);
}

#[test]
fn a_rotation_keeps_the_old_key_beside_the_new() {
    let world = World::new();
    let first = world.register("abc");
    let (second, number) = world.center.rotate_key("abc", 1024).unwrap();
    let (third, next) = world.center.rotate_key("the application abc", 2048).unwrap();
    assert_eq!((number, next), (1, 2));
    assert_ne!(first.application_key(), second.application_key());
    let folder = world.center.application_folder("abc");
    assert_eq!(world.reopened().application("abc").unwrap().application_key(), third.application_key());
    let kept = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    for (suffix, old) in [("", &third), (".1", &first), (".2", &second)] {
        let other = tempfile::tempdir().unwrap();
        old.save(other.path()).unwrap();
        for file in ["application-key.xml", "application-key.pem"] {
            let saved = fs::read_to_string(other.path().join(file)).unwrap();
            assert_eq!(kept(&format!("{file}{suffix}")), saved, "{file}{suffix}");
        }
    }
    assert_eq!(third.token, first.token, "the token is not part of the key");
}

#[test]
fn answers_signed_with_a_rotated_key_are_refused() {
    let world = World::new();
    let old = world.register("abc");
    let tenant = world.create_tenant("Cust1");
    let key = old.application_key().clone();
    let mirror = Mirror::start(STAMP, move |call| {
        let nonce = claims(call)["nonce"].as_str()?.to_owned();
        (call.operation == "Authenticate")
            .then(|| (200, authenticated(&sign_with(&key, &nonce, STAMP), "", "")))
    });
    let client = Client::new(&mirror.receiver.url);
    let authenticate = || {
        let application = world.reopened().application("abc").unwrap();
        let caller = Caller::new(&client, &application, &tenant, world.clock.as_ref());
        Cycle::new(caller).authenticate()
    };
    assert_eq!(authenticate().unwrap(), Readiness::Ready);
    world.center.rotate_key("abc", 1024).unwrap();
    assert!(matches!(authenticate(), Err(CycleError::Signature(SignatureError::Key))));
}
