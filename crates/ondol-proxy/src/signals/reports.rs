use std::collections::VecDeque;
use std::sync::Arc;

use ondol_model::{ReportId, Signals};

use super::Gathered;

/// Reports that wait to be counted for good. A node says every few seconds how far it is.
const CUT_MAX: usize = 64;

/// What the node is told of requests. A report is kept until the node has counted it for good, and a node that follows
/// one that died is told again what that one had not: all of it, and nothing twice.
pub(crate) struct Reports {
    /// When this process began, in nanoseconds since 1970.
    proxy: u64,
    /// What is in no report yet.
    kept: Gathered,
    lines_dropped: u64,
    from_unix_ns: u64,
    /// The oldest first; their numbers follow each other.
    cut: VecDeque<Arc<Signals>>,
    /// The number of the last one.
    last: u64,
    /// The number of the last one that this node was told; `None` until it says what it has.
    told: Option<u64>,
}

impl Reports {
    pub(crate) fn new(now_unix_ns: u64) -> Self {
        Reports {
            proxy: now_unix_ns,
            kept: Gathered::default(),
            lines_dropped: 0,
            from_unix_ns: now_unix_ns,
            cut: VecDeque::new(),
            last: 0,
            told: None,
        }
    }

    /// Whose they are, as their names say it.
    pub(crate) fn proxy(&self) -> u64 {
        self.proxy
    }

    /// Takes in what was gathered since the last time; `lines_dropped` lines of access logs were not written.
    pub(crate) fn add(&mut self, gathered: impl IntoIterator<Item = Gathered>, lines_dropped: u64) {
        // What is on its way now takes the place of what was.
        self.kept.loads.clear();
        for gathered in gathered {
            self.kept.add(gathered);
        }
        self.lines_dropped += lines_dropped;
    }

    /// Another node is there. It is told nothing before it says what it has.
    pub(crate) fn meet(&mut self) {
        self.told = None;
    }

    /// The node says that it has heard all up to `heard`, and counted for good all up to `counted`.
    pub(crate) fn taken(&mut self, heard: u64, counted: u64) {
        self.told.get_or_insert(heard.min(self.last));
        while self
            .cut
            .front()
            .is_some_and(|cut| cut.report.number <= counted)
        {
            self.cut.pop_front();
        }
    }

    /// What the node is told next; `None` when it knows all that may be told now.
    pub(crate) fn next(&mut self, now_unix_ns: u64) -> Option<Arc<Signals>> {
        let told = self.told?;
        if told == self.last {
            self.cut(now_unix_ns);
        }
        let mut left = self.cut.iter().skip_while(|cut| cut.report.number <= told);
        let next = left.next()?.clone();
        self.told = Some(next.report.number);
        Some(next)
    }

    /// Makes a report of what was gathered, when something happened and there is room.
    fn cut(&mut self, now_unix_ns: u64) {
        if self.is_full() {
            return;
        }
        let from_unix_ns = std::mem::replace(&mut self.from_unix_ns, now_unix_ns);
        if self.kept.is_empty() && self.lines_dropped == 0 {
            return;
        }
        let kept = std::mem::take(&mut self.kept);
        self.last += 1;
        self.cut.push_back(Arc::new(Signals {
            report: ReportId {
                proxy: self.proxy,
                number: self.last,
            },
            from_unix_ns,
            to_unix_ns: now_unix_ns,
            red: kept.red.into_iter().collect(),
            loads: kept.loads,
            records: kept.records,
            records_dropped: kept.records_dropped,
            rows_dropped: kept.rows_dropped,
            lines_dropped: std::mem::take(&mut self.lines_dropped),
        }));
        self.give_up_records();
    }

    /// Of too many records the oldest are given up: the node that was told them has most likely kept them by now. One
    /// that has to be told again hears how many there were.
    fn give_up_records(&mut self) {
        let mut records: usize = self.cut.iter().map(|cut| cut.records.len()).sum();
        for cut in &mut self.cut {
            if records <= Gathered::RECORDS_MAX {
                return;
            }
            records -= cut.records.len();
            let cut = Arc::make_mut(cut);
            cut.records_dropped += cut.records.len() as u64;
            cut.records.clear();
        }
    }

