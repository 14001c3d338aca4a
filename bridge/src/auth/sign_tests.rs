//! Keys in every form the vendor or openssl writes, and what must never be signed.

use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use rsa::traits::PrivateKeyParts as _;

use std::fs;
use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::auth::testing::{NONCE, NOW, other_key, rsa_xml, short_key, signer, vendor_key, xml_numbers};

fn xml(key: &RsaPrivateKey) -> String {
    rsa_xml(&xml_numbers(key))
}

/// RSAXML of the short key with one number replaced, or left out.
fn xml_with(name: &str, number: Option<Vec<u8>>) -> String {
    let mut numbers = xml_numbers(short_key());
    let place = numbers.iter().position(|(known, _)| *known == name).unwrap();
    match number {
        Some(number) => numbers[place].1 = number,
        None => drop(numbers.remove(place)),
    }
    rsa_xml(&numbers)
}

fn refusal(file: &str) -> KeyError {
    Signer::read(file.as_bytes()).unwrap_err()
}

#[test]
fn a_key_is_read_in_all_forms() {
    let key = short_key();
    let xml = xml(key);
    let pretty = xml.replace("><", ">\r\n  <").replace("</Modulus>", "\n</Modulus>");
    let files = [
        xml.clone(),
        format!("\u{feff}\r\n  {xml}\n"),
        format!("<?xml version=\"1.0\"?>\n<!-- the vendor's -->\n{pretty}"),
        key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string(),
        format!("\u{feff}{}", *key.to_pkcs8_pem(LineEnding::CRLF).unwrap()),
        key.to_pkcs1_pem(LineEnding::LF).unwrap().to_string(),
    ];
    for file in files {
        let signer = Signer::read(file.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(signer.key, *key);
    }
    assert_eq!(Signer::read(self::xml(vendor_key()).as_bytes()).unwrap().key, *vendor_key());
}

#[test]
fn a_damaged_key_is_refused() {
    for (name, bytes) in xml_numbers(short_key()) {
        let mut damaged = bytes.clone();
        *damaged.last_mut().unwrap() ^= 2;
        assert!(matches!(refusal(&xml_with(name, Some(damaged))), KeyError::Inconsistent), "{name}");
        for number in [vec![], vec![0], vec![1]] {
            let error = refusal(&xml_with(name, Some(number)));
            assert!(matches!(error, KeyError::Inconsistent | KeyError::Missing { .. }), "{name}: {error}");
        }
        assert!(
            matches!(refusal(&xml_with(name, None)), KeyError::Missing { name: missing } if missing == name)
        );
    }
    let of_another = xml_numbers(other_key()).swap_remove(2).1;
    assert!(matches!(refusal(&xml_with("P", Some(of_another))), KeyError::Inconsistent));
    let other_inverse = &short_key().crt_coefficient().unwrap() + &short_key().primes()[0];
    assert!(matches!(
        refusal(&xml_with("InverseQ", Some(other_inverse.to_bytes_be()))),
        KeyError::Inconsistent
    ));
}

#[test]
fn what_is_no_key_is_refused() {
    let good = xml(short_key());
    let pem = short_key().to_pkcs8_pem(LineEnding::LF).unwrap();
    let table = [
        (String::new(), "is none of RSAXML, PKCS#8 PEM and PKCS#1 PEM in UTF-8"),
        ("hello".to_owned(), "is none of RSAXML, PKCS#8 PEM and PKCS#1 PEM in UTF-8"),
        (pem.replace("PRIVATE", "PUBLIC"), "is none of RSAXML, PKCS#8 PEM and PKCS#1 PEM in UTF-8"),
        (pem.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE"), ENCRYPTED),
        (pem.replace("\nM", "\nN"), "holds no RSA private key, or one whose numbers do not belong together"),
        (good.replace("RSAKeyValue", "Key"), "is malformed RSAXML"),
        (good.replace("<P>", "<P><Q/>"), "is malformed RSAXML"),
        (good.replace("<P>", "<P>!"), "is malformed RSAXML"),
        (good.replace("<P>", "text<P>"), "is malformed RSAXML"),
        (good.replace("</RSAKeyValue>", ""), "is malformed RSAXML"),
        (good.replace("</RSAKeyValue>", "<P>AA==</P></RSAKeyValue>"), "is malformed RSAXML"),
        (format!("{good}{good}"), "is malformed RSAXML"),
        (format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{good}"), "is malformed RSAXML"),
    ];
    for (file, text) in table {
        assert_eq!(refusal(&file).to_string(), text);
    }
    assert!(matches!(Signer::read(b"\xff\xfe<\0"), Err(KeyError::Unknown)));
}

const ENCRYPTED: &str = "is encrypted: store it without a password, readable by its owner only";

#[test]
fn a_key_too_short_to_protect_is_refused() {
    let key = RsaPrivateKey::new(&mut OsRng, 1016).unwrap();
    assert!(matches!(refusal(&xml(&key)), KeyError::Length { bits: 1016 }));
}

#[test]
fn the_answer_carries_nonce_minute_and_a_signature_that_the_vendor_can_check() {
    let signer = Signer::read(xml(short_key()).as_bytes()).unwrap();
    let answer = signer.sign(NONCE, NOW).unwrap();
    let (message, signature) = answer.rsplit_once('.').unwrap();
    assert_eq!(message, format!("{NONCE}.202009131226"));
    let signature = STANDARD.decode(signature).unwrap();
    let digest = Sha256::digest(message);
    short_key().to_public_key().verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).unwrap();
}

/// F7: the same format is a credential of the vendor's when something else stands in the nonce's place.
#[test]
fn only_nonces_are_signed() {
    let signer = Signer::read(xml(short_key()).as_bytes()).unwrap();
    let (short, long) = (&NONCE[1..], format!("{NONCE}0"));
    let with_dot = NONCE.replace("3", ".");
    for text in [
        "",
        short,
        &long,
        &with_dot,
        &format!("{short}\n"),
        &format!("{short}é"),
        "Application Name-pzqc70604i",
    ] {
        assert_eq!(signer.sign(text, NOW), Err(SignError::Nonce), "{text:?}");
    }
    assert_eq!(signer.sign(NONCE, i64::MAX), Err(SignError::Clock));
    assert_eq!(signer.sign(NONCE, -100_000_000_000), Err(SignError::Clock));
}

#[test]
fn debug_output_shows_no_key() {
    let signer = Signer::read(xml(short_key()).as_bytes()).unwrap();
    assert_eq!(format!("{signer:?}"), "Signer { bits: 1024, .. }");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_write_is_refused_and_one_they_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.xml");
    fs::write(&path, xml(vendor_key())).unwrap();
    let load = |mode| {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Signer::from_file(&path).map(|(_, warnings)| warnings)
    };
    assert_eq!(load(0o400).unwrap(), []);
    assert_eq!(load(0o600).unwrap(), []);
    for mode in [0o440, 0o644] {
        assert_eq!(load(mode).unwrap(), [Warning::ReadableByOthers { path: path.clone(), mode }]);
    }
    for mode in [0o620, 0o666] {
        assert!(
            matches!(load(mode), Err(KeyError::Secret(SecretError::WritableByOthers { mode: told })) if told == mode)
        );
    }
    fs::write(&path, xml(short_key())).unwrap();
    assert_eq!(load(0o600).unwrap(), [Warning::ShortKey { bits: 1024 }]);
    let error = |path: &std::path::Path| Signer::from_file(path).unwrap_err();
    assert!(matches!(error(folder.path()), KeyError::Secret(SecretError::Kind)));
    assert!(matches!(error(&folder.path().join("none")), KeyError::Secret(SecretError::File(_))));
}

proptest! {
    /// Nothing gets a signature but `^[0-9A-Fa-f]{32}\.[0-9]{12}$`, whatever is asked for.
    #[test]
    fn p10_the_key_signs_one_language_and_no_other(
        text in "[0-9A-Fa-f]{32}|[0-9A-Fa-f]{30,34}|[0-9A-Fa-f]{31}[.\n G-Zé]|\\PC{0,40}",
        now in prop_oneof![Just(NOW), any::<i64>(), -62_167_219_200..253_402_300_800i64],
    ) {
        static SIGNER: OnceLock<Signer> = OnceLock::new();
        let signer = SIGNER.get_or_init(signer);
        let is_nonce = text.len() == 32 && text.chars().all(|c| c.is_ascii_hexdigit());
        match signer.sign(&text, now) {
            Err(error) => prop_assert!(!is_nonce || error == SignError::Clock, "{error}"),
            Ok(answer) => {
                prop_assert!(is_nonce);
                let [nonce, minute, signature] = answer.split('.').collect::<Vec<_>>().try_into().unwrap();
                prop_assert_eq!(nonce, &text);
                prop_assert!(minute.len() == 12 && minute.bytes().all(|byte| byte.is_ascii_digit()), "{}", minute);
                let digest = Sha256::digest(format!("{nonce}.{minute}"));
                let signature = STANDARD.decode(signature).unwrap();
                let public = signer.public_key();
                prop_assert!(public.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).is_ok());
            }
        }
    }
}
