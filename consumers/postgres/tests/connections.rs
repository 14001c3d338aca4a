//! Roles, passwords and certificates.

use mirror_postgres::{Place, Postgres, PostgresError};
use mirrorbus_mirror::Destination;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::database::Database;
use super::feed::{Change, Feed, change, contact, tenant, upsert};
use super::server::Server;

fn failure(place: Place) -> String {
    let error = Postgres::new(place).unwrap().load(&tenant()).unwrap_err();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[test]
fn a_role_that_owns_nothing_but_its_schema_will_do() {
    let database = Database::new();
    let (role, url) = (&database.name, database.url().replace("postgres@", &format!("{}@", database.name)));
    database.run(&format!("CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB"));
    let error = failure(Place::new(&url).unwrap());
    assert!(error.contains("permission denied") && error.contains("grants"), "{error}");
    database.run(&format!(r#"CREATE SCHEMA "Cust1" AUTHORIZATION {role}"#));
    let mut feed = Feed::load(Place::new(&url).unwrap());
    feed.apply(&[change([upsert(1, "one")])]);
    feed.try_apply(&[change([upsert(1, "never")])], false).unwrap();
    // It may end its own earlier connections.
    let mut feed = Feed::load(Place::new(&url).unwrap());
    let mut columns = contact();
    columns.remove(1);
    feed.apply(&[change([upsert(1, "eins"), upsert(2, "two")])]);
    feed.apply(&[Change { columns: Some(columns), ..change([]) }]);
    assert_eq!(database.rows(r#"SELECT * FROM "Cust1".contact"#), ["1", "2"]);
    drop(feed);
    database.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn the_schemas_name_and_the_address_can_hold_the_tenant() {
    let database = Database::new();
    let place = database.place().with_schema("crm_{tenant}_mirror").unwrap();
    let mut feed = Feed::load(place);
    feed.apply(&[change([upsert(1, "one")])]);
    assert_eq!(database.rows(r#"SELECT name FROM "crm_Cust1_mirror".contact"#), ["one"]);
    assert!(matches!(database.place().with_schema("crm"), Err(PostgresError::Address { .. })));
    // A schema of another tenant is not taken for ours.
    database.run(r#"UPDATE "crm_Cust1_mirror"._mirror_state SET tenant = 'Cust2'"#);
    let error = failure(database.place().with_schema("crm_{tenant}_mirror").unwrap());
    assert!(error.contains("is the mirror of tenant Cust2"), "{error}");
    let place = Place::new(database.url().replace(&database.name, "{tenant}")).unwrap();
    assert!(failure(place.with_schema("mirror").unwrap()).contains("database \"Cust1\" does not exist"));
}

/// An authority, and a key and certificate for `localhost` that it signed.
fn certificates() -> (String, String, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    (root.pem(), certificate.pem(), key.serialize_pem())
}

#[test]
fn certificates_are_verified_as_sslmode_says_and_passwords_come_from_files() {
    let hba = "local all all trust\nhost all postgres 127.0.0.1/32 trust\nhostssl all mirror 127.0.0.1/32 scram-sha-256\n";
    let settings = "ssl=on\nssl_cert_file='server.crt'\nssl_key_file='server.key'";
    let server = Server::start(settings, Some(hba));
    let (root, certificate, key) = certificates();
    server.place_file("server.crt", &certificate);
    server.place_file("server.key", &key);
    server.up();
    let database = Database::at(server.url(), "");
    database.run("CREATE ROLE mirror LOGIN PASSWORD 'se:cret'");
    database.run(&format!("GRANT CREATE ON DATABASE {} TO mirror", database.name));
    let files = tempfile::TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (root, stranger) = (file("root.pem", &root), file("stranger.pem", &certificates().0));
    let password = file("password", "se:cret\n");
    let passfile = file("passfile", &format!("*:{}:*:mirror:se\\:cret\n", server.port));
    let place = |host: &str, parameters: &str| {
        Place::new(format!("postgres://mirror@{host}:{}/{}?{parameters}", server.port, database.name))
            .unwrap()
    };
    let with = |host: &str, parameters: &str| place(host, parameters).with_password_file(&password);
    for (host, parameters) in [
        ("127.0.0.1", "sslmode=prefer".to_owned()),
        ("127.0.0.1", "sslmode=require".to_owned()),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={root}")),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={root}")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={root}")),
    ] {
        Postgres::new(with(host, &parameters)).unwrap().load(&tenant()).unwrap();
    }
    for (host, parameters, expected) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), "no encryption"),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={root}"), "TLS"),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={stranger}"), "TLS"),
        ("localhost", format!("sslmode=verify-full&sslrootcert={stranger}"), "TLS"),
        ("localhost", "sslmode=verify-full&sslrootcert=/nowhere.pem".to_owned(), "/nowhere.pem"),
    ] {
        let error = failure(with(host, &parameters));
        assert!(error.contains(expected), "{parameters}: {error}");
    }
    Postgres::new(place("127.0.0.1", &format!("passfile={passfile}"))).unwrap().load(&tenant()).unwrap();
    let wrong = file("wrong", "se:cres");
    let error = failure(place("127.0.0.1", "").with_password_file(wrong));
    assert!(error.contains("password authentication failed") && !error.contains("cres"), "{error}");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&passfile, open).unwrap();
    let error = failure(place("127.0.0.1", &format!("passfile={passfile}")));
    assert!(error.contains("chmod 600") && !error.contains("cret"), "{error}");
}
