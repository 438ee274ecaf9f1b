use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::clock::Deadline;

const PAUSE: Duration = Duration::from_millis(5);

/// Looks again and again until `look` finds something; an error when `within` is over. `what` completes
/// "waited 5s for ...".
pub fn wait_until<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T> {
    let deadline = Deadline::after(within);
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if deadline.is_over() {
            bail!("waited {within:?} for {what}");
        }
        thread::sleep(PAUSE);
    }
}

/// Looks again and again for as long as `during`; an error as soon as `holds` does not. `what` completes
/// "... did not last".
pub fn steady(what: &str, during: Duration, mut holds: impl FnMut() -> bool) -> Result<()> {
    let deadline = Deadline::after(during);
    while !deadline.is_over() {
        if !holds() {
            bail!("{what} did not last {during:?}");
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_late_is_waited_for_and_what_never_comes_is_an_error() {
        let mut looks = 0;
        let found = wait_until("the third look", Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found.unwrap(), 3);
        let never = wait_until::<()>("nothing", Duration::from_millis(1), || None);
        assert_eq!(never.unwrap_err().to_string(), "waited 1ms for nothing");
    }

    #[test]
    fn what_changes_is_not_steady() {
        assert!(steady("peace", Duration::from_millis(30), || true).is_ok());
        assert!(steady("peace", Duration::from_secs(5), || false).is_err());
    }
}
