//! What replicas write.

mod search;

use std::collections::BTreeMap;
use std::process::ExitCode;

use ondol_api::{LogLine, LogStream, ProjectState};

use super::args::{LogsArgs, ProjectArgs};
use super::clock::rfc3339;
use super::failure::Failure;
use super::node;
use super::out::{Colour, Out};

pub(crate) async fn logs(
    files: &ProjectArgs,
    args: LogsArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    let project = node::project(files, &client, out).await?;
    if search::is_asked(&args) {
        return search::run(&project, &args, out).await;
    }
    let mut printer = Printer::new(out);
    printer.prefix = !args.no_log_prefix;
    printer.timestamps = args.timestamps;
    let mut lines = client.logs(&project.name, &query(&project, &args)?).await?;
    while let Some(line) = lines.next().await {
        printer.print(&line?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What stands behind the `?` of the route.
fn query(project: &ProjectState, args: &LogsArgs) -> Result<String, Failure> {
    let mut query = format!("follow={}", args.follow);
    let mut replicas = project
        .services
        .iter()
        .flat_map(|service| &service.replicas);
    match args.services.as_slice() {
        [] => {}
        [name] if replicas.any(|replica| replica.name == *name) => {
            query += &format!("&replica={name}")
        }
        names => {
            let names: Vec<_> = node::services(project, names)?
                .iter()
                .map(ToString::to_string)
                .collect();
            query += &format!("&services={}", names.join(","));
        }
    }
    if let Some(since) = args.since {
        query += &format!("&since_unix_ms={}", since.0);
    }
    if let Some(lines) = args.tail.0 {
        query += &format!("&tail={lines}");
    }
    Ok(query)
}

/// Prints lines of many replicas so that they can be told apart.
#[derive(Debug)]
pub(crate) struct Printer<'a> {
    out: &'a Out,
    pub(crate) prefix: bool,
    pub(crate) timestamps: bool,
    colours: BTreeMap<String, u8>,
    width: usize,
}

impl<'a> Printer<'a> {
    pub(crate) fn new(out: &'a Out) -> Self {
        Printer {
            out,
            prefix: true,
            timestamps: false,
            colours: BTreeMap::new(),
            width: 0,
        }
    }

    pub(crate) fn print(&mut self, line: &LogLine) -> Result<(), Failure> {
        if self.out.json {
            return self.out.object(line);
        }
        let mut head = self.head(&line.service.to_string(), &line.replica);
        if self.timestamps {
            head += &format!("{} ", rfc3339(line.at_unix_ms));
        }
        let text = line.text.trim_end_matches('\r');
        match line.stream {
            LogStream::Ondol => self
                .out
                .data(format_args!("{head}{}", self.out.paint(Colour::Dim, text))),
            LogStream::Stdout | LogStream::Stderr => self.out.data(format_args!("{head}{text}")),
        }
        Ok(())
    }

    /// Who wrote a line, in the colour of its service.
    fn head(&mut self, service: &str, replica: &str) -> String {
        if !self.prefix {
            return String::new();
        }
        let next = self.colours.len() as u8;
        let colour = *self.colours.entry(service.to_owned()).or_insert(next);
        self.width = self.width.max(replica.len());
        let name = format!("{replica:width$} | ", width = self.width);
        self.out.paint(Colour::Other(colour), name).to_string()
    }
}
