use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A route of the edge, and what becomes of a request there when one was asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteState {
    /// Port of the edge.
    pub port: u16,
    /// Project that it is written in.
    pub project: String,
    /// Service that it is written in.
    pub service: String,
    /// Host and path that it matches: `shop.example/api`, `= /exact`, `~ /expression`.
    pub matches: String,
    /// What else a request must have: `method GET`, `cookie beta`.
    pub wants: Vec<String>,
    /// What it does beside sending requests on: `split web 90, web-next 10`.
    pub does: Vec<String>,
    /// What became of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<RouteOutcome>,
    /// Why, when it did not win: `its path begins with /api, and this is /`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What becomes of a request at a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteOutcome {
    /// The route gets it.
    Wins,
    /// It fits, but another one goes first.
    Outranked,
    /// It does not fit.
    Differs,
}

/// A request that routes are asked about. Nothing is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteAsk {
    /// `http://shop.example:8080/api?x=1`, `shop.example/api` or `/api`.
    pub url: String,
    /// `GET` when it is empty.
    #[serde(default)]
    pub method: String,
    /// `Name: value`, one for each line.
    #[serde(default)]
    pub headers: String,
}
