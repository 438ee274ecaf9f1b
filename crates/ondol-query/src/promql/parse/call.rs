//! `rate(up[5m])`

use super::super::ast::{Call, Expr};
use super::super::function::Function;
use super::super::token::Kind;
use super::{Parser, Refused, refuse};
use crate::quote::Quoted;

impl Parser<'_> {
    pub(super) fn call(&mut self) -> Result<Expr, Refused> {
        let name = self.skip();
        let text = self.text_of(name);
        let Some(function) = Function::named(text) else {
            return refuse(name, format!("unknown function with name {}", Quoted(text)));
        };
        if function.experimental && !self.features.experimental_functions {
            return refuse(name, format!("function {} is not enabled", Quoted(text)));
        }
        let args = self.args()?;
        Ok(Expr::Call(Call {
            function,
            args,
            place: super::Place::new(name.start, self.end_of_last()),
        }))
    }

    /// Arguments in parentheses.
    pub(super) fn args(&mut self) -> Result<Vec<Expr>, Refused> {
        self.expect(&Kind::LeftParen, "", "")?;
        let mut args = Vec::new();
        if self.take(&Kind::RightParen).is_some() {
            return Ok(args);
        }
        loop {
            args.push(self.expr(0)?);
            match self.take(&Kind::Comma) {
                Some(comma) if self.peek().kind == Kind::RightParen => {
                    return refuse(comma, "trailing commas not allowed in function call args");
                }
                Some(_) => {}
                None => {
                    self.expect(&Kind::RightParen, "", "")?;
                    return Ok(args);
                }
            }
        }
    }
}
