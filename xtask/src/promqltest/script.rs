//! The text of a script to its commands.

use ondol_query::promql::describe_series;
use ondol_query::{Labels, parse_duration};

use super::expectation::{Expectations, Line};
use super::starts::Starts;

/// A series that a script describes.
pub(super) type Described = (Labels, Vec<ondol_query::promql::DescribedValue>);

pub(super) enum Command {
    Clear,
    Load(Load),
    Eval(Eval),
    /// A case that cannot be understood, which is one that fails.
    Wrong(String),
}

pub(super) struct Load {
    pub(super) step_ms: i64,
    pub(super) series: Vec<(Described, Option<Starts>)>,
    /// Whether series of `le` buckets are also loaded as native histograms.
    pub(super) with_nhcb: bool,
    /// What is wrong with it.
    pub(super) wrong: Option<String>,
}

/// When a case is evaluated.
pub(super) enum When {
    Instant(i64),
    Range { from: i64, to: i64, step: i64 },
}

pub(super) struct Eval {
    pub(super) when: When,
    pub(super) expr: String,
    pub(super) expected: Expectations,
}

pub(super) struct Script {
    /// Each with the number of its first line.
    pub(super) commands: Vec<(usize, Command)>,
}

impl Script {
    pub(super) fn parse(text: &str) -> Self {
        let lines: Vec<&str> = text
            .lines()
            .map(|line| {
                if line.trim_start().starts_with('#') {
                    ""
                } else {
                    line.trim()
                }
            })
            .collect();
        let mut commands = Vec::new();
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            let block = lines[at + 1..]
                .iter()
                .take_while(|line| !line.is_empty())
                .count();
            let body = &lines[at + 1..=at + block];
            let word = line.split([' ', '\t']).next().unwrap_or_default();
            let number = at + 1;
            match word {
                "" => at += 1,
                "clear" => {
                    commands.push((number, Command::Clear));
                    at += 1;
                }
                "load" | "load_with_nhcb" => {
                    commands.push((number, Command::Load(load(line, body))));
                    at += 1 + block;
                }
                _ if word.starts_with("eval") => {
                    let command = eval(line, body).map_or_else(Command::Wrong, Command::Eval);
                    commands.push((number, command));
                    at += 1 + block;
                }
                _ => {
                    commands.push((number, Command::Wrong(format!("{word:?} is no command"))));
                    at += 1;
                }
            }
        }
        Self { commands }
    }
}

fn load(line: &str, body: &[&str]) -> Load {
    let (word, step) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let mut load = Load {
        step_ms: 0,
        series: Vec::new(),
        with_nhcb: word == "load_with_nhcb",
        wrong: None,
    };
    match parse_duration(step.trim()) {
        Ok(step_ms) => load.step_ms = step_ms,
        Err(reason) => load.wrong = Some(reason),
    }
    let mut default: Option<Starts> = None;
    let mut named: Vec<(Labels, Starts)> = Vec::new();
    for line in body {
        if let Some((labels, text)) = super::starts::split(line) {
            match (Starts::parse(text), labels.map(describe_series).transpose()) {
                (Ok(starts), Ok(None)) => default = Some(starts),
                (Ok(starts), Ok(Some((labels, _)))) => named.push((labels, starts)),
                (Err(reason), _) | (_, Err(reason)) => load.wrong = Some(reason),
            }
            continue;
        }
        match describe_series(line) {
            Ok(described) => {
                let of_it = named.iter().find(|(labels, _)| *labels == described.0);
                let starts = of_it
                    .map(|(_, starts)| starts.clone())
                    .or_else(|| default.clone());
                load.series.push((described, starts));
            }
            Err(reason) => load.wrong = Some(format!("{reason} in {line:?}")),
        }
    }
    load
}

fn eval(line: &str, body: &[&str]) -> Result<Eval, String> {
    let (word, rest) = line
        .split_once([' ', '\t'])
        .ok_or("an eval without a query")?;
    let mut expected = Expectations::of_command(word)?;
    let (when, expr) = when(rest.trim())?;
    for line in body {
        match expected.read(line)? {
            Line::Expectation => {}
            Line::Series => expected.push_series(describe_series(line)?),
        }
    }
    Ok(Eval {
        when,
        expr: expr.to_owned(),
        expected,
    })
}

fn when(text: &str) -> Result<(When, &str), String> {
    let mut rest = text;
    let mut word = || {
        let (word, after) = rest
            .trim_start()
            .split_once([' ', '\t'])
            .unwrap_or((rest, ""));
        rest = after;
        word
    };
    let expect = |found: &str, wanted: &str| {
        if found == wanted {
            Ok(())
        } else {
            Err(format!("expected {wanted:?}, got {found:?}"))
        }
    };
    let when = match word() {
        "instant" => {
            expect(word(), "at")?;
            When::Instant(time(word())?)
        }
        "range" => {
            expect(word(), "from")?;
            let from = time(word())?;
            expect(word(), "to")?;
            let to = time(word())?;
            expect(word(), "step")?;
            let step = time(word())?;
            When::Range { from, to, step }
        }
        other => return Err(format!("expected instant or range, got {other:?}")),
    };
    Ok((when, rest.trim()))
}

/// A time, counted from 1970.
pub(super) fn time(text: &str) -> Result<i64, String> {
    match text.strip_prefix('-') {
        Some(text) => Ok(-parse_duration(text)?),
        None => parse_duration(text),
    }
}
