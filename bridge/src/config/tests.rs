//! Every rule breaks in one file, and all of it is told at once.

use std::collections::BTreeSet;
use std::path::PathBuf;

use mirrorbus_schemas::topic::Tenant;
use rsa::traits::PublicKeyParts as _;
use tempfile::TempDir;

use super::*;
use crate::auth::testing::{
    APPLICATION_ID, NOW, Token, certificate_der, other_key, pem, rsa_xml, short_key, vendor_key, xml_numbers,
};
use crate::soap;

/// A folder with the files that a configuration names.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let (key, certificate) =
            (rsa_xml(&xml_numbers(short_key())), pem(&certificate_der(vendor_key(), NOW)));
        folder.write("application-key.xml", &key);
        folder.write("federated-login.crt", &certificate);
        // Where the example and the containers have them.
        folder.write("application/application-key.xml", &key);
        folder.write("application/signing-certificate.pem", &certificate);
        folder.write("keys/application-key.xml", &key);
        folder.write("keys/federated-login.crt", &certificate);
        let (certificate, key) = tls_pair();
        folder.write("tls/certificate.pem", &certificate);
        folder.write("tls/private-key.pem", &key);
        folder.write("kafka-password", "kafka-canary\n");
        folder.write("registry-password", "registry-canary\r\n");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    fn load(&self, text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        self.write("mirrorbus.toml", text);
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(Some(&self.path("mirrorbus.toml")), variables)
    }

    fn faults(&self, text: &str, variables: &[(&str, &str)]) -> Vec<String> {
        let errors = self.load(text, variables).err().map(|errors| errors.to_string()).unwrap_or_default();
        errors.lines().map(str::to_owned).collect()
    }
}

/// A certificate of localhost and its key, in PEM.
fn tls_pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn loaded(result: Result<Config, ConfigErrors>) -> Config {
    result.unwrap_or_else(|errors| panic!("{errors}"))
}

const SMALLEST: &str = r#"
public_url = "https://mirror.example.com/mirroring"
[kafka]
bootstrap_servers = "one:9092,two:9092"
[registry]
url = "http://localhost:8081/apis/ccompat/v7/"
[[applications]]
id = "1234567890abcdef"
prefix = "crm"
private_key_file = "application-key.xml"
certificate_files = ["federated-login.crt"]
"#;

#[test]
fn a_small_file_gets_the_defaults() {
    let config = loaded(Folder::new().load(SMALLEST, &[]));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin_listen.to_string(), "127.0.0.1:9090");
    assert_eq!(config.path, "/MirroringClientService.svc");
    assert_eq!(config.public_url, "https://mirror.example.com/mirroring");
    assert_eq!(config.call_timeout, Duration::from_secs(45));
    assert_eq!(config.limits.max_body_bytes, 32 * 1024 * 1024);
    assert_eq!(config.limits.soap, soap::Limits::default());
    let [application] = config.applications.as_slice() else { panic!("one application") };
    assert_eq!(application.id, APPLICATION_ID);
    assert_eq!(application.registry.url, "http://localhost:8081/apis/ccompat/v7");
    assert_eq!(application.registry.basic, None);
    assert_eq!(application.bus.prefix.as_str(), "crm");
    assert_eq!(application.bus.bootstrap_servers, "one:9092,two:9092");
    assert_eq!((application.bus.replication_factor, application.bus.min_insync_replicas), (3, 2));
    assert_eq!(application.bus.delete_retention, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(application.trust.allowed_tenants, None);
    assert_eq!(application.trust.signer.public_key().n(), short_key().n());
    let token = Token::good().sign(vendor_key());
    assert!(application.trust.accept(&token, NOW).is_ok());
}

#[test]
fn the_example_loads_once_its_files_are_there() {
    let config = loaded(Folder::new().load(EXAMPLE, &[]));
    let small = loaded(Folder::new().load(SMALLEST, &[]));
    assert_eq!(config.limits, small.limits);
    assert_eq!(config.call_timeout, small.call_timeout);
}

#[test]
fn the_containers_configuration_loads_once_its_keys_are_there() {
    let config = loaded(Folder::new().load(include_str!("../../../deploy/mirrorbus.toml"), &[]));
    assert_eq!(config.listen.port(), 8080);
}

