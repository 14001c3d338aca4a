//! RSAXML: a key is read as it was written, or not at all.

use arbitrary::{Result, Unstructured};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mirrorbus::auth::Signer;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BigUint, RsaPrivateKey};

use crate::vendor::APPLICATION;

/// The longest key file that is read.
const MAX_FILE_BYTES: usize = 64 * 1024;

/// The first byte chooses: the file as it stands, or a good key with edited numbers.
pub fn key(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    if mode % 2 == 0 {
        let file = rest.get(..MAX_FILE_BYTES).unwrap_or(rest);
        if let Ok(signer) = Signer::read(file) {
            assert_signs(&signer);
        }
    } else {
        edited(rest);
    }
}

/// No number may be another and the file still be read.
fn edited(data: &[u8]) {
    let good = numbers(APPLICATION.application_key());
    let mut numbers = good.clone();
    // Where the generator runs dry, the edits so far are the case.
    let _ = edit(&mut Unstructured::new(data), &mut numbers);
    let is_same = |(one, other): (&Number, &Number)| {
        one.0 == other.0 && BigUint::from_bytes_be(&one.1) == BigUint::from_bytes_be(&other.1)
    };
    let is_good = numbers.len() == good.len() && numbers.iter().zip(&good).all(is_same);
    match Signer::read(xml(&numbers).as_bytes()) {
        Ok(signer) => {
            assert!(is_good, "an edited key was read");
            assert_signs(&signer);
            assert_eq!(signer.public_key(), APPLICATION.application_key().to_public_key());
        }
        Err(error) => assert!(!is_good, "{error}"),
    }
}

fn assert_signs(signer: &Signer) {
    assert!(signer.sign(&"0".repeat(32), 1_600_000_000).is_ok());
    assert!(signer.public_key().n().bits() >= 1024);
}

type Number = (&'static str, Vec<u8>);

fn edit(bytes: &mut Unstructured<'_>, numbers: &mut Vec<Number>) -> Result<()> {
    while !bytes.is_empty() && !numbers.is_empty() {
        let index = bytes.choose_index(numbers.len())?;
        let other = bytes.choose_index(numbers.len())?;
        match bytes.int_in_range(0..=5)? {
            0 => numbers[index].1 = bytes.arbitrary()?,
            1 => numbers[index].1.insert(0, 0),
            2 => numbers[index].1 = numbers[other].1.clone(),
            3 => drop(numbers.remove(index)),
            4 => numbers[index].0 = numbers[other].0,
            _ => {
                if let Some(byte) = numbers[index].1.last_mut() {
                    *byte = bytes.arbitrary()?;
                }
            }
        }
    }
    Ok(())
}

fn numbers(key: &RsaPrivateKey) -> Vec<Number> {
    let one = BigUint::from(1u8);
    let [p, q] = key.primes() else { panic!("a key has two primes") };
    let inverse = key.crt_coefficient().expect("the primes are coprime");
    vec![
        ("Modulus", key.n().to_bytes_be()),
        ("Exponent", key.e().to_bytes_be()),
        ("P", p.to_bytes_be()),
        ("Q", q.to_bytes_be()),
        ("DP", (key.d() % (p - &one)).to_bytes_be()),
        ("DQ", (key.d() % (q - &one)).to_bytes_be()),
        ("InverseQ", inverse.to_bytes_be()),
        ("D", key.d().to_bytes_be()),
    ]
}

fn xml(numbers: &[Number]) -> String {
    let element = |(name, bytes): &Number| format!("<{name}>{}</{name}>", STANDARD.encode(bytes));
    format!("<RSAKeyValue>{}</RSAKeyValue>", numbers.iter().map(element).collect::<String>())
}
