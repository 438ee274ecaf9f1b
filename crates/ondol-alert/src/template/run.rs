//! Fills a template in.

use super::call::{self, Scope};
use super::parse::{Block, Operand, Pipeline, Root, Step};
use super::value::Value;
use super::{TemplateContext, Unfilled};
use crate::sample::Sample;

/// A text that is longer is cut down to a failure.
const OUTPUT_MAX: usize = 64 << 10;
/// Steps of one filling in; `range` repeats them.
const STEPS_MAX: usize = 20_000;

pub(super) fn run(block: &Block, context: &TemplateContext<'_>) -> Result<String, Unfilled> {
    let labels = |labels: &crate::Labels| Value::Labels(labels.clone());
    let variables = [
        ("", Value::All),
        ("labels", labels(context.labels)),
        ("value", Value::Number(context.value)),
        ("externalLabels", labels(context.external_labels)),
        ("externalURL", Value::Text(context.external_url.to_owned())),
    ];
    let mut run = Run {
        scope: Scope { context },
        variables: variables
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec(),
        output: String::new(),
        steps: 0,
    };
    run.block(block, &Value::All)?;
    Ok(run.output)
}

/// How a block ended.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Through,
    Break,
    Continue,
}

struct Run<'a> {
    scope: Scope<'a>,
    variables: Vec<(String, Value)>,
    output: String,
    steps: usize,
}

impl Run<'_> {
    fn block(&mut self, block: &Block, dot: &Value) -> Result<Flow, Unfilled> {
        let known = self.variables.len();
        let mut flow = Flow::Through;
        for step in block {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Err(failed(format!("it takes more than {STEPS_MAX} steps")));
            }
            flow = self.step(step, dot)?;
            if flow != Flow::Through {
                break;
            }
        }
        self.variables.truncate(known);
        Ok(flow)
    }

    fn step(&mut self, step: &Step, dot: &Value) -> Result<Flow, Unfilled> {
        let known = self.variables.len();
        let mut flow = Flow::Through;
        match step {
            Step::Text(text) => self.write(text)?,
            Step::Print(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                return match pipeline.sets.is_empty() {
                    true => self.write(&value.print()).map(|()| Flow::Through),
                    false => Ok(Flow::Through),
                };
            }
            Step::If(branches, otherwise) => {
                for (pipeline, body) in branches {
                    if self.pipeline(pipeline, dot)?.is_true() {
                        let flow = self.block(body, dot)?;
                        self.variables.truncate(known);
                        return Ok(flow);
                    }
                }
                flow = self.block(otherwise, dot)?;
            }
            Step::With(pipeline, body, otherwise) => {
                let value = self.pipeline(pipeline, dot)?;
                flow = match value.is_true() {
                    true => self.block(body, &value)?,
                    false => self.block(otherwise, dot)?,
                };
            }
            Step::Range(pipeline, body, otherwise) => {
                flow = self.range(pipeline, body, otherwise, dot)?;
            }
            Step::Break => return Ok(Flow::Break),
            Step::Continue => return Ok(Flow::Continue),
        }
        self.variables.truncate(known);
        Ok(flow)
    }

    fn range(
        &mut self,
        pipeline: &Pipeline,
        body: &Block,
        otherwise: &Block,
        dot: &Value,
    ) -> Result<Flow, Unfilled> {
        let of = self.commands(&pipeline.commands, dot)?;
        let items: Vec<(Value, Value)> = match of {
            Value::Vector(samples) => (0..)
                .map(Value::Whole)
                .zip(samples.into_iter().map(Value::Sample))
                .collect(),
            Value::Labels(labels) => labels
                .into_iter()
                .map(|(name, value)| (Value::Text(name), Value::Text(value)))
                .collect(),
            Value::Nil => Vec::new(),
            other => return Err(failed(format!("`range` goes through no {}", other.what()))),
        };
        if items.is_empty() {
            return self.block(otherwise, dot);
        }
        for (place, item) in items {
            let known = self.variables.len();
            match &pipeline.sets[..] {
                [only] => self.variables.push((only.clone(), item.clone())),
                [first, second, ..] => {
                    self.variables.push((first.clone(), place));
                    self.variables.push((second.clone(), item.clone()));
                }
                [] => {}
            }
            let flow = self.block(body, &item)?;
            self.variables.truncate(known);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Through)
    }

    /// The value of a pipeline, which its variables get too.
    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Unfilled> {
        let value = self.commands(&pipeline.commands, dot)?;
        for name in &pipeline.sets {
            let known = self
                .variables
                .iter_mut()
                .rev()
                .find(|(known, _)| known == name);
            match known {
                Some((_, place)) if !pipeline.declares => *place = value.clone(),
                _ => self.variables.push((name.clone(), value.clone())),
            }
        }
        Ok(value)
    }

    fn commands(&mut self, commands: &[Vec<Operand>], dot: &Value) -> Result<Value, Unfilled> {
        let mut piped = None;
        for command in commands {
            self.steps += 1;
            piped = Some(self.command(command, piped, dot)?);
        }
        Ok(piped.unwrap_or(Value::Nil))
    }

    fn command(
        &mut self,
        command: &[Operand],
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value, Unfilled> {
        let Some((Operand::Function(name), operands)) = command.split_first() else {
            return match command.first() {
                Some(operand) => self.operand(operand, dot),
                None => Ok(Value::Nil),
            };
        };
        let mut values = Vec::new();
        for operand in operands {
            let value = self.operand(operand, dot)?;
            let decides = match *name {
                "and" => !value.is_true(),
                "or" => value.is_true(),
                _ => false,
            };
            values.push(value);
            if decides {
                break;
            }
        }
        values.extend(piped);
        call::call(name, values, &self.scope)
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Unfilled> {
        let (root, fields) = match operand {
            Operand::Constant(value) => return Ok(value.clone()),
            Operand::Function(name) => return call::call(name, Vec::new(), &self.scope),
            Operand::Of(root, fields) => (root, fields),
        };
        let mut value = match root {
            Root::Dot => dot.clone(),
            Root::Parens(pipeline) => self.pipeline(pipeline, dot)?,
            Root::Variable(name) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                known.map_or(Value::Nil, |(_, value)| value.clone())
            }
        };
        for field in fields {
            value = self.field(value, field)?;
        }
        Ok(value)
    }

    fn field(&self, value: Value, name: &str) -> Result<Value, Unfilled> {
        let context = self.scope.context;
        Ok(match (value, name) {
            (Value::Labels(labels), name) => {
                Value::Text(labels.get(name).cloned().unwrap_or_default())
            }
            (Value::All, "Labels") => Value::Labels(context.labels.clone()),
            (Value::All, "Value") => Value::Number(context.value),
            (Value::All, "ExternalLabels") => Value::Labels(context.external_labels.clone()),
            (Value::All, "ExternalURL") => Value::Text(context.external_url.to_owned()),
            (Value::Sample(Sample { labels, .. }), "Labels") => Value::Labels(labels),
            (Value::Sample(Sample { value, .. }), "Value") => Value::Number(value),
            (other, name) => return Err(failed(format!("{} has no `.{name}`", other.what()))),
        })
    }

    fn write(&mut self, text: &str) -> Result<(), Unfilled> {
        if self.output.len() + text.len() > OUTPUT_MAX {
            return Err(failed(format!("it becomes longer than {OUTPUT_MAX} bytes")));
        }
        self.output.push_str(text);
        Ok(())
    }
}

pub(super) fn failed(message: String) -> Unfilled {
    Unfilled::Failed(message)
}