/// The example with all optional keys in force, and one more key in each table: every known key must be among those
/// that stand there, and the defaults it shows must be the real ones.
#[test]
fn the_example_has_every_key_and_shows_the_real_defaults() {
    let folder = Folder::new();
    let full: String = EXAMPLE.lines().map(|line| format!("{}\n", uncommented(line))).collect();
    let config = loaded(folder.load(&full, &[]));
    assert_eq!(config.limits, loaded(folder.load(SMALLEST, &[])).limits);
    let application = &config.applications[0];
    assert_eq!(application.bus.properties["sasl.password"], "kafka-canary");
    assert_eq!(application.bus.properties["security.protocol"], "sasl_ssl");
    assert_eq!(application.bus.key_columns["y_car"], ["country", "plate"]);
    assert_eq!(application.registry.basic, Some(("mirrorbus".to_owned(), "registry-canary".to_owned())));
    assert_eq!(application.trust.allowed_tenants, Some([Tenant::new("Cust12345").unwrap()].into()));

    let mut stray = format!("zzz = 1\n{full}");
    for table in ["[limits]", "[tls]", "[kafka]", "[registry]", "[[applications]]"] {
        stray = stray.replace(&format!("\n{table}\n"), &format!("\n{table}\nzzz = 1\n"));
    }
    let faults = folder.faults(&stray, &[]);
    assert_eq!(faults.len(), 6, "{faults:?}");
    for fault in faults {
        let (_, known) = fault.split_once("known are ").unwrap();
        for key in known.split(", ") {
            let stands = full.lines().any(|line| {
                line.starts_with(&format!("{key} = ")) || line.trim_matches(['[', ']']).ends_with(key)
            });
            assert!(stands, "{key} is missing in the example");
        }
    }
}

/// `# key = value` without its `# `.
fn uncommented(line: &str) -> &str {
    let setting = line.strip_prefix("# ").filter(|rest| {
        let key = rest.split(" = ").next().unwrap_or_default();
        key.len() < rest.len() && !key.contains(' ') && !key.contains('"')
    });
    setting.unwrap_or(line)
}

