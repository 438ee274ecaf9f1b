use ondol_model::{ProjectName, ServiceName};

use super::*;

/// HS256 with the key below, of `ada`; it ends in 2100.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJhZGEiLCJyb2xlIjoiYWRtaW4iLCJleHAiOjQxMDI0NDQ4MDB9.Ksh_HHkujSNtJUmvbPg4xWhflYj26MRgxcS3f3VfgMI";
const END: u64 = 4_102_444_800;
const KEYS: &[u8] =
    br#"{"keys":[{"kty":"oct","kid":"k1","k":"c2VjcmV0LW9mLWF0LWxlYXN0LTMyLWJ5dGVzLWhlcmU"}]}"#;
const OTHERS: &[u8] =
    br#"{"keys":[{"kty":"oct","kid":"k2","k":"YW5vdGhlci1zZWNyZXQtb2YtYXQtbGVhc3QtMzItYnl0ZXM"}]}"#;
const DATE: u64 = 1_800_000_000;
const NOW: Time = Time::from_secs(100);

fn gate(keys: KeySource) -> AuthGate {
    let auth = Auth {
        jwt: Some(JwtAuth {
            keys,
            issuers: Vec::new(),
            audiences: Vec::new(),
            algorithms: Vec::new(),
            claims: BTreeMap::new(),
            cookie: None,
        }),
        ..Auth::default()
    };
    let service = ServiceRef {
        project: ProjectName::new("shop").unwrap(),
        service: ServiceName::new("web").unwrap(),
    };
    let text = String::from_utf8(KEYS.to_vec()).unwrap();
    AuthGate::new(&auth, &service, &[("/keys".into(), text)].into())
}

fn page() -> KeySource {
    KeySource::Page(ServicePage {
        service: ServiceName::new("login").unwrap(),
        port: Some(80),
        path: "/keys".to_owned(),
    })
}

fn look(gate: &AuthGate, date: u64, now: Time) -> String {
    let mut headers = HeaderMap::new();
    let bearer = HeaderValue::from_str(&format!("Bearer {TOKEN}")).unwrap();
    headers.insert(AUTHORIZATION, bearer);
    match gate.look(&headers, date, now) {
        Way::User(user) => user.name.clone(),
        Way::Fetch(page) => page.path,
        Way::Refused(why) => why.unwrap_or_default().to_owned(),
        Way::Check(..) | Way::Forward => "something else".to_owned(),
    }
}

#[test]
fn a_remembered_token_ends_when_its_key_was_taken_back() {
    let gate = gate(page());
    assert_eq!(look(&gate, DATE, NOW), "/keys");
    gate.fetched(Some(KEYS), NOW);
    assert_eq!(look(&gate, DATE, NOW), "ada");
    assert_eq!(look(&gate, DATE, NOW + KEYS_TIME), "ada");
    let later = NOW + KEYS_TIME + Duration::from_secs(1);
    assert_eq!(
        look(&gate, DATE, later),
        "/keys",
        "the keys are asked for again"
    );
    gate.fetched(Some(OTHERS), later);
    assert_eq!(look(&gate, DATE, later), "token_unknown_key");
}

#[test]
fn keys_that_cannot_be_had_again_hold_and_are_asked_for_now_and_then() {
    let gate = gate(page());
    gate.fetched(Some(KEYS), NOW);
    let later = NOW + KEYS_TIME * 2;
    assert_eq!(look(&gate, DATE, later), "/keys");
    gate.fetched(None, later);
    assert_eq!(look(&gate, DATE, later), "ada");
    assert_eq!(look(&gate, DATE, later + KEYS_PAUSE), "/keys");
}

#[test]
fn a_clock_that_jumps_ends_a_token_in_time_and_gives_it_back() {
    let gate = gate(KeySource::File("/keys".into()));
    assert_eq!(look(&gate, DATE, NOW), "ada");
    // Far ahead, back, and before the time at which it was first seen.
    assert_eq!(look(&gate, END + 61, NOW), "token_expired");
    assert_eq!(look(&gate, DATE, NOW), "ada");
    assert_eq!(
        look(&gate, 0, NOW),
        "ada",
        "it does not say from when on it holds"
    );
}
