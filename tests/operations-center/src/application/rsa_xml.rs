//! RSAXML, the text form in which .NET and the vendor hand out private keys.
//!
//! Every number is big-endian base64. .NET insists on exact lengths: the modulus' for `Modulus` and `D`, half of
//! it for the others, so shorter numbers are padded with zeros in front.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BigUint, RsaPrivateKey};

/// The key as `<RSAKeyValue>`.
pub(super) fn write(key: &RsaPrivateKey) -> String {
    let (whole, half) = (key.size(), key.size().div_ceil(2));
    let one = BigUint::from(1u8);
    let (zero, primes) = (BigUint::default(), key.primes());
    let (p, q) = (primes.first().unwrap_or(&zero), primes.get(1).unwrap_or(&zero));
    let inverse = key.crt_coefficient().unwrap_or_default();
    let elements = [
        ("Modulus", number(key.n(), whole)),
        ("Exponent", number(key.e(), 1)),
        ("P", number(p, half)),
        ("Q", number(q, half)),
        ("DP", number(&(key.d() % (p - &one)), half)),
        ("DQ", number(&(key.d() % (q - &one)), half)),
        ("InverseQ", number(&inverse, half)),
        ("D", number(key.d(), whole)),
    ];
    let inner: String = elements.iter().map(|(name, text)| format!("<{name}>{text}</{name}>")).collect();
    format!("<RSAKeyValue>{inner}</RSAKeyValue>")
}

fn number(value: &BigUint, length: usize) -> String {
    let digits = value.to_bytes_be();
    let mut bytes = vec![0; length.saturating_sub(digits.len())];
    bytes.extend_from_slice(&digits);
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::application;

    fn element(xml: &str, name: &str) -> Vec<u8> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let start = xml.find(&open).unwrap() + open.len();
        STANDARD.decode(&xml[start..start + xml[start..].find(&close).unwrap()]).unwrap()
    }

    #[test]
    fn the_numbers_belong_together_and_have_dotnets_lengths() {
        let key = application().application_key().clone();
        let xml = write(&key);
        let big = |name: &str| BigUint::from_bytes_be(&element(&xml, name));
        assert_eq!(element(&xml, "D").len(), key.size());
        assert_eq!(element(&xml, "DP").len(), key.size() / 2);
        assert_eq!(element(&xml, "Exponent"), [1, 0, 1]);
        assert_eq!(big("P") * big("Q"), big("Modulus"));
        assert_eq!(big("Q") * big("InverseQ") % big("P"), BigUint::from(1u8));
    }
}