    fn is_full(&self) -> bool {
        let rows: usize = self.cut.iter().map(|cut| cut.red.len()).sum();
        self.cut.len() >= CUT_MAX || rows >= Gathered::ROWS_MAX
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ondol_model::{Origin, Red, RedKey};
    use proptest::prelude::*;

    use super::*;

    fn requests(count: u64) -> Gathered {
        let key = RedKey {
            run: None,
            replica: None,
            service: None,
            origin: Origin::Edge,
            failed: false,
        };
        let mut red = Red::default();
        (0..count).for_each(|_| red.count(200));
        Gathered {
            red: BTreeMap::from([(key, red)]),
            ..Gathered::default()
        }
    }

    fn count(signals: &Signals) -> u64 {
        signals.red.iter().map(|(_, red)| red.requests()).sum()
    }

    /// What a node has counted, and up to which report.
    #[derive(Clone, Copy, Default)]
    struct Node {
        count: u64,
        number: u64,
    }

    impl Node {
        fn hear(&mut self, signals: &Signals) {
            assert_eq!(
                signals.report.number,
                self.number + 1,
                "each follows the one before"
            );
            self.number += 1;
            self.count += count(signals);
        }
    }

    /// Something that happens between a proxy and its node.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Requests(u8),
        /// A report is told, and arrives or not.
        Tell {
            arrives: bool,
        },
        /// What the node has heard is counted for good; the proxy hears of that or not.
        Keep {
            arrives: bool,
        },
        /// The connection breaks: what was told and did not arrive never does.
        Break,
        /// The node dies with what was not counted for good, and another begins.
        Die,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0u8..5).prop_map(Step::Requests),
            Just(Step::Tell { arrives: true }),
            Just(Step::Tell { arrives: true }),
            Just(Step::Tell { arrives: false }),
            any::<bool>().prop_map(|arrives| Step::Keep { arrives }),
            Just(Step::Break),
            Just(Step::Die),
        ]
    }

    proptest! {
        #[test]
        fn every_request_is_counted_once_whoever_dies_and_whatever_does_not_arrive(
            steps in prop::collection::vec(step(), 0..200),
        ) {
            let mut reports = Reports::new(7);
            let (mut heard, mut kept) = (Node::default(), Node::default());
            let mut made = 0;
            reports.taken(0, 0);
            for step in steps {
                match step {
                    Step::Requests(count) => {
                        made += u64::from(count);
                        reports.add([requests(count.into())], 0);
                    }
                    Step::Tell { arrives: true } => {
                        if let Some(report) = reports.next(8) {
                            heard.hear(&report);
                        }
                    }
                    Step::Tell { arrives: false } => {
                        // A connection is in order: nothing after it arrives either, so that it broke.
                        reports.next(8);
                        reports.meet();
                        reports.taken(heard.number, kept.number);
                    }
                    Step::Keep { arrives } => {
                        kept = heard;
                        if arrives {
                            reports.taken(heard.number, kept.number);
                        }
                    }
                    Step::Break => {
                        reports.meet();
                        prop_assert!(reports.next(8).is_none(), "it has not said what it has");
                        reports.taken(heard.number, kept.number);
                    }
                    Step::Die => {
                        heard = kept;
                        reports.meet();
                        reports.taken(heard.number, kept.number);
                    }
                }
                prop_assert!(reports.cut.len() <= CUT_MAX);
            }
            loop {
                reports.taken(heard.number, heard.number);
                match reports.next(9) {
                    Some(report) => heard.hear(&report),
                    None => break,
                }
            }
            prop_assert_eq!(heard.count, made);
            prop_assert!(reports.cut.is_empty());
        }
    }

    #[test]
    fn a_node_that_counts_nothing_for_good_is_told_so_much_and_the_rest_together() {
        let mut reports = Reports::new(7);
        reports.taken(0, 0);
        let mut told = Vec::new();
        for _ in 0..CUT_MAX * 2 {
            reports.add([requests(1)], 0);
            told.extend(reports.next(8));
        }
        assert_eq!(told.len(), CUT_MAX);
        reports.taken(0, CUT_MAX as u64);
        let rest = reports.next(9).unwrap();
        assert_eq!(count(&rest), CUT_MAX as u64);
        assert!(reports.next(9).is_none());
    }

    #[test]
    fn silence_is_no_report_and_a_line_that_was_lost_is_one() {
        let mut reports = Reports::new(7);
        reports.add([], 0);
        assert!(reports.next(8).is_none(), "nobody has said what it has");
        reports.taken(0, 0);
        assert!(reports.next(8).is_none());
        reports.add([], 3);
        let report = reports.next(9).unwrap();
        assert_eq!(
            (report.lines_dropped, report.from_unix_ns, report.to_unix_ns),
            (3, 8, 9)
        );
    }
}
