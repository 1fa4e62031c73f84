//! What a query costs, by the formula that reproduces most of the recorded costs: scalars and
//! money nothing, an object or plain list 1, a count 10, a connection 2 + m(first) × (1 + its
//! nodes), a mutation 10.

use async_graphql_parser::types::{Field, OperationType, Selection, SelectionSet};
use serde_json::Value;

use super::Prepared;
use super::input::evaluate;
use super::schema::{Schema, base_name};

/// Points.
pub(crate) type Cost = u32;

/// What is asked for.
pub(crate) fn requested(schema: &Schema, prepared: &Prepared) -> Cost {
    let mutation = prepared.operation.ty == OperationType::Mutation;
    let root = if mutation { "Mutation" } else { "QueryRoot" };
    Counter { schema, prepared, answer: false }.set(
        root,
        &prepared.operation.selection_set.node,
        None,
        Place::Root,
    )
}

/// What the answer was worth.
pub(crate) fn actual(schema: &Schema, prepared: &Prepared, data: &Value) -> Cost {
    let mutation = prepared.operation.ty == OperationType::Mutation;
    let root = if mutation { "Mutation" } else { "QueryRoot" };
    let set = &prepared.operation.selection_set.node;
    Counter { schema, prepared, answer: true }.set(root, set, Some(data), Place::Root)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// Directly in a mutation's payload, where objects are free.
    Payload,
    Inside,
}

struct Counter<'a> {
    schema: &'a Schema,
    prepared: &'a Prepared,
    /// Count the answer's nodes instead of what was asked for.
    answer: bool,
}

impl Counter<'_> {
    fn set(&self, ty: &str, set: &SelectionSet, data: Option<&Value>, place: Place) -> Cost {
        set.items
            .iter()
            .map(|item| match &item.node {
                Selection::Field(field) => self.field(ty, &field.node, data, place),
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map_or(ty, |on| on.node.on.node.as_str());
                    self.set(on, &inline.node.selection_set.node, data, place)
                }
                // Named fragments were put in place by `prepare`.
                Selection::FragmentSpread(_) => 0,
            })
            .sum()
    }

    fn field(&self, ty: &str, field: &Field, data: Option<&Value>, place: Place) -> Cost {
        let name = field.name.node.as_str();
        let Some(definition) = self.schema.field(ty, name, "unstable") else { return 0 };
        let base = base_name(&definition.ty);
        if !self.schema.is_composite(base) || matches!(base, "MoneyBag" | "MoneyV2" | "PageInfo") {
            return 0;
        }
        let data = data.and_then(|data| data.get(field.response_key().node.as_str()));
        if self.answer && data.is_none_or(Value::is_null) && ty != "Mutation" {
            return u32::from(place != Place::Payload);
        }
        let set = &field.selection_set.node;
        match (ty, name, base) {
            (_, _, "Count") => 10,
            ("Mutation", _, _) => mutation(name) + self.set(base, set, data, Place::Payload),
            ("Customer", "defaultAddress", _) => self.set(base, set, data, Place::Inside),
            _ if base.ends_with("Connection") => 2 + self.connection(base, field, data),
            _ => {
                let own = Cost::from(place != Place::Payload);
                own + self.set(base, set, data, Place::Inside)
            }
        }
    }

    fn connection(&self, base: &str, field: &Field, data: Option<&Value>) -> Cost {
        let mut cost = 0;
        for item in &field.selection_set.node.items {
            let Selection::Field(inner) = &item.node else { continue };
            let name = inner.node.name.node.as_str();
            let Some(definition) = self.schema.field(base, name, "unstable") else { continue };
            if !matches!(name, "nodes" | "edges") {
                continue;
            }
            let rows = data
                .and_then(|data| data.get(inner.node.response_key().node.as_str()))
                .and_then(Value::as_array);
            let count = match rows {
                Some(rows) if self.answer => rows.len() as u64,
                _ => self.asked(field),
            };
            let first = rows.and_then(|rows| rows.first());
            let (ty, set, first) = if name == "nodes" {
                (base_name(&definition.ty), &inner.node.selection_set.node, first)
            } else {
                let edge = base_name(&definition.ty);
                cost += multiplier(count) * (1 + self.edge(edge, &inner.node.selection_set.node, first));
                continue;
            };
            cost += multiplier(count) * (1 + self.set(ty, set, first, Place::Inside));
        }
        cost
    }

    /// The cost of `edges { node { … } }`: the node itself is counted by the connection.
    fn edge(&self, ty: &str, set: &SelectionSet, data: Option<&Value>) -> Cost {
        self.set(ty, set, data, Place::Inside).saturating_sub(1)
    }

    fn asked(&self, field: &Field) -> u64 {
        let of = |name: &str| {
            let literal = &field.get_argument(name)?.node;
            evaluate(literal, &self.prepared.variables)?.as_u64()
        };
        of("first").or_else(|| of("last")).unwrap_or(0)
    }
}

fn mutation(name: &str) -> Cost {
    if name == "fulfillmentTrackingInfoUpdate" { 50 } else { 10 }
}

/// 1 for one row, 2 ln n rounded down for more.
fn multiplier(rows: u64) -> Cost {
    // Thresholds of floor(2 ln n): n from which the multiplier holds.
    const STEPS: [(u64, Cost); 13] = [
        (245, 11),
        (149, 10),
        (91, 9),
        (55, 8),
        (34, 7),
        (21, 6),
        (13, 5),
        (8, 4),
        (5, 3),
        (3, 2),
        (2, 1),
        (1, 1),
        (0, 0),
    ];
    STEPS.iter().find(|(from, _)| rows >= *from).map_or(0, |(_, cost)| *cost)
}
