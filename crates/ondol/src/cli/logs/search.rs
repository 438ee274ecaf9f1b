//! Lines that are looked for: the telemetry of the node is asked, in LogQL.

mod answer;
mod follow;
mod question;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use ondol_api::ProjectState;
use tokio::time::timeout;

use super::super::args::LogsArgs;
use super::super::failure::Failure;
use super::super::out::Out;
use super::super::{ask, clock};
use super::Printer;
use answer::Line;
use follow::Follow;

/// Lines of one answer; the API gives no more.
const PAGE: usize = 5000;
/// Lines may reach the store so late and are seen.
const LATE_NS: u64 = 3_000_000_000;
const MS_NS: u64 = 1_000_000;

/// Whether lines are looked for, and not only shown.
pub(super) fn is_asked(args: &LogsArgs) -> bool {
    !args.grep.is_empty() || args.level.is_some() || args.query.is_some() || args.until.is_some()
}

/// Prints what is found, the oldest first, and goes on where that is asked.
pub(super) async fn run(
    project: &ProjectState,
    args: &LogsArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let mut search = Search {
        query: question::of(project, args)?,
        seen: BTreeSet::new(),
        from_ns: args.since.map_or(0, |since| since.0.saturating_mul(MS_NS)),
    };
    let mut printer = Printer::new(out);
    printer.prefix = !args.no_log_prefix;
    printer.timestamps = args.timestamps;
    let until_ns = args.until.map(|until| until.0.saturating_mul(MS_NS));
    // Before it is looked for what is there: what comes meanwhile is not left out, and known when it comes twice.
    let following = match args.follow {
        true => Some(Follow::open(&search.query, now_ns()).await?),
        false => None,
    };
    match args.tail.0 {
        Some(0) => search.from_ns = now_ns(),
        Some(most) => {
            for line in search.last(most as usize, until_ns).await? {
                printer.found(&line)?;
            }
        }
        None => search.all(until_ns, &mut printer).await?,
    }
    if let Some(following) = following {
        let go_on = go_on(following, &search.seen, &mut printer, out);
        match until_ns.map(|until_ns| until_ns.saturating_sub(now_ns())) {
            Some(left_ns) => match timeout(Duration::from_nanos(left_ns), go_on).await {
                Ok(done) => done?,
                // That it is over is what was asked for.
                Err(_over) => {}
            },
            None => go_on.await?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints lines as they come, those that were not printed before.
async fn go_on(
    mut following: Follow,
    printed: &BTreeSet<Line>,
    printer: &mut Printer<'_>,
    out: &Out,
) -> Result<(), Failure> {
    while let Some(news) = following.next().await? {
        for line in news.lines.iter().filter(|line| !printed.contains(line)) {
            printer.found(line)?;
        }
        if news.missed > 0 {
            out.say(format_args!(
                "{} lines came faster than they could be shown; `ondol logs --since` finds them",
                news.missed
            ));
        }
    }
    Ok(())
}

fn now_ns() -> u64 {
    clock::now_unix_ms().saturating_mul(MS_NS)
}

struct Search {
    query: String,
    /// Lines that were printed and may be found again.
    seen: BTreeSet<Line>,
    /// Before it, nothing is looked for any more.
    from_ns: u64,
}

impl Search {
    /// The newest so many, the oldest of them first.
    async fn last(&mut self, most: usize, until_ns: Option<u64>) -> Result<Vec<Line>, Failure> {
        // What is newer than the last look is new in the next one.
        let now_ns = now_ns().saturating_add(MS_NS);
        let mut lines = BTreeSet::new();
        let mut end_ns = until_ns.map_or(now_ns, |until_ns| until_ns.min(now_ns));
        while lines.len() < most {
            let wanted = (most - lines.len()).min(PAGE);
            let page = self.page("backward", wanted, end_ns).await?;
            let oldest_ns = page.iter().map(|line| line.at_ns).min();
            let (is_last, known) = (page.len() < wanted, lines.len());
            lines.extend(page);
            let Some(oldest_ns) = oldest_ns.filter(|_| !is_last) else {
                break;
            };
            // There may be more of this moment; when all that came was known, there is no way to them.
            end_ns = oldest_ns + u64::from(lines.len() > known);
        }
        self.seen = lines.clone();
        self.look_on_from(now_ns);
        Ok(lines.into_iter().collect())
    }

    /// All that were not seen yet, page by page.
    async fn all(
        &mut self,
        until_ns: Option<u64>,
        printer: &mut Printer<'_>,
    ) -> Result<(), Failure> {
        let now_ns = now_ns().saturating_add(MS_NS);
        let end_ns = until_ns.map_or(now_ns, |until_ns| until_ns.min(now_ns));
        while self.from_ns < end_ns {
            let page = self.page("forward", PAGE, end_ns).await?;
            let last_ns = page.iter().map(|line| line.at_ns).max();
            let is_last = page.len() < PAGE;
            let mut any = false;
            for line in page {
                if self.seen.insert(line.clone()) {
                    printer.found(&line)?;
                    any = true;
                }
            }
            let Some(last_ns) = last_ns.filter(|_| !is_last) else {
                break;
            };
            // A page of one moment that was seen already: what more there is of that moment cannot be asked for.
            self.from_ns = if any { last_ns } else { last_ns + 1 };
            self.seen = self.seen.split_off(&Line::at(self.from_ns));
        }
        self.look_on_from(end_ns);
        Ok(())
    }

    fn look_on_from(&mut self, at_ns: u64) {
        self.from_ns = self.from_ns.max(at_ns.saturating_sub(LATE_NS));
        self.seen = self.seen.split_off(&Line::at(self.from_ns));
    }

    async fn page(&self, direction: &str, limit: usize, end_ns: u64) -> Result<Vec<Line>, Failure> {
        let pairs = [
            ("query", self.query.clone()),
            ("start", nanoseconds(self.from_ns)),
            ("end", nanoseconds(end_ns.max(self.from_ns))),
            ("limit", limit.to_string()),
            ("direction", direction.to_owned()),
        ];
        let answer = ask::get("/loki/api/v1/query_range", &pairs).await?;
        answer::lines(&answer)
    }
}

/// As many digits as nanoseconds have: fewer would be taken for seconds.
fn nanoseconds(ns: u64) -> String {
    format!("{ns:019}")
}
