use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

const KEYS_MAX: usize = 64;
/// Shorter RSA keys can be broken; longer ones only cost time (bits).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// How a token is signed (RFC 7518, section 3.1; RFC 8037). There is no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// A set of keys that tokens are signed with (RFC 7517).
#[derive(Debug, Default)]
pub(crate) struct Keys {
    keys: Vec<Key>,
    /// Keys that are there and cannot be used, for people.
    pub unusable: Vec<String>,
}

/// One key. Its kind decides which algorithms may be used with it, never the token.
#[derive(Debug)]
pub(super) struct Key {
    pub id: Option<String>,
    /// The only algorithm it is for, when it says so.
    algorithm: Option<Algorithm>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
    Secret(Vec<u8>),
}

/// A set that is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeysError {
    NotJson(String),
    TooMany(usize),
    /// There is no key in it that can be used; what is wrong with each.
    NoneUsable(Vec<String>),
}

#[derive(Deserialize)]
struct RawSet {
    keys: Vec<RawKey>,
}

#[derive(Deserialize)]
struct RawKey {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
}

impl Algorithm {
    const NAMES: [(&str, Algorithm); 12] = [
        ("HS256", Algorithm::Hs256),
        ("HS384", Algorithm::Hs384),
        ("HS512", Algorithm::Hs512),
        ("RS256", Algorithm::Rs256),
        ("RS384", Algorithm::Rs384),
        ("RS512", Algorithm::Rs512),
        ("PS256", Algorithm::Ps256),
        ("PS384", Algorithm::Ps384),
        ("PS512", Algorithm::Ps512),
        ("ES256", Algorithm::Es256),
        ("ES384", Algorithm::Es384),
        ("EdDSA", Algorithm::EdDsa),
    ];

    /// By its name in a token's head; in exactly these letters (RFC 7515, section 4.1.1).
    pub(crate) fn named(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name)?;
        Some(found.1)
    }
}

impl Keys {
    /// From a JSON Web Key Set. A key that cannot be used does not spoil the others.
    pub(crate) fn parse(json: &[u8]) -> Result<Keys, KeysError> {
        let set: RawSet =
            serde_json::from_slice(json).map_err(|error| KeysError::NotJson(error.to_string()))?;
        if set.keys.len() > KEYS_MAX {
            return Err(KeysError::TooMany(set.keys.len()));
        }
        let mut keys = Keys::default();
        for raw in set.keys {
            if raw.usage.as_deref().is_some_and(|usage| usage != "sig") {
                continue;
            }
            let name = raw.kid.clone().unwrap_or_else(|| "without kid".to_owned());
            match Key::of(raw) {
                Ok(key) => keys.keys.push(key),
                Err(why) => keys.unusable.push(format!("key {name}: {why}")),
            }
        }
        match keys.keys.is_empty() {
            true => Err(KeysError::NoneUsable(keys.unusable)),
            false => Ok(keys),
        }
    }

    /// Those that may have signed a token: the one it names, or all when it names none.
    pub(super) fn named(&self, id: Option<&str>) -> impl Iterator<Item = &Key> {
        self.keys
            .iter()
            .filter(move |key| id.is_none() || key.id.as_deref() == id)
    }
}

