use super::*;

fn rule(url: &str) -> String {
    check(url).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
}

#[test]
fn addresses_are_urls_without_passwords() {
    for (url, expected) in [
        ("postgres://me@db/mirror", "fine"),
        ("postgresql://me@db:5433,db2:5434/mirror?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem", "fine"),
        ("postgres:///?service=mirror", "fine"),
        ("postgres://me@%2Frun%2Fpostgresql/mirror", "fine"),
        ("postgres://me:secret@db/mirror", "it holds a password"),
        ("postgres://me@db/mirror?password=secret", "it holds a password"),
        ("host=db user=me", "does not begin with postgres://"),
        ("postgres://me@db/mirror?sslmode=sometimes", "sslmode is none of"),
        ("postgres://me@db/mirror?colour=secret", "unknown option"),
        ("postgres://me@db/mirror?sslrootcert=%2", "two hex digits"),
    ] {
        let rule = rule(url);
        assert!(rule.contains(expected), "{url}: {rule}");
        assert!(!rule.contains("secret"), "{rule}");
    }
}
