use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::jwk::{Algorithm, Keys};

/// Longer tokens are not read: they cost time before anything is known of who sent them (bytes).
const TOKEN_BYTES_MAX: usize = 16 << 10;
/// How far the clocks of two machines may be apart (seconds).
const LEEWAY: u64 = 60;

/// What a token must say. Every list that is not empty must be met by one of its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub issuers: Vec<String>,
    pub audiences: Vec<String>,
    /// Those that may be used; empty is every one that a key is for.
    pub algorithms: Vec<Algorithm>,
}

/// What a token says of who it is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claims {
    pub all: Map<String, Value>,
    /// When it ends (seconds since 1970).
    pub expires: u64,
}

/// Why a token is not believed. The word stands in `WWW-Authenticate` and in the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    TooLong,
    Malformed,
    /// `none`, an unknown one, one that is not allowed, or one that its key is not for.
    Algorithm,
    /// It has an extension that must be understood (RFC 7515, section 4.1.11).
    Critical,
    UnknownKey,
    Signature,
    /// It never ends: it would be good for ever in the wrong hands.
    NoExpiry,
    Expired,
    NotYet,
    Issuer,
    Audience,
}

impl Invalid {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Invalid::TooLong => "token_too_long",
            Invalid::Malformed => "token_malformed",
            Invalid::Algorithm => "token_algorithm",
            Invalid::Critical => "token_extension",
            Invalid::UnknownKey => "token_unknown_key",
            Invalid::Signature => "token_signature",
            Invalid::NoExpiry => "token_no_expiry",
            Invalid::Expired => "token_expired",
            Invalid::NotYet => "token_not_yet",
            Invalid::Issuer => "token_issuer",
            Invalid::Audience => "token_audience",
        }
    }
}

impl Claims {
    /// A claim as text for a header; lists are joined by commas. `None` when it is not there or has no such form.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        fn one(value: &Value) -> Option<String> {
            match value {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Bool(truth) => Some(truth.to_string()),
                _ => None,
            }
        }
        match self.all.get(name)? {
            Value::Array(values) => {
                let texts: Option<Vec<_>> = values.iter().map(one).collect();
                Some(texts?.join(","))
            }
            value => one(value),
        }
    }
}

/// Reads a signed token (RFC 7519 in the compact form of RFC 7515) and believes it only when one of `keys` signed
/// it. Of its head only `alg`, `kid` and `crit` are looked at: where keys come from is never the token's to say
/// (RFC 8725, section 3.10). `now` is in seconds since 1970.
pub(crate) fn verify(
    token: &str,
    keys: &Keys,
    expected: &Expected,
    now: u64,
) -> Result<Claims, Invalid> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Invalid::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Invalid::Malformed)?;
    let (head, claims) = message.split_once('.').ok_or(Invalid::Malformed)?;
    let head = object(head)?;
    if head.contains_key("crit") {
        return Err(Invalid::Critical);
    }
    let text = |name| match head.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Invalid::Malformed),
    };
    let algorithm = text("alg")?.ok_or(Invalid::Malformed)?;
    let algorithm = Algorithm::named(algorithm).ok_or(Invalid::Algorithm)?;
    if !expected.algorithms.is_empty() && !expected.algorithms.contains(&algorithm) {
        return Err(Invalid::Algorithm);
    }
    let signature = decode(signature)?;
    let (mut any, mut fitting, mut signed) = (false, false, false);
    for key in keys.named(text("kid")?) {
        any = true;
        if key.is_for(algorithm) {
            fitting = true;
            signed |= key.signed(algorithm, message.as_bytes(), &signature);
        }
    }
    match (any, fitting, signed) {
        (false, ..) => Err(Invalid::UnknownKey),
        (_, false, _) => Err(Invalid::Algorithm),
        (.., false) => Err(Invalid::Signature),
        (.., true) => check(object(claims)?, expected, now),
    }
}

