use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ondol_model::Time;

/// Requests that wait for the head of an answer. They are looked at once a second: to know it more exactly, each request
/// would need a timer of its own.
#[derive(Default)]
pub(crate) struct Waits(RefCell<Slots>);

#[derive(Default)]
struct Slots {
    all: Vec<Slot>,
    free: Vec<usize>,
}

struct Slot {
    /// `None` when nobody waits here, or has waited too long.
    since: Option<Time>,
    waker: Option<Waker>,
}

/// One of them, as long as it waits.
pub(crate) struct Waiting<'a> {
    waits: &'a Waits,
    slot: usize,
}

impl Waits {
    /// One more, from now on.
    pub(crate) fn begin(&self, now: Time) -> Waiting<'_> {
        let slots = &mut *self.0.borrow_mut();
        let slot = slots.free.pop().unwrap_or(slots.all.len());
        let began = Slot {
            since: Some(now),
            waker: None,
        };
        match slots.all.get_mut(slot) {
            Some(free) => *free = began,
            None => slots.all.push(began),
        }
        Waiting { waits: self, slot }
    }

    /// Tells those that have waited for so long.
    pub(super) fn sweep(&self, time_max: Duration, now: Time) {
        let mut told = Vec::new();
        for slot in &mut self.0.borrow_mut().all {
            if slot.since.is_some_and(|since| now.since(since) >= time_max) {
                slot.since = None;
                told.extend(slot.waker.take());
            }
        }
        told.into_iter().for_each(Waker::wake);
    }
}

impl Waiting<'_> {
    /// Whether it has been too long; the one who asks is told when it is.
    pub(crate) fn is_over(&self, cx: &Context<'_>) -> bool {
        let slots = &mut *self.waits.0.borrow_mut();
        let Some(slot) = slots.all.get_mut(self.slot) else {
            return false;
        };
        match &mut slot.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        slot.since.is_none()
    }

    /// What `work` brings; nothing when it takes too long.
    pub(crate) async fn while_it_lasts<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.is_over(cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Begins anew.
    pub(crate) fn begin_again(&self, now: Time) {
        if let Some(slot) = self.waits.0.borrow_mut().all.get_mut(self.slot) {
            slot.since = Some(now);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let slots = &mut *self.waits.0.borrow_mut();
        if let Some(slot) = slots.all.get_mut(self.slot) {
            slot.since = None;
            slot.waker = None;
            slots.free.push(self.slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn who_waits_too_long_is_told_and_places_are_used_again() {
        let (waits, cx) = (Waits::default(), Context::from_waker(Waker::noop()));
        let first = waits.begin(Time::from_secs(10));
        let second = waits.begin(Time::from_secs(11));
        waits.sweep(MINUTE, Time::from_secs(70));
        assert!(first.is_over(&cx) && !second.is_over(&cx));
        first.begin_again(Time::from_secs(70));
        assert!(!first.is_over(&cx));
        drop((first, second));
        let third = waits.begin(Time::from_secs(80));
        waits.sweep(MINUTE, Time::from_secs(100));
        assert!(!third.is_over(&cx));
        assert_eq!(waits.0.borrow().all.len(), 2);
    }
}
