//! RSAXML, the text form in which the vendor hands out private keys.
//!
//! `<RSAKeyValue>` with eight numbers in big-endian base64. The numbers say everything twice over, so a damaged file
//! shows: what does not fit together is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Reader;
use quick_xml::events::Event;
use rsa::traits::PrivateKeyParts as _;
use rsa::{BigUint, RsaPrivateKey};
use zeroize::Zeroizing;

use super::sign::KeyError;

const NUMBERS: [&str; 8] = ["Modulus", "Exponent", "P", "Q", "DP", "DQ", "InverseQ", "D"];

/// Reads a key whose numbers belong together.
pub(super) fn read(text: &str) -> Result<RsaPrivateKey, KeyError> {
    let mut numbers = read_numbers(text)?;
    let mut take = |name: &'static str| {
        let index = NUMBERS.iter().position(|known| *known == name);
        index.and_then(|index| numbers.get_mut(index)?.take()).ok_or(KeyError::Missing { name })
    };
    let (modulus, exponent) = (take("Modulus")?, take("Exponent")?);
    let (p, q, d) = (take("P")?, take("Q")?, take("D")?);
    let (dp, dq, inverse) = (take("DP")?, take("DQ")?, take("InverseQ")?);
    let primes = vec![(*p).clone(), (*q).clone()];
    let key = RsaPrivateKey::from_components((*modulus).clone(), (*exponent).clone(), (*d).clone(), primes)
        .map_err(|_| KeyError::Inconsistent)?;
    let one = BigUint::from(1u8);
    let fits = *dp == key.d() % (&*p - &one)
        && *dq == key.d() % (&*q - &one)
        && &*q * &*inverse % &*p == one
        && *inverse < *p;
    if fits { Ok(key) } else { Err(KeyError::Inconsistent) }
}

type Number = Zeroizing<BigUint>;

/// The numbers in the order of [`NUMBERS`].
fn read_numbers(text: &str) -> Result<[Option<Number>; 8], KeyError> {
    let mut reader = Reader::from_str(text);
    let mut numbers: [Option<Number>; 8] = Default::default();
    let mut path = Vec::new();
    let mut finished = false;
    loop {
        match reader.read_event().map_err(|_| KeyError::Xml)? {
            Event::Start(tag) if !finished => path.push(element(path.len(), tag.name().as_ref())?),
            Event::End(_) => {
                path.pop();
                finished = path.is_empty();
            }
            Event::Text(text) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
            Event::Text(text) => {
                let Some(slot) = path.last().copied().flatten().and_then(|index| numbers.get_mut(index))
                else {
                    return Err(KeyError::Xml);
                };
                if slot.replace(number(&text)?).is_some() {
                    return Err(KeyError::Xml);
                }
            }
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof if finished => return Ok(numbers),
            _ => return Err(KeyError::Xml),
        }
    }
}

/// `None` for the root, else the number's place. Other elements, and numbers elsewhere, are errors.
fn element(depth: usize, name: &str) -> Result<Option<usize>, KeyError> {
    match depth {
        0 if name == "RSAKeyValue" => Ok(None),
        1 => match NUMBERS.iter().position(|known| *known == name) {
            Some(index) => Ok(Some(index)),
            None => Err(KeyError::Xml),
        },
        _ => Err(KeyError::Xml),
    }
}

fn number(text: &str) -> Result<Number, KeyError> {
    let digits: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
    let bytes = Zeroizing::new(STANDARD.decode(&*digits).map_err(|_| KeyError::Xml)?);
    Ok(Zeroizing::new(BigUint::from_bytes_be(&bytes)))
}
