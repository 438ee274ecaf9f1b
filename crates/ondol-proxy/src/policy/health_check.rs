//! Requests that only ask whether somebody is there.

use http::Method;

/// Paths at which programs say by custom how they are.
const PATHS: [&str; 10] = [
    "/health",
    "/healthz",
    "/livez",
    "/readyz",
    "/health/live",
    "/health/ready",
    "/actuator/health",
    "/actuator/health/liveness",
    "/actuator/health/readiness",
    "/-/healthy",
];

/// How balancers and orchestrators begin their `User-Agent` when they check.
const AGENTS: [&[u8]; 6] = [
    b"kube-probe/",
    b"ELB-HealthChecker/",
    b"GoogleHC/",
    b"Amazon-Route53-Health-Check-Service",
    b"Consul Health Check",
    b"Uptime-Kuma/",
];

/// Whether a request is a health check, as far as it shows.
pub(crate) fn is_health_check(method: &Method, path: &str, agent: Option<&[u8]>) -> bool {
    let reads = *method == Method::GET || *method == Method::HEAD;
    let checker = |agent: &[u8]| AGENTS.iter().any(|known| agent.starts_with(known));
    reads && (PATHS.contains(&path) || agent.is_some_and(checker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_by_its_path_or_by_who_asks() {
        let is = |method: &Method, path, agent: &str| {
            is_health_check(method, path, Some(agent.as_bytes()))
        };
        assert!(is(&Method::GET, "/healthz", "curl/8"));
        assert!(is(&Method::HEAD, "/", "kube-probe/1.30"));
        assert!(!is(&Method::POST, "/healthz", "curl/8"));
        assert!(!is(&Method::GET, "/healthy-food", "Mozilla/5.0"));
        assert!(!is_health_check(&Method::GET, "/", None));
    }
}
