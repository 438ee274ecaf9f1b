//! `up` that stays: shows the way up, then what the services write, until Ctrl-C takes the project down.

use std::process::ExitCode;
use std::time::Duration;

use ondol_api::{Client, ClientError, EventState, Follow, LogLine};
use ondol_control::NoteKind;
use ondol_model::Project;
use tokio::time::sleep;

use super::say_addresses;
use crate::cli::clock::now_unix_ms;
use crate::cli::failure::Failure;
use crate::cli::logs::Printer;
use crate::cli::out::{Colour, Out};
use crate::cli::progress::{Came, Goal, Interrupts, Progress};
use crate::cli::watch::Watch;
use crate::cli::{down, node, report};

/// Before looking again for a node that has gone.
const AGAIN: Duration = Duration::from_millis(200);

pub(super) async fn attach(
    project: &Project,
    watch: bool,
    client: Client,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let begun = now_unix_ms();
    let mut interrupts = Interrupts::listen()?;
    let watch = if watch {
        Some(Watch::start(project)?)
    } else {
        None
    };
    let mut session = Session {
        project,
        client,
        out,
        seen: Seen::since(begun),
        printer: Printer::new(out),
        watch,
    };
    let mut progress = Progress::new("up", &session.client, &project.name, out);
    let came = progress
        .until(Goal::Settled, None, Some(&mut interrupts))
        .await?;
    match (came, progress.state) {
        (Came::Interrupted, _) => return session.take_down(&mut interrupts).await,
        (Came::Vanished, _) => return gone(project, out),
        (Came::Failed, Some(state)) => {
            report::failed(&state, &session.client, out).await;
        }
        (_, Some(state)) => say_addresses(&state, out),
        _ => {}
    }
    loop {
        let over = tokio::select! {
            over = session.follow() => over?,
            () = interrupts.next() => Over::Interrupted,
        };
        match over {
            Over::Interrupted => return session.take_down(&mut interrupts).await,
            Over::Gone => return gone(project, out),
            Over::NodeLost => {
                out.say(out.paint_talk(
                    Colour::Yellow,
                    "the node is gone; the services go on; starting it again",
                ));
                node::running(out).await?;
            }
        }
    }
}

enum Over {
    Interrupted,
    /// Somebody took the project down.
    Gone,
    NodeLost,
}

struct Session<'a> {
    project: &'a Project,
    client: Client,
    out: &'a Out,
    seen: Seen,
    printer: Printer<'a>,
    watch: Option<Watch>,
}