impl Key {
    fn of(raw: RawKey) -> Result<Key, String> {
        let kind = match (raw.kty.as_str(), raw.crv.as_deref()) {
            ("RSA", _) => {
                let (modulus, exponent) = (bytes("n", raw.n)?, bytes("e", raw.e)?);
                let bits = bits(&modulus);
                if !RSA_BITS.contains(&bits) {
                    return Err(format!(
                        "an RSA key of {bits} bits; 2048 to 8192 can be used"
                    ));
                }
                Kind::Rsa { modulus, exponent }
            }
            ("EC", Some("P-256")) => Kind::P256(point(raw.x, raw.y, 32)?),
            ("EC", Some("P-384")) => Kind::P384(point(raw.x, raw.y, 48)?),
            ("OKP", Some("Ed25519")) => Kind::Ed25519(sized("x", raw.x, 32)?),
            ("oct", _) => {
                let secret = bytes("k", raw.k)?;
                if secret.len() < 32 {
                    return Err("a secret of less than 32 bytes can be guessed".to_owned());
                }
                Kind::Secret(secret)
            }
            (kind, curve) => {
                let curve = curve.map(|curve| format!(" {curve}")).unwrap_or_default();
                return Err(format!("keys of kind {kind}{curve} are not known here"));
            }
        };
        let algorithm = match raw.alg.as_deref() {
            None => None,
            Some(name) => {
                Some(Algorithm::named(name).ok_or(format!("alg {name} is not known here"))?)
            }
        };
        Ok(Key {
            id: raw.kid,
            algorithm,
            kind,
        })
    }

    /// Whether a token may use this algorithm with this key.
    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        use Algorithm::*;
        let fits = match self.kind {
            Kind::Rsa { .. } => {
                matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512)
            }
            Kind::P256(_) => algorithm == Es256,
            Kind::P384(_) => algorithm == Es384,
            Kind::Ed25519(_) => algorithm == EdDsa,
            Kind::Secret(_) => matches!(algorithm, Hs256 | Hs384 | Hs512),
        };
        fits && self.algorithm.is_none_or(|only| only == algorithm)
    }

    /// Whether `signature` is this key's for `message`. The key was asked before whether it is for `algorithm`.
    pub(super) fn signed(&self, algorithm: Algorithm, message: &[u8], signed: &[u8]) -> bool {
        use Algorithm::*;
        let by = |scheme: &'static dyn signature::VerificationAlgorithm, point: &[u8]| {
            UnparsedPublicKey::new(scheme, point)
                .verify(message, signed)
                .is_ok()
        };
        match &self.kind {
            Kind::Rsa { modulus, exponent } => {
                let scheme = match algorithm {
                    Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                    Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
                    Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                let key = RsaPublicKeyComponents {
                    n: modulus,
                    e: exponent,
                };
                key.verify(scheme, message, signed).is_ok()
            }
            Kind::P256(point) => by(&signature::ECDSA_P256_SHA256_FIXED, point),
            Kind::P384(point) => by(&signature::ECDSA_P384_SHA384_FIXED, point),
            Kind::Ed25519(point) => by(&signature::ED25519, point),
            Kind::Secret(secret) => {
                let scheme = match algorithm {
                    Hs256 => hmac::HMAC_SHA256,
                    Hs384 => hmac::HMAC_SHA384,
                    Hs512 => hmac::HMAC_SHA512,
                    _ => return false,
                };
                hmac::verify(&hmac::Key::new(scheme, secret), message, signed).is_ok()
            }
        }
    }
}

fn bytes(name: &str, text: Option<String>) -> Result<Vec<u8>, String> {
    let text = text.ok_or(format!("`{name}` is missing"))?;
    let decoded = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
    decoded.map_err(|_| format!("`{name}` is not base64url"))
}

fn sized(name: &str, text: Option<String>, length: usize) -> Result<Vec<u8>, String> {
    let bytes = bytes(name, text)?;
    match bytes.len() == length {
        true => Ok(bytes),
        false => Err(format!(
            "`{name}` has {} bytes instead of {length}",
            bytes.len()
        )),
    }
}

/// An uncompressed point (SEC 1, section 2.3.3). Whether it is on its curve is checked with each signature.
fn point(x: Option<String>, y: Option<String>, length: usize) -> Result<Vec<u8>, String> {
    let (x, y) = (sized("x", x, length)?, sized("y", y, length)?);
    Ok([&[4], &*x, &*y].concat())
}

fn bits(modulus: &[u8]) -> usize {
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus
        .get(zeros)
        .map_or(8, |byte| byte.leading_zeros() as usize);
    ((modulus.len() - zeros) * 8).saturating_sub(first)
}
