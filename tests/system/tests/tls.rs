//! TLS by the bridge itself, over the wire: who is let in, what happens to who stays silent, and a certificate that
//! is renewed under way.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use operations_center::application::Application;
use operations_center::wire::Request;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, version};

use crate::support::bridge::Bridge;
use crate::support::world::application;
use crate::support::{World, wait_until};

/// Who signs the bridge's certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes a new certificate of localhost with its key where the bridge looks for them; gives the certificate.
    fn issue(&self, world: &World) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        write(world, "tls-certificate.pem", &certificate.pem());
        write(world, "tls-key.pem", &key.serialize_pem());
        certificate.der().clone()
    }

    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut client = client.with_root_certificates(roots).with_no_client_auth();
        // A resumed session shows the certificate that it began with.
        client.resumption = rustls::client::Resumption::disabled();
        Arc::new(client)
    }
}

fn write(world: &World, name: &str, text: &str) {
    let (path, draft) = (world.folder().join(name), world.folder().join("draft"));
    std::fs::write(&draft, text).unwrap();
    std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(&draft, &path).unwrap();
}

const TLS: &str = "[tls]\ncertificate_file = \"tls-certificate.pem\"\nprivate_key_file = \"tls-key.pem\"\n";

fn with_tls() -> (World, Authority, Bridge) {
    let (world, authority) = (World::new(), Authority::new());
    authority.issue(&world);
    let bridge = world.bridge_with(&format!("[limits]\nheader_timeout_seconds = 3\n{TLS}"));
    (world, authority, bridge)
}

type Connection = StreamOwned<ClientConnection, TcpStream>;

fn connect(bridge: &Bridge, client: Arc<ClientConfig>) -> std::io::Result<Connection> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(client, name).map_err(std::io::Error::other)?;
    let mut stream = TcpStream::connect(bridge.address())?;
    connection.complete_io(&mut stream)?;
    Ok(StreamOwned::new(connection, stream))
}

fn presented(connection: &Connection) -> CertificateDer<'static> {
    connection.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Asks for the service's page on a connection that stays open.
fn ask(connection: &mut Connection) -> String {
    connection.write_all(b"GET /MirroringClientService.svc HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = vec![0; 12];
    connection.read_exact(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_call_over_tls_is_served_and_one_without_is_not() {
    let (world, authority, bridge) = with_tls();
    let vendor = world.vendor(&bridge);
    let call = vendor.call(&Request::authenticate());
    let root = ureq::tls::Certificate::from_der(authority.0.der()).to_owned();
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::new_with_certs(&[root]))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).build().into();
    let url = bridge.url.replace("http://127.0.0.1", "https://localhost");
    let post = agent.post(&url).header("content-type", "text/xml; charset=utf-8");
    let answer = post.send(&call.body[..]).unwrap().body_mut().read_to_string().unwrap();
    assert!(answer.contains("<IsSuccessful>true"), "{answer}");
    assert!(ureq::get(&bridge.url).call().is_err(), "plain HTTP was answered");
    wait_until("the plain caller is counted", || {
        bridge.metric("mirrorbus_tls_handshakes_failed_total") == Some(1.0)
    });
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let (_world, authority, bridge) = with_tls();
    for spoken in [&version::TLS12, &version::TLS13] {
        let connection = connect(&bridge, authority.client(&[spoken])).unwrap();
        assert_eq!(connection.conn.protocol_version(), Some(spoken.version));
    }
    // A ClientHello of TLS 1.1: version 3.2, an old and common cipher suite, no extensions.
    let mut hello = vec![0x16, 3, 1, 0, 47, 1, 0, 0, 43, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xC0, 0x14, 0, 0x35, 1, 0]);
    let mut stream = TcpStream::connect(bridge.address()).unwrap();
    stream.write_all(&hello).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    // An alert, fatal, and no ServerHello. 70 is protocol_version, 40 handshake_failure.
    assert!(matches!(answer.as_slice(), [0x15, 3, _, 0, 2, 2, 70 | 40]), "{answer:?}");
}

#[test]
fn a_silent_client_is_closed_while_others_are_served() {
    let (_world, authority, bridge) = with_tls();
    let (began, mut silent) = (Instant::now(), TcpStream::connect(bridge.address()).unwrap());
    let client = authority.client(&[&version::TLS13]);
    let mut served = connect(&bridge, Arc::clone(&client)).unwrap();
    assert_eq!(ask(&mut served), "HTTP/1.1 200");
    assert!(began.elapsed() < Duration::from_secs(3), "the others waited: nothing was shown by this test");
    silent.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(silent.read_to_end(&mut Vec::new()).unwrap(), 0, "it was told something");
    let took = began.elapsed();
    assert!((Duration::from_millis(2900)..Duration::from_secs(8)).contains(&took), "{took:?}");
    assert_eq!(bridge.metric("mirrorbus_tls_handshakes_failed_total"), Some(1.0));
    assert!(connect(&bridge, client).is_ok());
}

#[test]
fn a_renewed_certificate_is_taken_over_and_a_broken_one_is_not() {
    let (world, authority) = (World::new(), Authority::new());
    let first = authority.issue(&world);
    let bridge = world.bridge_with(TLS);
    let client = authority.client(&[&version::TLS13]);
    let mut old = connect(&bridge, Arc::clone(&client)).unwrap();
    assert_eq!(presented(&old), first);
    let expiry = bridge.metric("mirrorbus_tls_certificate_expiry_timestamp_seconds");
    assert!(expiry > Some(1.8e9), "{expiry:?}");

    let second = authority.issue(&world);
    let shows = |certificate: &CertificateDer<'_>| {
        presented(&connect(&bridge, Arc::clone(&client)).unwrap()) == *certificate
    };
    wait_until("the second certificate is shown", || shows(&second));
    assert_eq!(ask(&mut old), "HTTP/1.1 200", "a connection of the first certificate goes on");
    let reloads = |outcome: &str| {
        bridge
            .metric(&format!("mirrorbus_certificate_reloads_total{{files=\"tls\",outcome=\"{outcome}\"}}"))
            .unwrap()
    };
    assert!(reloads("ok") >= 1.0);

    let before = reloads("failed");
    write(&world, "tls-certificate.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    wait_until("the broken file is noticed", || reloads("failed") == before + 1.0);
    assert!(shows(&second), "the old certificate stays");
    assert!(bridge.log().contains("the new tls files cannot be used; the old certificate stays"));
    let third = authority.issue(&world);
    wait_until("the third certificate is shown", || shows(&third));
}

#[test]
fn a_certificate_of_the_vendors_comes_and_goes_without_a_restart() {
    let (world, bridge, vendor) = World::with_bridge();
    let accepts = || vendor.later().answer(&Request::authenticate()).is_successful;
    let ours = application().certificate_pem();
    let other = Application::generate_with_key("another", 1024).unwrap();
    assert!(accepts());
    write(&world, "signing-certificate.pem", other.certificate_pem());
    wait_until("the removed certificate is trusted no more", || !accepts());
    write(&world, "signing-certificate.pem", &format!("{}{ours}", other.certificate_pem()));
    wait_until("both are trusted", accepts);
    write(&world, "signing-certificate.pem", "nothing");
    let failed = "mirrorbus_certificate_reloads_total{files=\"vendor\",outcome=\"failed\"}";
    wait_until("the broken file is noticed", || bridge.metric(failed) == Some(1.0));
    assert!(accepts(), "{}", bridge.log());
}
