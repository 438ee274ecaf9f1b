//! Follows what RUN lines do to an image's own system: packages that are installed are fetched instead, users that
//! are made are noted. What is left of the line runs. Pure.

use crate::UserEntry;

mod apk;

/// What a RUN line's script comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Followed {
    /// Debian packages that it installs.
    pub(crate) packages: Vec<String>,
    pub(crate) users: Vec<UserEntry>,
    /// What is left to run; `None` when nothing is.
    pub(crate) script: Option<String>,
    /// What cannot be followed, for people.
    pub(crate) unknown: Vec<String>,
}

/// The first id for users that ask for none; Debian's first for people.
const FIRST_ID: u32 = 1000;

/// Takes a script of `/bin/sh` apart at `&&`, `||`, `;` and line ends outside of quotes, as far as it is plain.
pub(crate) fn follow(script: &str) -> Followed {
    let mut followed = Followed::default();
    let mut left = String::new();
    let mut works = false;
    for piece in pieces(script) {
        let Piece::Command(command) = piece else {
            let Piece::Between(text) = piece else {
                continue;
            };
            left.push_str(text);
            continue;
        };
        let words = words(command);
        if swallow(&words, &mut followed) {
            left.push_str(" : ");
        } else {
            works |= !words.is_empty() && !is_inert(&words);
            left.push_str(command);
        }
    }
    followed.script = works.then_some(left);
    followed
}

/// The words of a command that does nothing by itself.
fn is_inert(words: &[String]) -> bool {
    matches!(words[0].as_str(), "set" | ":" | "true" | "export")
        || words.iter().all(|word| word.is_empty())
}

/// Notes what a command that manages the system does; `false` leaves it to be run.
fn swallow(words: &[String], followed: &mut Followed) -> bool {
    let words: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .skip_while(|word| *word == "sudo" || is_assignment(word))
        .collect();
    let Some((&program, args)) = words.split_first() else {
        return false;
    };
    match program {
        "apt-get" | "apt" | "aptitude" => apt(args, followed),
        "apk" => alpine(args, followed),
        "yum" | "dnf" | "microdnf" | "zypper" | "pacman" => {
            followed.unknown.push(format!(
                "`{}` installs packages of another distribution; name Debian's in x-ondol.packages",
                words.join(" ")
            ));
            true
        }
        "adduser" | "useradd" => user(args, followed),
        "addgroup" | "groupadd" => user(args, followed),
        "update-ca-certificates" | "ldconfig" | "dpkg-reconfigure" => true,
        "corepack" => false,
        "rm" => args
            .iter()
            .filter(|arg| !arg.starts_with('-'))
            .all(|path| path.starts_with("/var/lib/apt/") || path.starts_with("/var/cache/ap")),
        _ => false,
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    })
}

fn apt(args: &[&str], followed: &mut Followed) -> bool {
    let mut operands = Vec::new();
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        match arg {
            "-o" | "-t" | "-c" | "--option" | "--target-release" => {
                args.next();
            }
            _ if arg.starts_with('-') => {}
            _ => operands.push(arg),
        }
    }
    if let Some((&"install", packages)) = operands.split_first() {
        for package in packages {
            let name = package.split_once('=').map_or(*package, |(name, _)| name);
            if name.contains(['$', '`', '/', '*', '(']) {
                followed.unknown.push(format!(
                    "`apt-get install {package}` is not the plain name of a package"
                ));
            } else {
                followed.packages.push(name.to_string());
            }
        }
    }
    true
}

fn alpine(args: &[&str], followed: &mut Followed) -> bool {
    let mut operands = Vec::new();
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        match arg {
            "-t" | "--virtual" | "-X" | "--repository" | "-p" | "--root" | "--arch" => {
                args.next();
            }
            _ if arg.starts_with('-') => {}
            _ => operands.push(arg),
        }
    }
    if let Some((&"add", packages)) = operands.split_first() {
        for package in packages {
            let end = package
                .find(['=', '<', '>', '~', '@'])
                .unwrap_or(package.len());
            match apk::debian(&package[..end]) {
                Some(names) => followed.packages.extend(names.split_whitespace().map(str::to_string)),
                None => followed.unknown.push(format!(
                    "Alpine's package `{package}` has no known counterpart; name Debian's in x-ondol.packages and \
                     leave it out for Ondol"
                )),
            }
        }
    }
    true
}

/// `adduser`, `useradd`, `addgroup`, `groupadd` of Debian and of BusyBox.
fn user(args: &[&str], followed: &mut Followed) -> bool {
    let (mut id, mut home, mut operands) = (None, None, Vec::new());
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        let (flag, inline) = match arg.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value)),
            _ => (arg, None),
        };
        let takes_value = matches!(
            flag,
            "-u" | "--uid"
                | "--gid"
                | "-h"
                | "-d"
                | "--home"
                | "--home-dir"
                | "-s"
                | "--shell"
                | "-G"
                | "--groups"
                | "--ingroup"
                | "-c"
                | "--comment"
                | "--gecos"
                | "-k"
                | "--skel"
                | "-K"
                | "--key"
                | "-p"
                | "--password"
        ) || (flag == "-g" && arg == "-g");
        let value = match inline {
            Some(value) => Some(value),
            None if takes_value => args.next().copied(),
            None => None,
        };
        match flag {
            "-u" | "--uid" => id = value.and_then(|value| value.parse().ok()),
            "-g" | "--gid" if id.is_none() => id = value.and_then(|value| value.parse().ok()),
            "-h" | "-d" | "--home" | "--home-dir" => home = value.map(str::to_string),
            _ if flag.starts_with('-') => {}
            _ => operands.push(arg),
        }
    }
    // Two names put a user into a group: there is nothing to make.
    if let [name] = operands.as_slice() {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.contains('$') || !name.chars().all(plain) {
            return false;
        }
        let home = home.unwrap_or_else(|| format!("/home/{name}"));
        let next = followed.users.iter().map(|user| user.id + 1).max();
        let id = id.unwrap_or_else(|| next.unwrap_or(FIRST_ID).max(FIRST_ID));
        if !followed.users.iter().any(|user| user.name == *name) {
            followed.users.push(UserEntry {
                name: (*name).to_string(),
                id,
                home,
            });
        }
    }
    true
}