fn check(all: Map<String, Value>, expected: &Expected, now: u64) -> Result<Claims, Invalid> {
    let time = |name| match all.get(name) {
        None => Ok(None),
        // A date may have a fraction (RFC 7519, section 2); its whole seconds are enough.
        Some(value) => match value.as_f64() {
            Some(seconds) if seconds >= 0.0 => Ok(Some(seconds as u64)),
            _ => Err(Invalid::Malformed),
        },
    };
    let expires = time("exp")?.ok_or(Invalid::NoExpiry)?;
    if now >= expires.saturating_add(LEEWAY) {
        return Err(Invalid::Expired);
    }
    if time("nbf")?.is_some_and(|from| now.saturating_add(LEEWAY) < from) {
        return Err(Invalid::NotYet);
    }
    let says = |name, wanted: &[String]| {
        let one = |value: &Value| {
            value
                .as_str()
                .is_some_and(|text| wanted.iter().any(|w| w == text))
        };
        match all.get(name) {
            Some(Value::Array(values)) if name == "aud" => values.iter().any(one),
            Some(value) => one(value),
            None => false,
        }
    };
    if !expected.issuers.is_empty() && !says("iss", &expected.issuers) {
        return Err(Invalid::Issuer);
    }
    // A token for somebody else must not be accepted here, also when nothing was said of whom it should be for.
    if !expected.audiences.is_empty() && !says("aud", &expected.audiences) {
        return Err(Invalid::Audience);
    }
    Ok(Claims { expires, all })
}

fn object(part: &str) -> Result<Map<String, Value>, Invalid> {
    serde_json::from_slice(&decode(part)?).map_err(|_| Invalid::Malformed)
}

