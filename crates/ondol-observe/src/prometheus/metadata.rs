//! `/api/v1/metadata`: what metrics are.

use serde_json::{Map, Value, json};

use super::envelope::{Done, Failure};
use super::query::limit;
use crate::server::Params;
use crate::shared::Shared;

pub(super) fn metadata(params: &Params, shared: &Shared) -> Result<Done, Failure> {
    let (most, wanted) = (limit(params)?, params.get("metric"));
    let samples = shared.stores.samples.read();
    let mut families = Map::new();
    for (family, known) in samples.metadata() {
        if most > 0 && families.len() >= most {
            break;
        }
        if wanted.is_none_or(|wanted| wanted == family) {
            let kind = if known.kind.is_empty() {
                "unknown"
            } else {
                known.kind
            };
            let one = json!([{ "type": kind, "help": known.help, "unit": known.unit }]);
            families.insert(family.to_owned(), one);
        }
    }
    Ok(Done::of_value(&Value::Object(families)))
}