impl Session<'_> {
    /// Shows what is written and decided, and follows watched files, until the node ends it.
    async fn follow(&mut self) -> Result<Over, Failure> {
        let (lines, events) = (
            self.lines().await,
            self.client
                .follow_events(&format!("project={}", self.project.name))
                .await,
        );
        let (mut lines, mut events): (Follow<LogLine>, Follow<EventState>) = match (lines, events) {
            (Ok(lines), Ok(events)) => (lines, events),
            _ => return self.why_ended().await,
        };
        loop {
            tokio::select! {
                line = lines.next() => match line {
                    Some(Ok(line)) => {
                        if self.seen.is_new(&line) {
                            self.printer.print(&line)?;
                        }
                    }
                    _ => return self.why_ended().await,
                },
                event = events.next() => match event {
                    Some(Ok(event)) => self.tell(&event),
                    _ => return self.why_ended().await,
                },
                changed = next_change(&mut self.watch) => {
                    if let Some(watch) = &self.watch {
                        watch.act(changed, self.project, &self.client, self.out).await?;
                    }
                }
            }
        }
    }

    /// What is written, from where it was shown last.
    async fn lines(&mut self) -> Result<Follow<LogLine>, ClientError> {
        let query = format!("follow=true&since_unix_ms={}", self.seen.resume());
        self.client.logs(&self.project.name, &query).await
    }

    /// Stops the project and shows what it writes meanwhile, to the last line.
    async fn take_down(mut self, interrupts: &mut Interrupts) -> Result<ExitCode, Failure> {
        let (name, out) = (&self.project.name, self.out);
        if !out.quiet {
            out.say(format_args!(
                "stopping `{name}`; Ctrl-C again kills what still runs"
            ));
        }
        let lines = self.lines().await;
        let Session {
            client,
            mut seen,
            mut printer,
            ..
        } = self;
        let show = async {
            let Ok(mut lines) = lines else { return Ok(()) };
            while let Some(Ok(line)) = lines.next().await {
                if seen.is_new(&line) {
                    printer.print(&line)?;
                }
            }
            Ok(())
        };
        let plain = out.plain();
        let stop = async {
            client.down(name, false).await?;
            let mut progress = Progress::new("down", &client, name, &plain);
            while progress.until(Goal::Gone, None, Some(interrupts)).await? == Came::Interrupted {
                down::hasten(&client, name).await?;
            }
            Ok::<_, Failure>(())
        };
        tokio::try_join!(stop, show)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn why_ended(&self) -> Result<Over, Failure> {
        match self.client.project(&self.project.name).await {
            Ok(None) => Ok(Over::Gone),
            Err(error @ ClientError::Refused(_)) => Err(error.into()),
            Ok(Some(_)) | Err(_) => {
                sleep(AGAIN).await;
                Ok(Over::NodeLost)
            }
        }
    }

    /// Decisions that people who look at logs want to know of.
    fn tell(&self, event: &EventState) {
        let colour = match event.kind {
            NoteKind::Exited | NoteKind::Backoff | NoteKind::RolledBack | NoteKind::Unready => {
                Colour::Red
            }
            NoteKind::Changed | NoteKind::Replaced | NoteKind::Scaled => Colour::Dim,
            _ => return,
        };
        if !self.out.quiet && !self.out.json {
            let who = event.replica.as_deref().unwrap_or(event.service.as_str());
            let line = format!("ondol: {who}: {}", event.why);
            self.out.say(self.out.paint_talk(colour, line));
        }
    }
}

/// How far the log was shown, so that another node goes on where the last one broke off: by the newest moment,
/// and how many lines of that very moment there were.
struct Seen {
    newest_unix_ms: u64,
    lines: u32,
    /// Lines of the newest moment that come a second time.
    again: u32,
}

impl Seen {
    fn since(unix_ms: u64) -> Self {
        Seen {
            newest_unix_ms: unix_ms,
            lines: 0,
            again: 0,
        }
    }

    /// Where to begin once more.
    fn resume(&mut self) -> u64 {
        self.again = self.lines;
        self.newest_unix_ms
    }

    fn is_new(&mut self, line: &LogLine) -> bool {
        if line.at_unix_ms == self.newest_unix_ms && self.again > 0 {
            self.again -= 1;
            return false;
        }
        if line.at_unix_ms > self.newest_unix_ms {
            *self = Seen::since(line.at_unix_ms);
        }
        if line.at_unix_ms == self.newest_unix_ms {
            self.lines += 1;
        }
        true
    }
}

async fn next_change(watch: &mut Option<Watch>) -> crate::cli::watch::Changes {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

fn gone(project: &Project, out: &Out) -> Result<ExitCode, Failure> {
    out.say(format_args!("project `{}` was taken down", project.name));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use ondol_api::LogStream;

    use super::*;

    fn line(at_unix_ms: u64) -> LogLine {
        LogLine {
            at_unix_ms,
            service: "web".parse().unwrap(),
            replica: "web-1".into(),
            run: 1,
            stream: LogStream::Stdout,
            partial: false,
            text: String::new(),
        }
    }

    #[test]
    fn lines_that_come_a_second_time_are_not_shown_again() {
        let mut seen = Seen::since(5);
        assert_eq!(seen.resume(), 5);
        assert!([5, 7, 7, 6].iter().all(|at| seen.is_new(&line(*at))));

        assert_eq!(seen.resume(), 7);
        let shown = [7, 7, 7, 8, 7].map(|at| seen.is_new(&line(at)));
        assert_eq!(shown, [false, false, true, true, true]);
    }
}