fn decode(part: &str) -> Result<Vec<u8>, Invalid> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Invalid::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::hmac;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

    use super::super::KeysError;
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn part(json: &str) -> String {
        URL_SAFE_NO_PAD.encode(json)
    }

    fn claims(rest: &str) -> String {
        format!(r#"{{"sub":"ada","exp":{}{rest}}}"#, NOW + 100)
    }

    /// A P-256 key as it signs, and as others know it.
    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            let random = SystemRandom::new();
            let scheme = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let document = EcdsaKeyPair::generate_pkcs8(scheme, &random).unwrap();
            Signer(EcdsaKeyPair::from_pkcs8(scheme, document.as_ref(), &random).unwrap())
        }

        fn keys(&self) -> Keys {
            let point = self.0.public_key().as_ref();
            let (x, y) = (
                URL_SAFE_NO_PAD.encode(&point[1..33]),
                URL_SAFE_NO_PAD.encode(&point[33..]),
            );
            let set = format!(
                r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"k1","use":"sig","x":"{x}","y":"{y}"}}]}}"#
            );
            Keys::parse(set.as_bytes()).unwrap()
        }

        fn sign(&self, head: &str, claims: &str) -> String {
            let message = format!("{}.{}", part(head), part(claims));
            let signed = self
                .0
                .sign(&SystemRandom::new(), message.as_bytes())
                .unwrap();
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(signed))
        }
    }

    const HEAD: &str = r#"{"alg":"ES256","kid":"k1"}"#;

    fn invalid(token: &str, keys: &Keys, expected: &Expected) -> Option<Invalid> {
        verify(token, keys, expected, NOW).err()
    }

    #[test]
    fn a_token_of_a_known_key_is_believed() {
        let signer = Signer::new();
        let token = signer.sign(HEAD, &claims(r#","roles":["a","b"],"age":7"#));
        let claims = verify(&token, &signer.keys(), &Expected::default(), NOW).unwrap();
        assert_eq!(claims.text("sub").unwrap(), "ada");
        assert_eq!(claims.text("roles").unwrap(), "a,b");
        assert_eq!(claims.text("age").unwrap(), "7");
        assert_eq!(claims.text("none"), None);
        let unnamed = signer.sign(r#"{"alg":"ES256"}"#, &self::claims(""));
        assert_eq!(
            invalid(&unnamed, &signer.keys(), &Expected::default()),
            None
        );
    }

    #[test]
    fn the_classes_of_attack_on_tokens_are_refused() {
        let signer = Signer::new();
        let (keys, expected) = (signer.keys(), Expected::default());
        let unsigned = |head: &str| format!("{}.{}.", part(head), part(&claims("")));
        for head in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"None","kid":"k1"}"#,
            r#"{"alg":"nOnE"}"#,
        ] {
            assert_eq!(
                invalid(&unsigned(head), &keys, &expected),
                Some(Invalid::Algorithm),
                "{head}"
            );
        }
        assert_eq!(
            invalid(&unsigned(HEAD), &keys, &expected),
            Some(Invalid::Signature)
        );

        // The public key used as the secret of an HMAC.
        let public = signer.0.public_key().as_ref();
        let message = format!(
            "{}.{}",
            part(r#"{"alg":"HS256","kid":"k1"}"#),
            part(&claims(""))
        );
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, public),
            message.as_bytes(),
        );
        let confused = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()));
        assert_eq!(
            invalid(&confused, &keys, &expected),
            Some(Invalid::Algorithm)
        );
    }

    #[test]
    fn where_keys_come_from_is_not_the_tokens_to_say() {
        let (signer, other) = (Signer::new(), Signer::new());
        let (keys, expected) = (signer.keys(), Expected::default());
        // A key of the attacker's, inside the token or behind an address.
        for extra in [
            r#""jwk":{"kty":"EC"}"#,
            r#""jku":"http://evil/""#,
            r#""x5u":"http://evil/""#,
        ] {
            let head = format!(r#"{{"alg":"ES256","kid":"k1",{extra}}}"#);
            assert_eq!(
                invalid(&other.sign(&head, &claims("")), &keys, &expected),
                Some(Invalid::Signature)
            );
        }
        for kid in ["k2", "../../dev/null", "' or 1=1"] {
            let head = format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#);
            assert_eq!(
                invalid(&signer.sign(&head, &claims("")), &keys, &expected),
                Some(Invalid::UnknownKey)
            );
        }
        let critical = signer.sign(r#"{"alg":"ES256","kid":"k1","crit":["exp"]}"#, &claims(""));
        assert_eq!(
            invalid(&critical, &keys, &expected),
            Some(Invalid::Critical)
        );
    }

    #[test]
    fn what_was_changed_after_it_was_signed_is_refused() {
        let signer = Signer::new();
        let (keys, expected) = (signer.keys(), Expected::default());
        let good = signer.sign(HEAD, &claims(""));
        // Claims exchanged, a signature of zeros (CVE-2022-21449), trailing parts.
        let parts: Vec<_> = good.split('.').collect();
        let exchanged = format!(
            "{}.{}.{}",
            parts[0],
            part(&claims(r#","admin":true"#)),
            parts[2]
        );
        assert_eq!(
            invalid(&exchanged, &keys, &expected),
            Some(Invalid::Signature)
        );
        let zeros = format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            URL_SAFE_NO_PAD.encode([0; 64])
        );
        assert_eq!(invalid(&zeros, &keys, &expected), Some(Invalid::Signature));
        assert!(invalid(&format!("{good}.x"), &keys, &expected).is_some());
        assert_eq!(
            invalid(&"a".repeat(20_000), &keys, &expected),
            Some(Invalid::TooLong)
        );
    }

    #[test]
    fn times_are_checked_with_some_leeway() {
        let signer = Signer::new();
        let keys = signer.keys();
        let check =
            |claims: String| invalid(&signer.sign(HEAD, &claims), &keys, &Expected::default());
        assert_eq!(
            check(r#"{"sub":"ada"}"#.to_owned()),
            Some(Invalid::NoExpiry)
        );
        assert_eq!(check(format!(r#"{{"exp":{}}}"#, NOW - 59)), None);
        assert_eq!(
            check(format!(r#"{{"exp":{}}}"#, NOW - 60)),
            Some(Invalid::Expired)
        );
        assert_eq!(check(format!(r#"{{"exp":{}.5}}"#, NOW + 5)), None);
        assert_eq!(
            check(format!(r#"{{"exp":"{}"}}"#, NOW + 5)),
            Some(Invalid::Malformed)
        );
        assert_eq!(check(claims(&format!(r#","nbf":{}"#, NOW + 60))), None);
        assert_eq!(
            check(claims(&format!(r#","nbf":{}"#, NOW + 61))),
            Some(Invalid::NotYet)
        );
    }

    #[test]
    fn it_must_be_from_and_for_whom_is_expected() {
        let signer = Signer::new();
        let keys = signer.keys();
        let expected = Expected {
            issuers: vec!["https://login".to_owned()],
            audiences: vec!["shop".to_owned(), "api".to_owned()],
            ..Expected::default()
        };
        let check = |rest: &str| invalid(&signer.sign(HEAD, &claims(rest)), &keys, &expected);
        assert_eq!(check(r#","iss":"https://login","aud":"api""#), None);
        assert_eq!(check(r#","iss":"https://login","aud":["x","shop"]"#), None);
        assert_eq!(
            check(r#","iss":"https://login","aud":"other""#),
            Some(Invalid::Audience)
        );
        assert_eq!(check(r#","iss":"https://login""#), Some(Invalid::Audience));
        assert_eq!(
            check(r#","iss":["https://login"],"aud":"api""#),
            Some(Invalid::Issuer)
        );
    }

    #[test]
    fn a_key_is_for_its_own_algorithms_only() {
        let random = SystemRandom::new();
        let pair = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#);
        let keys = Keys::parse(set.as_bytes()).unwrap();
        let sign = |head: &str| {
            let message = format!("{}.{}", part(head), part(&claims("")));
            format!(
                "{message}.{}",
                URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()))
            )
        };
        assert_eq!(
            invalid(&sign(r#"{"alg":"EdDSA"}"#), &keys, &Expected::default()),
            None
        );
        assert_eq!(
            invalid(&sign(r#"{"alg":"ES256"}"#), &keys, &Expected::default()),
            Some(Invalid::Algorithm)
        );
        let only = Expected {
            algorithms: vec![Algorithm::Rs256],
            ..Expected::default()
        };
        assert_eq!(
            invalid(&sign(r#"{"alg":"EdDSA"}"#), &keys, &only),
            Some(Invalid::Algorithm)
        );
    }

    #[test]
    fn rfc_7515_has_an_example_with_rsa_and_one_with_hmac() {
        // Appendix A.2: the key and the signature; its claims ended in 2011.
        let rsa = r#"{"keys":[{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}]}"#;
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        let keys = Keys::parse(rsa.as_bytes()).unwrap();
        assert_eq!(
            verify(token, &keys, &Expected::default(), 1_300_819_379).map(|c| c.expires),
            Ok(1_300_819_380)
        );
        let broken = token.replace(".cC4h", ".cC5h");
        assert_eq!(
            invalid(&broken, &keys, &Expected::default()),
            Some(Invalid::Signature)
        );

        // Appendix A.1.
        let oct = r#"{"keys":[{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}]}"#;
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let keys = Keys::parse(oct.as_bytes()).unwrap();
        assert!(verify(token, &keys, &Expected::default(), 1_300_819_379).is_ok());
    }

    #[test]
    fn weak_and_strange_keys_are_named_and_do_not_spoil_the_others() {
        let weak = URL_SAFE_NO_PAD.encode([0xff; 128]);
        let set = format!(
            r#"{{"keys":[
                {{"kty":"RSA","kid":"weak","n":"{weak}","e":"AQAB"}},
                {{"kty":"EC","crv":"secp256k1","kid":"coin"}},
                {{"kty":"oct","kid":"short","k":"AAAA"}},
                {{"kty":"RSA","use":"enc","n":"AA","e":"AQAB"}}
            ]}}"#
        );
        let Err(KeysError::NoneUsable(why)) = Keys::parse(set.as_bytes()) else {
            panic!("none of them can be used")
        };
        assert_eq!(why.len(), 3, "{why:?}");
        assert!(
            why[0].contains("weak") && why[0].contains("1024"),
            "{why:?}"
        );
        assert!(matches!(Keys::parse(b"{"), Err(KeysError::NotJson(_))));
    }

    proptest! {
        #[test]
        fn no_text_is_believed_and_none_panics(token in "[A-Za-z0-9_.=-]{0,200}") {
            let signer = Signer::new();
            prop_assert!(verify(&token, &signer.keys(), &Expected::default(), NOW).is_err());
        }
    }
}
