//! Two trees in long form to one (Compose specification, "Merge and override").

use crate::grammar::Shape;
use crate::normalise::unique;
use crate::tree::{Map, Mark, Node, Value};

/// `over` laid over `base`. Both are in long form; `!reset` and `!override` in `over` do their work.
pub(crate) fn merge(base: Node, over: Node, shape: &'static Shape) -> Node {
    if over.mark != Mark::None || base.mark == Mark::Reset {
        return over;
    }
    let (span, mark) = (over.span, base.mark);
    let value = match (base.value, over.value) {
        (base, Value::Null) if !matches!(shape, Shape::Any) => base,
        (Value::Map(base), Value::Map(over)) => match shape.long() {
            Shape::MergedIfSame(key, _) if differs(&base, &over, key) => Value::Map(over),
            long => Value::Map(merge_maps(base, over, long)),
        },
        (Value::List(mut base), Value::List(over)) => match shape {
            Shape::Words | Shape::ShellOr(_) => Value::List(over),
            Shape::Unique(_, identity) | Shape::OneOrMany(_, identity) => {
                base.extend(over);
                Value::List(unique(base, *identity))
            }
            _ => {
                base.extend(over);
                Value::List(base)
            }
        },
        (_, over) => over,
    };
    Node { value, span, mark }
}

fn differs(base: &Map, over: &Map, key: &str) -> bool {
    match (base.get(key), over.get(key)) {
        (Some(base), Some(over)) => base.node != over.node,
        _ => false,
    }
}

fn merge_maps(mut base: Map, over: Map, shape: &'static Shape) -> Map {
    for (name, mut entry) in over {
        let below = shape_below(shape, &name);
        let is_own = name.starts_with("x-") && matches!(below, Shape::Any);
        // In a mapping of NAME=value, nothing is a value too: it is taken from the environment.
        let replaces = is_own || (matches!(shape, Shape::Pairs) && entry.node.mark == Mark::None);
        if let Some(under) = base.remove(&name)
            && !replaces
        {
            entry.node = merge(under.node, entry.node, below);
        }
        base.insert(name, entry);
    }
    base
}

fn shape_below(shape: &'static Shape, name: &str) -> &'static Shape {
    match shape {
        Shape::Object(object) | Shape::MergedIfSame(_, Shape::Object(object)) => {
            object.key(name).map_or(&Shape::Any, |key| key.shape)
        }
        Shape::Map(inner) | Shape::Names(inner) => inner,
        _ => &Shape::Any,
    }
}

/// Takes out what was reset, once nothing more is merged.
pub(crate) fn settle(node: &mut Node) {
    node.mark = Mark::None;
    match &mut node.value {
        Value::Map(map) => {
            map.retain(|_, entry| entry.node.mark != Mark::Reset);
            for entry in map.values_mut() {
                settle(&mut entry.node);
            }
        }
        Value::List(items) => {
            items.retain(|item| item.mark != Mark::Reset);
            items.iter_mut().for_each(settle);
        }
        _ => {}
    }
}