enum Piece<'a> {
    Command(&'a str),
    Between(&'a str),
}

/// Cuts at operators outside of quotes, substitutions and brackets. Inside of a compound command (`if`, `for`,
/// `{`, `(`, a pipe) nothing is cut: it is one command.
fn pieces(script: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut begin = 0;
    let mut quote = None;
    let mut nested = 0_u32;
    let mut skip_to = 0;
    for (at, c) in script.char_indices() {
        if at < skip_to {
            continue;
        }
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => {
                skip_to = at + 1 + script[at + 1..].chars().next().map_or(0, char::len_utf8)
            }
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '(' | '{') => nested += 1,
            (None, ')' | '}') => nested = nested.saturating_sub(1),
            (None, '&' | '|' | ';' | '\n') if nested == 0 => {
                let rest = &script[at..];
                let len = if rest.starts_with("&&") || rest.starts_with("||") {
                    2
                } else {
                    1
                };
                let single = len == 1 && matches!(c, '&' | '|');
                if !single {
                    pieces.push(Piece::Command(&script[begin..at]));
                    pieces.push(Piece::Between(&script[at..at + len]));
                    begin = at + len;
                }
                skip_to = at + len;
            }
            _ => {}
        }
    }
    pieces.push(Piece::Command(&script[begin..]));
    let compound = pieces.iter().any(|piece| match piece {
        Piece::Command(command) => {
            let first = command.split_whitespace().next().unwrap_or_default();
            matches!(
                first,
                "if" | "for" | "while" | "until" | "case" | "function"
            ) || command.contains("<<")
        }
        Piece::Between(_) => false,
    });
    if compound {
        return vec![Piece::Command(script)];
    }
    pieces
}

/// Words without their quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut any = false;
    let mut quote = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => (quote, any) = (Some(c), true),
            (None, '#') if word.is_empty() && !any => break,
            (None, _) if c.is_whitespace() => {
                if !word.is_empty() || any {
                    words.push(std::mem::take(&mut word));
                    any = false;
                }
            }
            (None | Some('"'), '\\') => word.extend(chars.next().filter(|c| *c != '\n')),
            _ => word.push(c),
        }
    }
    if !word.is_empty() || any {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_taken_out_of_a_line_and_the_rest_stays() {
        let followed = follow(
            "apt-get update && apt-get install -y --no-install-recommends \\\n curl=7.* libpq-dev && rm -rf \
             /var/lib/apt/lists/* && pip install x",
        );
        assert_eq!(followed.packages, ["curl", "libpq-dev"]);
        assert_eq!(
            followed.script.as_deref(),
            Some(" : && : && : && pip install x")
        );
        assert!(followed.unknown.is_empty());
    }

    #[test]
    fn a_line_that_only_manages_the_system_leaves_nothing_to_run() {
        let followed = follow(
            "set -eux; apk add --no-cache --virtual .deps curl g++; rm -rf /var/cache/apk/*",
        );
        assert_eq!(followed.packages, ["curl", "g++"]);
        assert_eq!(followed.script, None);
    }

    #[test]
    fn what_has_no_counterpart_is_named() {
        let followed = follow("apk add nosuch && yum install -y curl");
        assert_eq!(followed.unknown.len(), 2);
        assert!(followed.unknown[0].contains("`nosuch`"));
    }

    #[test]
    fn users_are_noted() {
        let followed = follow(
            "addgroup -S app && adduser -S -D -h /app -u 1500 -G app app2 && useradd --uid=77 --no-create-home web",
        );
        let users: Vec<_> = followed
            .users
            .iter()
            .map(|user| (user.name.as_str(), user.id, user.home.as_str()))
            .collect();
        assert_eq!(
            users,
            [
                ("app", 1000, "/home/app"),
                ("app2", 1500, "/app"),
                ("web", 77, "/home/web")
            ]
        );
        assert_eq!(followed.script, None);
    }

    #[test]
    fn compound_commands_and_quotes_are_left_alone() {
        for script in [
            "if true; then apt-get install -y x; fi",
            "echo 'a && apt-get install b'",
            "curl x | sh",
            "(cd /x && make)",
            "echo \"$(apt-get install y)\"",
            "cat <<E\napt-get install x\nE",
        ] {
            let followed = follow(script);
            assert_eq!(followed.script.as_deref(), Some(script));
            assert!(followed.packages.is_empty(), "{script}");
        }
    }
}
