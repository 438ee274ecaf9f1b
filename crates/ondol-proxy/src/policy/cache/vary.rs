use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, HeaderName, HeaderValue, VARY};

/// More fields than that make each request its own, and nothing would ever be found again.
const FIELDS_MAX: usize = 8;

/// The fields of a request, however they were read.
pub(crate) trait Fields {
    /// The values of all lines of this name.
    fn values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]>;
}

impl Fields for HeaderMap {
    fn values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.get_all(name).iter().map(HeaderValue::as_bytes)
    }
}

/// What a request must have in common with the one a response was stored for (RFC 9111, section 4.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Vary {
    fields: Vec<(HeaderName, Vec<u8>)>,
}

impl Vary {
    /// From a response's `Vary` and the request it answered; `None` when no other request can match.
    pub(super) fn of(response: &HeaderMap, request: &HeaderMap) -> Option<Self> {
        let mut names = Vec::new();
        for value in response.get_all(VARY) {
            for name in value.to_str().ok()?.split(',') {
                match name.trim() {
                    "" => {}
                    "*" => return None,
                    name => names.push(HeaderName::from_bytes(name.as_bytes()).ok()?),
                }
            }
        }
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        (names.len() <= FIELDS_MAX).then(|| Vary {
            fields: names
                .into_iter()
                .map(|name| {
                    let said = said(request, &name);
                    (name, said)
                })
                .collect(),
        })
    }

    pub(super) fn fits(&self, request: &impl Fields) -> bool {
        self.fields
            .iter()
            .all(|(name, before)| said(request, name) == *before)
    }
}

/// What a request says in a field: its lines joined, without the differences that mean nothing.
fn said(request: &impl Fields, name: &HeaderName) -> Vec<u8> {
    let values = request.values(name);
    let parts = values.flat_map(|value| value.split(|byte| *byte == b','));
    let mut parts: Vec<_> = parts.map(<[u8]>::trim_ascii).collect();
    parts.retain(|part| !part.is_empty());
    if name != ACCEPT_ENCODING {
        return parts.join(&b',');
    }
    // Browsers list the same codings in different orders, and case does not matter to any of them.
    let lower = |part: &[u8]| part.to_ascii_lowercase();
    parts.sort_by_cached_key(|part| lower(part));
    lower(&parts.join(&b','))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_response_fits_only_requests_that_agree_in_the_fields_it_names() {
        let asked = headers(&[("accept-language", "ko"), ("accept", "text/html")]);
        let vary = Vary::of(&headers(&[("vary", "Accept-Language")]), &asked).unwrap();
        assert!(vary.fits(&headers(&[("accept-language", "ko")])));
        assert!(!vary.fits(&headers(&[("accept-language", "en")])));
        assert!(!vary.fits(&headers(&[])));
    }

    #[test]
    fn lines_and_blanks_and_the_order_of_codings_do_not_matter() {
        let vary = headers(&[("vary", "accept-encoding"), ("vary", "x-a")]);
        let asked = headers(&[("accept-encoding", "gzip, br"), ("x-a", "1,2")]);
        let vary = Vary::of(&vary, &asked).unwrap();
        let same = [("accept-encoding", "BR,gzip"), ("x-a", "1"), ("x-a", " 2")];
        assert!(vary.fits(&headers(&same)));
        assert!(!vary.fits(&headers(&[("accept-encoding", "gzip, br"), ("x-a", "2,1")])));
    }

    #[test]
    fn a_star_or_nonsense_fits_nothing() {
        let none = headers(&[]);
        assert!(Vary::of(&headers(&[("vary", "accept, *")]), &none).is_none());
        assert!(Vary::of(&headers(&[("vary", "a b")]), &none).is_none());
        assert!(Vary::of(&headers(&[("vary", "a,b,c,d,e,f,g,h,i")]), &none).is_none());
        assert!(
            Vary::of(&none, &none)
                .unwrap()
                .fits(&headers(&[("a", "b")]))
        );
    }
}
