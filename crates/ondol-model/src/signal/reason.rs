use serde::{Deserialize, Serialize};

use super::Refusal;

/// Why an answer is not the one that the service gave just now. The word is the value of the `x-ondol-reason` header,
/// of `reason` in records and of the label of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reason {
    /// The request was not served, or its answer is one that stands in for the service's.
    Refused(Refusal),
    /// The proxy answered, as it is asked to.
    Local(Local),
}

impl Reason {
    /// The word shown to people and machines.
    pub fn word(self) -> &'static str {
        match self {
            Reason::Refused(refusal) => refusal.word(),
            Reason::Local(local) => local.word(),
        }
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        Reason::Refused(refusal)
    }
}

impl From<Local> for Reason {
    fn from(local: Local) -> Self {
        Reason::Local(local)
    }
}

/// An answer that needs no service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Local {
    /// The route sends elsewhere, or a request without TLS is sent to where there is.
    Redirect,
    /// The route has an answer of its own.
    Static,
    /// A browser asked beforehand whether a page may ask (Fetch standard, CORS protocol).
    Preflight,
    /// An authority's question (RFC 8555, section 8.3).
    Challenge,
    /// The server that decides who may ask answered in the service's place.
    ForwardAuth,
    /// A stored answer that holds.
    CacheHit,
    /// A stored answer that does not hold any more: a newer one is being fetched, or the service failed.
    CacheStale,
}

impl Local {
    /// The word shown to people and machines.
    pub fn word(self) -> &'static str {
        match self {
            Local::Redirect => "redirect",
            Local::Static => "static",
            Local::Preflight => "preflight",
            Local::Challenge => "challenge",
            Local::ForwardAuth => "forward_auth",
            Local::CacheHit => "cache_hit",
            Local::CacheStale => "cache_stale",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_its_word_and_nothing_else() {
        let reasons = [
            Reason::from(Refusal::NoRoute),
            Refusal::ClientGone.into(),
            Local::CacheStale.into(),
            Local::ForwardAuth.into(),
        ];
        for reason in reasons {
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(json, format!("\"{}\"", reason.word()));
            assert_eq!(serde_json::from_str::<Reason>(&json).unwrap(), reason);
        }
        assert!(serde_json::from_str::<Reason>("\"because\"").is_err());
    }
}
