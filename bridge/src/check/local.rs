//! What needs no network: the configuration, and the files that it names.

use std::path::Path;

use rsa::pkcs8::EncodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use super::{Check, Status};
use crate::auth::{Certificate, Signer};
use crate::config::{Application, Config, ConfigErrors};

/// A certificate's last weeks: time to ask the vendor for the next one.
const ENDS_SOON_SECONDS: i64 = 30 * 24 * 3600;

/// Every fault of a configuration that cannot be used. Nothing else can be looked at then.
pub(super) fn faults(check: &mut Check<'_>, file: &Path, errors: ConfigErrors) {
    for fault in errors.faults {
        let line = fault.line.map(|line| format!(", line {line}")).unwrap_or_default();
        let advice = format!("correct it in {}{line}, then check again", file.display());
        check.fault(fault.key, fault.rule, advice);
    }
}

/// A configuration that can be used. `now` in seconds since 1970.
pub(super) fn check(check: &mut Check<'_>, file: &Path, config: &Config, now: i64) {
    let count = config.applications.len();
    check.ok("configuration", format!("{}: no faults, applications: {count}", file.display()));
    for warning in config.own_warnings() {
        let (key, text) = warning.split_once(": ").unwrap_or(("configuration", warning));
        let (found, advice) = match text.rsplit_once(": ") {
            Some((found, advice)) if key != "public_url" => (found, advice),
            _ => (text, general_advice(key)),
        };
        check.warning(key, found, advice);
    }
    for application in &config.applications {
        key(check, application);
        certificates(check, application, now);
    }
}

fn general_advice(key: &str) -> &'static str {
    match key {
        "public_url" => {
            "register an https address with the vendor, and let a proxy or the bridge end its TLS"
        }
        "kafka.min_insync_replicas" => "use three brokers, replication_factor 3 and min_insync_replicas 2",
        _ => "see `mirrorbus config example` for this key",
    }
}

/// The fingerprint is what `openssl pkey -pubout -outform DER | sha256sum` gives.
fn key(check: &mut Check<'_>, application: &Application) {
    let public = application.trust.signer.public_key();
    let bits = public.n().bits();
    let fingerprint = fingerprint(&application.trust.signer).unwrap_or_else(|| "unknown".to_owned());
    let found = format!("{bits} bits, public key SHA-256 {fingerprint}");
    let item = format!("{} private key", application.id);
    // That it is short stands among the configuration's warnings.
    check.ok(item, found);
}

fn fingerprint(signer: &Signer) -> Option<String> {
    let der = signer.public_key().to_public_key_der().ok()?;
    let digest = Sha256::digest(der.as_bytes());
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn certificates(check: &mut Check<'_>, application: &Application, now: i64) {
    let certificates = application.trust.verifier.trusted().certificates();
    check.ok(format!("{} certificates", application.id), format!("trusted: {}", certificates.len()));
    for certificate in certificates.iter() {
        let (status, advice) = judge(certificate, now);
        let item = format!("{} certificate", application.id);
        let found = format!("{} valid until {}", certificate.thumbprint(), day(certificate.not_after()));
        check.add(item, status, found, advice);
    }
}

fn judge(certificate: &Certificate, now: i64) -> (Status, String) {
    let warnings = certificate.warnings(now);
    if !warnings.is_empty() {
        let texts: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        return (Status::Warning, texts.join("; "));
    }
    if certificate.not_after() < now + ENDS_SOON_SECONDS {
        return (Status::Warning, "ends within 30 days: ask the vendor for the next one".to_owned());
    }
    (Status::Ok, String::new())
}

fn day(seconds: i64) -> String {
    let day = OffsetDateTime::from_unix_timestamp(seconds).ok();
    day.and_then(|day| day.format(format_description!("[year]-[month]-[day]")).ok())
        .unwrap_or_else(|| "a far day".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{NOW, certificate, short_key, vendor_key};

    #[test]
    fn a_certificate_is_judged_by_its_last_day_and_its_key() {
        // The tests' certificates end at NOW.
        let long = certificate(vendor_key());
        let table = [
            (NOW - ENDS_SOON_SECONDS, Status::Ok, ""),
            (NOW - ENDS_SOON_SECONDS + 1, Status::Warning, "ends within 30 days"),
            (NOW, Status::Warning, "ends within 30 days"),
            (NOW + 1, Status::Warning, "has expired"),
        ];
        for (now, status, advice) in table {
            let judged = judge(&long, now);
            assert_eq!(judged.0, status, "{now}");
            assert!(judged.1.contains(advice), "{}", judged.1);
        }
        let (status, advice) = judge(&certificate(short_key()), NOW - 2 * ENDS_SOON_SECONDS);
        assert_eq!(status, Status::Warning);
        assert!(advice.contains("the key has 1024 bits"), "{advice}");
        assert_eq!(day(NOW), "2020-09-13");
    }
}
