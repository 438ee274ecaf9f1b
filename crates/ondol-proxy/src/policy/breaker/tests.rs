use std::time::Duration;

use super::*;

const PAUSE: Duration = Duration::from_secs(5);
const START: Time = Time::from_secs(100);

fn rule(trip: Trip, minimum: u32, probes: u32) -> Rule {
    Rule {
        trip,
        window: Duration::from_secs(10),
        minimum,
        pause: PAUSE,
        probes,
    }
}

fn tally(good: u64, bad: u64) -> Tally {
    Tally { good, bad }
}

#[test]
fn it_opens_at_the_ratio_but_not_below_the_minimum() {
    let rule = rule(Trip::Percent(50), 10, 1);
    let mut breaker = Breaker::new();
    assert!(!breaker.judge(tally(0, 9), &rule, START));
    assert!(!breaker.judge(tally(6, 5), &rule, START));
    assert_eq!(breaker.admit(&rule, START), Admission::Ordinary);
    assert!(breaker.judge(tally(5, 5), &rule, START));
    assert_eq!(breaker.admit(&rule, START), Admission::Refused);
    assert!(
        !breaker.judge(tally(0, 50), &rule, START),
        "it is open already"
    );
}

#[test]
fn it_opens_at_the_count() {
    let rule = rule(Trip::Count(3), 1, 1);
    let mut breaker = Breaker::new();
    assert!(!breaker.judge(tally(1000, 2), &rule, START));
    assert!(breaker.judge(tally(1000, 3), &rule, START));
}

#[test]
fn after_the_pause_so_many_probes_must_succeed() {
    let rule = rule(Trip::Count(1), 1, 2);
    let mut breaker = Breaker::new();
    breaker.judge(tally(0, 1), &rule, START);
    let later = START + PAUSE;
    assert_eq!(breaker.admit(&rule, START + PAUSE / 2), Admission::Refused);
    assert_eq!(breaker.admit(&rule, later), Admission::Probe);
    assert_eq!(breaker.admit(&rule, later), Admission::Probe);
    assert_eq!(breaker.admit(&rule, later), Admission::Refused);
    breaker.probed(true, &rule, later);
    assert_eq!(breaker.admit(&rule, later), Admission::Refused);
    breaker.probed(true, &rule, later);
    assert_eq!(breaker.admit(&rule, later), Admission::Ordinary);
    assert_eq!(breaker.counts_since(), later);
}

#[test]
fn a_probe_that_fails_opens_it_again_and_one_that_was_left_is_replaced() {
    let rule = rule(Trip::Count(1), 1, 1);
    let mut breaker = Breaker::new();
    breaker.judge(tally(0, 1), &rule, START);
    let later = START + PAUSE;
    assert_eq!(breaker.admit(&rule, later), Admission::Probe);
    breaker.abandoned();
    assert_eq!(breaker.admit(&rule, later), Admission::Probe);
    breaker.probed(false, &rule, later);
    assert_eq!(breaker.admit(&rule, later), Admission::Refused);
    assert_eq!(breaker.admit(&rule, later + PAUSE), Admission::Probe);
    assert_eq!(
        breaker.stand(),
        Stand::HalfOpen {
            tripped: tally(0, 1)
        }
    );
}

/// What can happen to a breaker, as exhaustive sequences try it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Fail,
    Ask,
    Good,
    Bad,
    Leave,
    Wait,
}

const STEPS: [Step; 6] = [
    Step::Fail,
    Step::Ask,
    Step::Good,
    Step::Bad,
    Step::Leave,
    Step::Wait,
];

#[test]
fn every_short_life_keeps_the_promises() {
    let rule = rule(Trip::Count(1), 1, 2);
    for number in 0..STEPS.len().pow(8) {
        let mut breaker = Breaker::new();
        let (mut now, mut at_work, mut left) = (START, 0, number);
        for _ in 0..8 {
            let step = STEPS[left % STEPS.len()];
            left /= STEPS.len();
            let before = breaker.clone();
            match step {
                Step::Fail => {
                    breaker.judge(tally(0, 1), &rule, now);
                    assert_ne!(breaker.stand(), Stand::Closed);
                }
                Step::Ask => match breaker.admit(&rule, now) {
                    Admission::Ordinary => assert_eq!(breaker.stand(), Stand::Closed),
                    Admission::Probe => at_work += 1,
                    Admission::Refused => assert_ne!(breaker.stand(), Stand::Closed),
                },
                Step::Good | Step::Bad | Step::Leave if at_work == 0 => continue,
                Step::Good => breaker.probed(true, &rule, now),
                Step::Bad => breaker.probed(false, &rule, now),
                Step::Leave => breaker.abandoned(),
                Step::Wait => now = now + PAUSE,
            }
            at_work -= i32::from(matches!(step, Step::Good | Step::Bad | Step::Leave));
            if let (Stand::Open { .. }, Stand::Closed) = (before.stand(), breaker.stand()) {
                panic!("it closed without a probe: {number}");
            }
            if breaker.stand() == Stand::Closed && before.stand() != Stand::Closed {
                assert_eq!(step, Step::Good, "only an answer closes it: {number}");
            }
        }
        // Whatever happened, it asks again at last.
        now = now + PAUSE;
        assert_ne!(
            breaker.admit(&rule, now),
            Admission::Refused,
            "stuck: {number}"
        );
    }
}
