use std::time::Duration;

use http::Method;
use ondol_model::Retry;

use super::window::Tally;

/// The time that the budget looks at.
pub(crate) const BUDGET_WINDOW: Duration = Duration::from_secs(10);

/// Repeated requests in that time that are always allowed: a service with little traffic has no share to speak of.
const FREE: u64 = 10;

/// Whether sending a request twice is the same as sending it once (RFC 9110, section 9.2.2), and possible:
/// a body cannot be read twice. A request of which nothing was written may always be sent.
pub(crate) fn is_repeatable(method: &Method, has_body: bool) -> bool {
    !has_body && method.is_idempotent()
}

/// Whether a repeatable request that was sent `times` may be sent once more. `lately` are the requests of the
/// service, of which the bad ones were repeated.
pub(crate) fn may_repeat(times: u32, rule: &Retry, lately: Tally) -> bool {
    let share = lately.all() * u64::from(rule.budget_percent) / 100;
    times < rule.attempts && lately.bad < share.max(FREE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_idempotent_requests_without_body_are_repeatable() {
        assert!(is_repeatable(&Method::GET, false));
        assert!(is_repeatable(&Method::DELETE, false));
        assert!(!is_repeatable(&Method::PUT, true));
        assert!(!is_repeatable(&Method::POST, false));
    }

    #[test]
    fn a_service_in_trouble_is_not_asked_twice_as_much() {
        let rule = Retry::default();
        let lately = |good, bad| Tally { good, bad };
        assert!(may_repeat(1, &rule, Tally::default()));
        assert!(!may_repeat(2, &rule, Tally::default()));
        assert!(may_repeat(1, &rule, lately(20, 9)));
        assert!(!may_repeat(1, &rule, lately(20, 10)));
        assert!(may_repeat(1, &rule, lately(801, 199)));
        assert!(!may_repeat(1, &rule, lately(800, 200)));
    }
}
