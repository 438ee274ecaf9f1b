use std::collections::BTreeMap;

use ondol_model::{RunId, Time};

use super::figure::{Figure, Target};

/// A figure so near to its target changes nothing.
const TOLERANCE: f64 = 0.1 + 1e-9;

/// The replicas of a service as the algorithm sees them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staff {
    /// How many are wanted.
    pub(crate) current: u32,
    /// Those that are sent traffic, and since when.
    pub(crate) ready: BTreeMap<RunId, Time>,
    /// Those that are not, as they come up or are not well.
    pub(crate) unready: u32,
}

/// How many replicas a figure asks for, or why that cannot be said.
pub(super) fn recommend(seen: &Figure, target: &Target, staff: &Staff) -> Result<u32, String> {
    match (seen, target.is_whole) {
        (Figure::Each(values), _) => of_each(values, target, staff),
        (Figure::Whole(value), false) => Ok(of_average(*value, target, staff.current)),
        (Figure::Whole(value), true) => Ok(of_whole(*value, target, staff)),
    }
}

/// `AverageValue` of an external metric: what there is, divided by what one can take.
fn of_average(value: f64, target: &Target, current: u32) -> u32 {
    let ratio = value / (target.each * f64::from(current));
    match current > 0 && (ratio - 1.0).abs() <= TOLERANCE {
        true => current,
        false => ceil(value / target.each),
    }
}

/// `Value` of an external metric: as much more as the figure is above its target.
fn of_whole(value: f64, target: &Target, staff: &Staff) -> u32 {
    let ratio = value / target.each;
    match (ratio - 1.0).abs() <= TOLERANCE {
        true => staff.current,
        false => ceil(ratio * (staff.ready.len().max(1) as f64)),
    }
}

/// A resource metric. Replicas that are not known well enough never let the number change further than those that
/// are: they count as idle when it would grow, and as busy when it would shrink.
fn of_each(values: &Figures, target: &Target, staff: &Staff) -> Result<u32, String> {
    let known: Vec<f64> = staff
        .ready
        .keys()
        .filter_map(|run| values.get(run).copied())
        .collect();
    let missing = staff.ready.len() - known.len();
    let unready = staff.unready as usize;
    if known.is_empty() {
        return Err("no replica that is ready could be measured".to_owned());
    }
    let sum: f64 = known.iter().sum();
    let ratio = sum / known.len() as f64 / target.each;
    let grows = ratio > 1.0;
    if missing == 0 && !(grows && unready > 0) {
        return Ok(match (ratio - 1.0).abs() <= TOLERANCE {
            true => staff.current,
            false => ceil(ratio * known.len() as f64),
        });
    }
    let (added, counted) = match grows {
        true => (0.0, missing + unready),
        false => (target.missing * missing as f64, missing),
    };
    let all = (known.len() + counted) as f64;
    let careful = (sum + added) / all / target.each;
    let turned = (careful > 1.0) != grows;
    if turned || (careful - 1.0).abs() <= TOLERANCE {
        return Ok(staff.current);
    }
    let wants = ceil(careful * all);
    Ok(match grows {
        true => wants.max(staff.current),
        false => wants.min(staff.current),
    })
}

/// By start.
pub(super) type Figures = BTreeMap<RunId, f64>;

/// Up to the next whole number. What is meant to be whole and was not computed so must not become one more.
fn ceil(replicas: f64) -> u32 {
    // A number that is too large, or none, is cut to what fits.
    (replicas - 1e-9).ceil().max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ready replicas with these figures, `None` where one is missing.
    fn each(values: &[Option<f64>], unready: u32) -> (Figure, Staff) {
        let runs = || (1..).map(RunId);
        let known = runs().zip(values);
        let known = known.filter_map(|(run, value)| Some((run, (*value)?)));
        let staff = Staff {
            current: values.len() as u32 + unready,
            ready: runs()
                .zip(values)
                .map(|(run, _)| (run, Time::ZERO))
                .collect(),
            unready,
        };
        (Figure::Each(known.collect()), staff)
    }

    /// In percent of a core, and 50 % is what it should be.
    fn wanted(values: &[Option<f64>], unready: u32) -> Result<u32, String> {
        let target = Target {
            each: 0.5,
            is_whole: false,
            missing: 1.0,
            base: Some(1.0),
        };
        let (figure, staff) = each(values, unready);
        recommend(&figure, &target, &staff)
    }

    #[test]
    fn the_number_follows_the_ratio_and_small_differences_are_tolerated() {
        let of = |value: f64| wanted(&[Some(value), Some(value), Some(value)], 0).unwrap();
        assert_eq!(of(0.5), 3);
        assert_eq!(of(0.55), 3, "10 % more");
        assert_eq!(of(0.56), 4);
        assert_eq!(of(0.45), 3, "10 % less");
        assert_eq!(of(0.32), 2);
        assert_eq!(of(1.0), 6);
    }

    #[test]
    fn unready_replicas_count_as_idle_when_more_are_asked_for() {
        let (hot, cold) = (Some(1.0), Some(0.1));
        assert_eq!(wanted(&[hot, hot], 0), Ok(4));
        assert_eq!(wanted(&[hot, hot], 1), Ok(4), "3 with 0.67 on the average");
        assert_eq!(
            wanted(&[hot, hot], 2),
            Ok(4),
            "those on their way are enough"
        );
        assert_eq!(
            wanted(&[cold, cold], 2),
            Ok(1),
            "and nobody waits for them to shrink"
        );
    }

    #[test]
    fn a_missing_figure_counts_against_every_change() {
        let (hot, cold) = (Some(1.0), Some(0.1));
        assert_eq!(wanted(&[hot, hot, None], 0), Ok(4), "idle when it grows");
        assert_eq!(
            wanted(&[cold, cold, None], 0),
            Ok(3),
            "busy when it shrinks"
        );
        assert!(wanted(&[None, None], 0).is_err());
    }

    #[test]
    fn what_all_do_together_is_divided_and_what_one_feels_is_compared() {
        let target = |each, is_whole| Target {
            each,
            is_whole,
            missing: each,
            base: None,
        };
        let (_, staff) = each(&[None, None], 0);
        let of = |value, target| recommend(&Figure::Whole(value), &target, &staff);
        assert_eq!(of(500.0, target(100.0, false)), Ok(5));
        assert_eq!(of(210.0, target(100.0, false)), Ok(2), "5 % above");
        assert_eq!(of(0.0, target(100.0, false)), Ok(0));
        assert_eq!(of(0.6, target(0.2, true)), Ok(6), "three times too slow");
        assert_eq!(of(0.0, target(0.2, true)), Ok(0));
        let asleep = Staff::default();
        let queued = recommend(&Figure::Whole(30.0), &target(10.0, false), &asleep);
        assert_eq!(queued, Ok(3));
    }
}