#[test]
fn all_faults_are_told_at_once_each_with_its_key_line_and_rule() {
    let folder = Folder::new();
    folder.write("broken.xml", "<RSAKeyValue></RSAKeyValue>");
    folder.write("broken.crt", "hello");
    folder.write("empty", "\n");
    let text = r#"listen = "localhost"
admin_listen = 9090
public_url = "https://mirror.example.com/?wsdl"
path = "service/{x}"
call_timeout_seconds = 4
color = "blue"
[limits]
max_body_bytes = 33554432
max_bytes_in_flight = 1048576
max_token_bytes = 1000000
max_rows = "many"
max_colums = 5
[kafka]
bootstrap_servers = "one"
replication_factor = 1
min_insync_replicas = 2
[kafka.properties]
acks = 1
transactional.id = "x"
sasl.password = "canary"
socket.keepalive.enable = false
no.such.thing = 1
compression.type = "canary"
linger.ms = [1]
[kafka.property_files]
ssl.key.password = "nowhere"
[registry]
url = "ftp://localhost"
user = "me"
[[applications]]
id = "one id"
prefix = "a.b"
private_key_file = "broken.xml"
certificate_files = ["broken.crt", "nowhere.crt"]
allowed_tenants = ["Cust1", "../x"]
key_columns = { "a b" = [], y_car = "plate" }
[[applications]]
id = "two"
prefix = "crm"
private_key_file = "nowhere.xml"
certificate_files = []
[[applications]]
id = "TWO"
prefix = "crm"
allowed_tenants = []
"#;
    let expected = [
        "listen (line 1): must be an IP address and a port, such as 0.0.0.0:8080",
        "admin_listen (line 2): must be a text that is not empty",
        "public_url (line 3): must be an http or https address without user, query or fragment",
        "path (line 4): must begin with / and have only letters, digits and -._~ between single slashes",
        "call_timeout_seconds (line 5): must be a whole number from 5 to 600",
        "color (line 6): is no known key here; known are admin_listen, applications, call_timeout_seconds, kafka, \
         limits, listen, path, plain_http, public_url, refuse_reused_tokens, registry, tls",
        "limits.max_bytes_in_flight (line 9): must not be below limits.max_body_bytes",
        "limits.max_token_bytes (line 10): must be a whole number from 1024 to 16384",
        "limits.max_rows (line 11): must be a whole number from 1 to 500000",
        "limits.max_colums (line 12): is no known key here; known are body_timeout_seconds, header_timeout_seconds, \
         max_attribute_bytes, max_attributes, max_body_bytes, max_bytes_in_flight, max_columns, max_connections, \
         max_depth, max_header_bytes, max_rows, max_tables, max_token_bytes, max_value_bytes",
        "kafka.bootstrap_servers (line 14): must be host:port, several separated by commas",
        "kafka.min_insync_replicas (line 16): must not be above kafka.replication_factor",
        "kafka.properties.acks (line 18): carries the promise and cannot be set",
        "kafka.properties.transactional.id (line 19): carries the promise and cannot be set",
        "kafka.properties.sasl.password (line 20): is a secret: name a file that holds it, under \
         kafka.property_files",
        "kafka.properties.socket.keepalive.enable (line 21): is set by the bridge itself and cannot be set",
        "kafka.properties.no.such.thing (line 22): librdkafka: No such configuration property: \"no.such.thing\"",
        "kafka.properties.compression.type (line 23): librdkafka: its value is refused",
        "kafka.properties.linger.ms (line 24): must be a text, a number or a truth value",
        "kafka.property_files.ssl.key.password (line 26): nowhere: cannot be read: No such file or directory (os \
         error 2)",
        "registry.url (line 28): must be an http or https address without user, query or fragment",
        "registry.user (line 29): registry.user and registry.password_file go together",
        "applications[0].id (line 31): must be the application id as the vendor gave it, without spn: or blanks",
        "applications[0].prefix (line 32): prefix name does not match ^[A-Za-z][A-Za-z0-9_-]{0,47}$, not ending in \
         -sys or -history",
        "applications[0].private_key_file (line 33): broken.xml: RSAXML has no Modulus: the private key is needed, \
         not the public one",
        "applications[0].certificate_files (line 34): broken.crt: holds no certificate, neither PEM nor DER",
        "applications[0].certificate_files (line 34): nowhere.crt: cannot be read: No such file or directory (os \
         error 2)",
        "applications[0].allowed_tenants (line 35): tenant name does not match ^[A-Za-z][A-Za-z0-9]{0,63}$",
        "applications[0].key_columns.a b (line 36): table name does not match ^[A-Za-z][A-Za-z0-9_]{0,127}$",
        "applications[0].key_columns.a b (line 36): must name each key column once, and one at least",
        "applications[0].key_columns.y_car (line 36): must be a list of texts",
        "applications[1].private_key_file (line 40): nowhere.xml: cannot be read: No such file or directory (os \
         error 2)",
        "applications[1].certificate_files (line 41): must name a file at least: without one no call is accepted",
        "applications[2].id (line 43): is that of applications[1], whatever the case",
        "applications[2].prefix (line 44): is that of applications[1], whatever the case",
        "applications[2].private_key_file (line 42): is missing",
        "applications[2].certificate_files (line 42): is missing",
        "applications[2].allowed_tenants (line 45): must name a tenant at least; without the key all are served",
        "MIRRORBUS_LIMIT__MAX_ROWS: is no setting that a variable can carry",
        "MIRRORBUS_LIMITS__MAX_DEPTH: must be a whole number from 9 to 128",
    ];
    let variables = [("MIRRORBUS_LIMIT__MAX_ROWS", "5"), ("MIRRORBUS_LIMITS__MAX_DEPTH", "deep")];
    let told = folder.faults(text, &variables);
    let (told, expected): (BTreeSet<_>, BTreeSet<_>) =
        (told.iter().map(String::as_str).collect(), expected.into_iter().collect());
    assert_eq!(told.difference(&expected).collect::<Vec<_>>(), Vec::<&&str>::new(), "told, not expected");
    assert_eq!(expected.difference(&told).collect::<Vec<_>>(), Vec::<&&str>::new(), "expected, not told");
}

#[test]
fn every_reserved_property_is_refused_by_name() {
    let folder = Folder::new();
    let properties: String =
        crate::bus::settings::RESERVED_PROPERTIES.iter().map(|name| format!("{name} = \"x\"\n")).collect();
    let text = SMALLEST.replace("[registry]", &format!("[kafka.properties]\n{properties}[registry]"));
    // A key that is another's beginning cannot stand beside it unquoted.
    let text = text.replace("max.in.flight =", "\"max.in.flight\" =");
    let text = text.replace("retries =", "\"retries\" =");
    let faults = folder.faults(&text, &[]);
    assert_eq!(faults.len(), crate::bus::settings::RESERVED_PROPERTIES.len(), "{faults:?}");
    assert!(
        faults.iter().all(|fault| fault.ends_with("carries the promise and cannot be set")),
        "{faults:?}"
    );
}

