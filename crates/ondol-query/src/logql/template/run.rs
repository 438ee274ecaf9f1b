//! A template over the labels of a line.

use super::parse::{Command, Node, Pipe, Range, Term};
use super::value::Value;
use super::{OUTPUT_BYTES_MAX, STEPS_MAX, Scope, call};

pub(super) fn render(nodes: &[Node], scope: &Scope<'_>) -> Result<String, String> {
    let mut run = Run {
        scope,
        out: String::new(),
        variables: vec![(String::new(), Value::Labels)],
        steps: 0,
    };
    run.nodes(nodes, &Value::Labels)?;
    Ok(run.out)
}

struct Run<'a> {
    scope: &'a Scope<'a>,
    out: String,
    /// The innermost last. `$` has no name.
    variables: Vec<(String, Value)>,
    steps: u32,
}

/// What follows a node.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

impl Run<'_> {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, String> {
        for node in nodes {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Err(format!("the template takes more than {STEPS_MAX} steps"));
            }
            if self.out.len() > OUTPUT_BYTES_MAX {
                return Err(format!(
                    "the template makes more than {OUTPUT_BYTES_MAX} bytes"
                ));
            }
            let flow = match node {
                Node::Text(text) => {
                    self.out.push_str(text);
                    Flow::On
                }
                Node::Print(pipe) => {
                    let value = self.pipe(pipe, dot)?;
                    if pipe.sets.is_none() {
                        self.out
                            .push_str(&call::resolved(value, self.scope).shown());
                    }
                    Flow::On
                }
                Node::If(branches, otherwise) => self.condition(branches, otherwise, dot)?,
                Node::With(pipe, body, otherwise) => {
                    let known = self.variables.len();
                    let value = self.pipe(pipe, dot)?;
                    let flow = if value.is_true() {
                        self.nodes(body, &value)?
                    } else {
                        self.nodes(otherwise, dot)?
                    };
                    self.variables.truncate(known);
                    flow
                }
                Node::Range(range) => self.range(range, dot)?,
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn condition(
        &mut self,
        branches: &[(Pipe, Vec<Node>)],
        otherwise: &[Node],
        dot: &Value,
    ) -> Result<Flow, String> {
        let known = self.variables.len();
        let mut chosen = otherwise;
        for (condition, body) in branches {
            if self.pipe(condition, dot)?.is_true() {
                chosen = body;
                break;
            }
        }
        let flow = self.nodes(chosen, dot)?;
        self.variables.truncate(known);
        Ok(flow)
    }

    fn range(&mut self, range: &Range, dot: &Value) -> Result<Flow, String> {
        let known = self.variables.len();
        let items: Vec<(Value, Value)> = match self.pipe(&range.over, dot)? {
            Value::List(list) => (0..).map(Value::Int).zip(list).collect(),
            Value::Map(map) => {
                let pair = |(key, value)| (Value::Text(key), value);
                map.into_iter().map(pair).collect()
            }
            Value::Labels => {
                let pair = |(key, value)| (Value::Text(key), Value::Text(value));
                (self.scope.labels)().into_iter().map(pair).collect()
            }
            Value::Int(count) => {
                let count = count.clamp(0, i64::from(STEPS_MAX));
                (0..count)
                    .map(|at| (Value::Int(at), Value::Int(at)))
                    .collect()
            }
            Value::Nil => Vec::new(),
            Value::Text(text) if text.is_empty() => Vec::new(),
            other => return Err(format!("range cannot go over {}", other.shown())),
        };
        if items.is_empty() {
            self.nodes(&range.otherwise, dot)?;
        }
        for (index, item) in items {
            for (name, value) in range.names.iter().zip([&index, &item]) {
                if let Some(name) = name {
                    self.variables.push((name.clone(), value.clone()));
                }
            }
            let flow = self.nodes(&range.body, &item)?;
            self.variables.truncate(known);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, String> {
        let mut piped = None;
        for command in &pipe.commands {
            piped = Some(self.command(command, piped, dot)?);
        }
        let value = piped.unwrap_or_default();
        let Some(setting) = &pipe.sets else {
            return Ok(value);
        };
        if setting.declares {
            self.variables.push((setting.name.clone(), value.clone()));
        } else {
            let mut known = self.variables.iter_mut().rev();
            match known.find(|(name, _)| *name == setting.name) {
                Some((_, old)) => *old = value.clone(),
                None => return Err(format!("there is no variable ${}", setting.name)),
            }
        }
        Ok(value)
    }

    fn command(
        &mut self,
        command: &Command,
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value, String> {
        let Term::Function(name) = &command.head else {
            if !command.args.is_empty() || piped.is_some() {
                return Err("a value that is no function cannot take arguments".to_owned());
            }
            return self.term(&command.head, dot);
        };
        // These two stop at the first argument that decides.
        if let "and" | "or" = name.as_str() {
            let mut last = None;
            for arg in &command.args {
                let value = self.term(arg, dot)?;
                if value.is_true() != (name == "and") {
                    return Ok(value);
                }
                last = Some(value);
            }
            return piped.or(last).ok_or(format!("{name} needs an argument"));
        }
        let mut args = Vec::with_capacity(command.args.len() + 1);
        for arg in &command.args {
            args.push(self.term(arg, dot)?);
        }
        args.extend(piped);
        call::call(name, &args, self.scope)
    }

    fn term(&mut self, term: &Term, dot: &Value) -> Result<Value, String> {
        match term {
            Term::Value(value) => Ok(value.clone()),
            Term::Field(fields) => self.fields(dot.clone(), fields),
            Term::Variable(name, fields) => {
                let mut known = self.variables.iter().rev();
                let found = known.find(|(of, _)| of == name);
                let value = found.map(|(_, value)| value.clone());
                let value = value.ok_or(format!("there is no variable ${name}"))?;
                self.fields(value, fields)
            }
            Term::Pipe(pipe, fields) => {
                let value = self.pipe(pipe, dot)?;
                self.fields(value, fields)
            }
            Term::Function(name) => call::call(name, &[], self.scope),
        }
    }

    fn fields(&self, mut value: Value, fields: &[String]) -> Result<Value, String> {
        for field in fields {
            value = match value {
                Value::Labels => Value::Text((self.scope.label)(field)),
                Value::Map(mut map) => map.remove(field).unwrap_or_default(),
                Value::Nil => Value::Nil,
                other => return Err(format!("{} has no field {field}", other.shown())),
            };
        }
        Ok(value)
    }
}