#[test]
fn an_empty_configuration_lacks_what_has_no_default() {
    let errors = Config::load(None, []).err().unwrap().to_string();
    let expected = [
        "public_url: is missing",
        "kafka.bootstrap_servers: is missing",
        "registry.url: is missing",
        "applications: must have one entry at least: [[applications]]",
    ];
    assert_eq!(errors.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_not_toml_is_told_with_its_lines() {
    let faults = Folder::new().faults("a = \n[kafka\nb = 2\nb = 3\n", &[]);
    assert!(faults.len() >= 2, "{faults:?}");
    assert!(faults.iter().all(|fault| fault.starts_with("not TOML (line ")), "{faults:?}");
    let error = Config::load(Some(Path::new("nowhere.toml")), []).err().unwrap();
    assert!(error.to_string().starts_with("nowhere.toml: cannot be read: "), "{error}");
}

#[test]
fn variables_win_over_the_file() {
    let folder = Folder::new();
    let variables = [
        ("MIRRORBUS_LISTEN", "[::]:81"),
        ("MIRRORBUS_PLAIN_HTTP", "true"),
        ("MIRRORBUS_CALL_TIMEOUT_SECONDS", "30"),
        ("MIRRORBUS_KAFKA__BOOTSTRAP_SERVERS", "three:9092"),
        ("MIRRORBUS_KAFKA__REPLICATION_FACTOR", "1"),
        ("MIRRORBUS_KAFKA__MIN_INSYNC_REPLICAS", "1"),
        ("MIRRORBUS_REGISTRY__USER", "me"),
        ("MIRRORBUS_REGISTRY__PASSWORD_FILE", "registry-password"),
        ("MIRRORBUS_LIMITS__MAX_ROWS", "7"),
        ("MIRRORBUS_TEST_KAFKA", "anything"),
        ("MIRRORBUS_CACHE", "anything"),
        ("MIRRORBUS_LOG", "debug"),
        ("MIRRORBUS_CONFIG", "/etc/mirrorbus.toml"),
        ("PATH", "/bin"),
    ];
    let config = loaded(folder.load(SMALLEST, &variables));
    assert_eq!(config.listen.to_string(), "[::]:81");
    assert_eq!(config.call_timeout, Duration::from_secs(30));
    assert_eq!(config.limits.soap.max_rows, 7);
    let application = &config.applications[0];
    assert_eq!(application.bus.bootstrap_servers, "three:9092");
    assert_eq!(application.registry.basic, Some(("me".to_owned(), "registry-canary".to_owned())));
    let lists = [
        ("MIRRORBUS_APPLICATIONS__ID", "x"),
        ("MIRRORBUS_APPLICATIONS[0]__ID", "x"),
        ("MIRRORBUS_KAFKA__PROPERTIES__ACKS", "0"),
    ];
    assert_eq!(folder.faults(SMALLEST, &lists).len(), 3);
}

#[test]
fn calls_of_other_machines_come_over_tls_or_by_the_operators_word() {
    let folder = Folder::new();
    let tls =
        "[tls]\ncertificate_file = \"tls/certificate.pem\"\nprivate_key_file = \"tls/private-key.pem\"\n";
    let with_tls = SMALLEST.replace("[kafka]", &format!("{tls}[kafka]"));
    let (open, plain) = (("MIRRORBUS_LISTEN", "0.0.0.0:443"), ("MIRRORBUS_PLAIN_HTTP", "true"));
    let open_plain = "MIRRORBUS_LISTEN: takes calls from other machines without TLS: add [tls], or plain_http = true \
                      where a proxy ends TLS";
    assert!(loaded(folder.load(SMALLEST, &[])).tls.is_none(), "this machine's own are welcome");
    assert_eq!(folder.faults(SMALLEST, &[open]), [open_plain]);
    assert!(loaded(folder.load(SMALLEST, &[open, plain])).tls.is_none());
    assert!(loaded(folder.load(&with_tls, &[open])).tls.is_some());
    let both = folder.faults(&with_tls, &[open, plain]);
    assert_eq!(both, ["MIRRORBUS_PLAIN_HTTP: stands beside [tls]: calls come over one of the two"]);
    let maybe = ("MIRRORBUS_PLAIN_HTTP", "maybe");
    assert_eq!(folder.faults(SMALLEST, &[maybe]), ["MIRRORBUS_PLAIN_HTTP: must be true or false"]);
}

#[test]
fn tls_files_that_cannot_be_used_are_a_fault() {
    let folder = Folder::new();
    let tls = |certificate: &str, key: &str| {
        let tls = format!("[tls]\ncertificate_file = \"{certificate}\"\nprivate_key_file = \"{key}\"\n");
        let faults = folder.faults(&SMALLEST.replace("[kafka]", &format!("{tls}[kafka]")), &[]);
        let path = folder.0.path().display().to_string();
        faults.iter().map(|fault| fault.replace(&format!("{path}/"), "")).collect::<Vec<_>>()
    };
    folder.write("tls/other-key.pem", &tls_pair().1);
    folder.write("tls/empty.pem", "");
    assert_eq!(tls("tls/certificate.pem", "tls/private-key.pem"), Vec::<String>::new());
    let key = "tls.certificate_file (line 4): ";
    let table = [
        (
            "nowhere.pem",
            "tls/private-key.pem",
            "nowhere.pem cannot be read: No such file or directory (os error 2)",
        ),
        (
            "tls/certificate.pem",
            "nowhere.pem",
            "nowhere.pem: cannot be read: No such file or directory (os error 2)",
        ),
        (
            "tls/empty.pem",
            "tls/private-key.pem",
            "tls/empty.pem holds no certificate in pem, or one that is malformed",
        ),
        (
            "tls/certificate.pem",
            "tls/empty.pem",
            "tls/empty.pem holds no private key in pem, or one under a password",
        ),
        (
            "tls/certificate.pem",
            "tls/other-key.pem",
            "private key and certificate do not belong together, or cannot be used: keys may not be consistent: \
             KeyMismatch",
        ),
    ];
    for (certificate, private_key, rule) in table {
        assert_eq!(tls(certificate, private_key), [format!("{key}{rule}")]);
    }
    let half = SMALLEST.replace("[kafka]", "[tls]\ncertificate_file = \"tls/certificate.pem\"\n[kafka]");
    let rule = "tls.certificate_file and tls.private_key_file go together";
    assert_eq!(folder.faults(&half, &[]), [format!("{key}{rule}")]);
}

#[test]
fn what_is_forgiven_is_a_warning() {
    let folder = Folder::new();
    let variables = [
        ("MIRRORBUS_PUBLIC_URL", "http://mirror.example.com/"),
        ("MIRRORBUS_KAFKA__MIN_INSYNC_REPLICAS", "1"),
    ];
    let config = loaded(folder.load(SMALLEST, &variables));
    let starts = |now: i64| -> Vec<String> {
        let warnings = config.warnings(now);
        warnings.iter().map(|warning| warning.split(": ").next().unwrap_or_default().to_owned()).collect()
    };
    let expected = ["public_url", "kafka.min_insync_replicas", "applications[0].private_key_file"];
    assert_eq!(starts(NOW), expected);
    assert_eq!(starts(NOW + 1), [expected.as_slice(), &[APPLICATION_ID]].concat());
    let local = [("MIRRORBUS_PUBLIC_URL", "http://localhost:8080/")];
    assert_eq!(loaded(folder.load(SMALLEST, &local)).warnings(NOW).len(), 1);
}

#[test]
fn certificates_of_several_files_are_all_trusted() {
    let folder = Folder::new();
    folder.write("next.crt", &pem(&certificate_der(other_key(), NOW)));
    let text = SMALLEST.replace("[\"federated-login.crt\"]", "[\"federated-login.crt\", \"next.crt\"]");
    let config = loaded(folder.load(&text, &[]));
    let token = Token::good().without_header("kid").without_header("x5t");
    for key in [vendor_key(), other_key()] {
        assert!(config.applications[0].trust.accept(&token.sign(key), NOW).is_ok());
    }
}

#[test]
fn no_secret_stands_in_a_fault() {
    let folder = Folder::new();
    let with = |properties: &str| SMALLEST.replace("[registry]", &format!("{properties}\n[registry]"));
    let texts = [
        with("[kafka.properties]\nsasl.password = \"kafka-canary\""),
        with("[kafka.property_files]\nsecurity.protocol = \"kafka-password\""),
        with("[kafka.property_files]\nacks = \"kafka-password\""),
    ];
    for text in texts {
        let faults = folder.faults(&text, &[]);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(!faults[0].contains("canary"), "{faults:?}");
    }
}
