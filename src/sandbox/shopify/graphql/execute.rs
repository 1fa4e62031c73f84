//! Runs a checked request: resolves the root fields, then cuts the answer out of their JSON.

use async_graphql_parser::Pos;
use async_graphql_parser::types::{Field, OperationType, Selection, SelectionSet, Type};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::input::evaluate;
use super::schema::{FieldDef, Schema, base_name, is_list};
use super::{GraphError, Prepared};

/// Most rows that one connection gives.
const PAGE_MAX: u64 = 250;

/// What the schema's root fields stand for.
pub(crate) trait Resolver {
    /// A root field of the query. The JSON holds every field of its type; a connection inside is
    /// a plain array, and `{"$ref": id}` stands for another node.
    fn query(&mut self, field: &str, arguments: &Map<String, Value>) -> Result<Resolved, GraphError>;
    fn mutate(&mut self, field: &str, arguments: &Map<String, Value>) -> Result<Value, GraphError>;
    fn node(&mut self, id: &str) -> Option<Value>;
    /// Why this field is not given to the app.
    fn denied(&self, ty: &str, field: &str) -> Option<String>;
}

pub(crate) enum Resolved {
    Json(Value),
    Page(Page),
}

/// Rows that are already cut, with a cursor each.
#[derive(Default)]
pub(crate) struct Page {
    pub rows: Vec<(String, Value)>,
    pub has_next: bool,
    pub has_previous: bool,
}

pub(crate) struct Execution {
    pub data: Value,
    pub errors: Vec<GraphError>,
}

/// A null that climbs to the next field that may be null.
struct Climb;

struct Run<'a> {
    schema: &'a Schema,
    prepared: &'a Prepared,
    resolver: &'a mut dyn Resolver,
    path: Vec<Value>,
    errors: Vec<GraphError>,
}

pub(crate) fn run(schema: &Schema, prepared: &Prepared, resolver: &mut dyn Resolver) -> Execution {
    let mut run = Run { schema, prepared, resolver, path: Vec::new(), errors: Vec::new() };
    let data = run.root().unwrap_or(Value::Null);
    Execution { data, errors: run.errors }
}

impl Run<'_> {
    fn root(&mut self) -> Result<Value, Climb> {
        let prepared = self.prepared;
        let mutation = prepared.operation.ty == OperationType::Mutation;
        let root = if mutation { "Mutation" } else { "QueryRoot" };
        let mut answer = Map::new();
        for field in self.collect(root, &prepared.operation.selection_set.node) {
            let name = field.name.node.as_str();
            let key = field.response_key().node.as_str().to_owned();
            let Some(definition) = self.schema.field(root, name, "unstable") else {
                answer.insert(key, root.into());
                continue;
            };
            self.path.push(key.clone().into());
            let arguments = self.arguments(definition, field);
            let resolved = match refuse_page(definition, &arguments) {
                Some(refusal) => Err(refusal),
                None if mutation => self.resolver.mutate(name, &arguments).map(Resolved::Json),
                None => self.resolver.query(name, &arguments),
            };
            let value = match resolved {
                Ok(Resolved::Json(value)) => self.value(&value, &definition.ty, field, &arguments),
                Ok(Resolved::Page(page)) => self.page(&page, base_name(&definition.ty), field),
                Err(error) => self.failed(error, field.name.pos, &definition.ty),
            };
            self.path.pop();
            answer.insert(key, value?);
        }
        Ok(Value::Object(answer))
    }

    fn failed(&mut self, mut error: GraphError, at: Pos, ty: &Type) -> Result<Value, Climb> {
        error.locations = vec![at];
        error.path.clone_from(&self.path);
        self.errors.push(error);
        if ty.nullable { Ok(Value::Null) } else { Err(Climb) }
    }

    /// The fields selected on a concrete type, fragments resolved.
    fn collect<'s>(&self, ty: &str, set: &'s SelectionSet) -> Vec<&'s Field> {
        let mut fields = Vec::new();
        self.gather(ty, set, &mut fields);
        fields
    }

    fn gather<'s>(&self, ty: &str, set: &'s SelectionSet, fields: &mut Vec<&'s Field>) {
        for item in &set.items {
            if self.left_out(&item.node) {
                continue;
            }
            match &item.node {
                Selection::Field(field) => fields.push(&field.node),
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map(|on| on.node.on.node.as_str());
                    if on.is_none_or(|on| on == ty || self.schema.is_abstract(on)) {
                        self.gather(ty, &inline.node.selection_set.node, fields);
                    }
                }
                // Named fragments were put in place by `prepare`.
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn left_out(&self, selection: &Selection) -> bool {
        selection.directives().iter().any(|directive| {
            let on = directive.node.get_argument("if");
            let on =
                on.and_then(|on| evaluate(&on.node, &self.prepared.variables)) == Some(Value::Bool(true));
            match directive.node.name.node.as_str() {
                "skip" => on,
                "include" => !on,
                _ => false,
            }
        })
    }

    fn arguments(&self, definition: &FieldDef, field: &Field) -> Map<String, Value> {
        let mut arguments = Map::new();
        for known in &definition.arguments {
            let given = field.get_argument(&known.name);
            let given = given.and_then(|given| evaluate(&given.node, &self.prepared.variables));
            if let Some(value) = given.or_else(|| known.default.clone()) {
                arguments.insert(known.name.clone(), value);
            }
        }
        arguments
    }

    fn value(
        &mut self,
        value: &Value,
        ty: &Type,
        field: &Field,
        arguments: &Map<String, Value>,
    ) -> Result<Value, Climb> {
        let base = base_name(ty);
        match value {
            Value::Null => Ok(Value::Null),
            Value::Array(rows) if base.ends_with("Connection") => {
                let page = cut(rows, arguments);
                self.page(&page, base, field)
            }
            Value::Array(rows) if is_list(ty) => {
                let first = arguments.get("first").and_then(Value::as_u64).unwrap_or(u64::MAX);
                let most = usize::try_from(first).unwrap_or(usize::MAX);
                let mut shown = Vec::with_capacity(rows.len().min(most));
                for (at, row) in rows.iter().take(most).enumerate() {
                    self.path.push(at.into());
                    let row = self.single(row, base, field);
                    self.path.pop();
                    shown.push(row?);
                }
                Ok(Value::Array(shown))
            }
            single => self.single(single, base, field),
        }
    }

    fn single(&mut self, value: &Value, base: &str, field: &Field) -> Result<Value, Climb> {
        if !self.schema.is_composite(base) || value.is_null() {
            return Ok(value.clone());
        }
        if let Some(id) = value.get("$ref").and_then(Value::as_str) {
            let node = self.resolver.node(id).unwrap_or(Value::Null);
            return if node.is_null() { Ok(Value::Null) } else { self.object(&node, base, field) };
        }
        self.object(value, base, field)
    }

    fn object(&mut self, value: &Value, base: &str, field: &Field) -> Result<Value, Climb> {
        let ty = value.get("__typename").and_then(Value::as_str).unwrap_or(base).to_owned();
        let mut answer = Map::new();
        for inner in self.collect(&ty, &field.selection_set.node) {
            let name = inner.name.node.as_str();
            let key = inner.response_key().node.as_str().to_owned();
            let Some(definition) = self.schema.field(&ty, name, "unstable") else {
                answer.insert(key, ty.clone().into());
                continue;
            };
            self.path.push(key.clone().into());
            let shown = self.inner(value, &ty, name, definition, inner);
            self.path.pop();
            match shown {
                Ok(shown) => merge(&mut answer, key, shown),
                Err(Climb) => return Err(Climb),
            }
        }
        Ok(Value::Object(answer))
    }

    fn inner(
        &mut self,
        value: &Value,
        ty: &str,
        name: &str,
        definition: &FieldDef,
        field: &Field,
    ) -> Result<Value, Climb> {
        let arguments = self.arguments(definition, field);
        if let Some(why) = self.resolver.denied(ty, name) {
            let error = GraphError::code(why, "ACCESS_DENIED");
            return self.failed(error, field.name.pos, &definition.ty);
        }
        if let Some(refusal) = refuse_page(definition, &arguments) {
            return self.failed(refusal, field.name.pos, &definition.ty);
        }
        let inner = value.get(name).unwrap_or(&Value::Null);
        self.value(inner, &definition.ty, field, &arguments)
    }

    fn page(&mut self, page: &Page, connection: &str, field: &Field) -> Result<Value, Climb> {
        let mut answer = Map::new();
        for inner in self.collect(connection, &field.selection_set.node) {
            let key = inner.response_key().node.as_str().to_owned();
            self.path.push(key.clone().into());
            let shown = match inner.name.node.as_str() {
                "pageInfo" => self.object(&page_info(page), "PageInfo", inner),
                "nodes" => self.rows(page, connection, inner, false),
                "edges" => self.rows(page, connection, inner, true),
                _ => Ok(connection.into()),
            };
            self.path.pop();
            answer.insert(key, shown?);
        }
        Ok(Value::Object(answer))
    }

    fn rows(&mut self, page: &Page, connection: &str, field: &Field, edges: bool) -> Result<Value, Climb> {
        let part = if edges { "edges" } else { "nodes" };
        let Some(definition) = self.schema.field(connection, part, "unstable") else {
            return Ok(Value::Null);
        };
        let ty = base_name(&definition.ty);
        let mut rows = Vec::with_capacity(page.rows.len());
        for (at, (cursor, node)) in page.rows.iter().enumerate() {
            self.path.push(at.into());
            let row = if edges {
                self.single(&json!({ "cursor": cursor, "node": node }), ty, field)
            } else {
                self.single(node, ty, field)
            };
            self.path.pop();
            rows.push(row?);
        }
        Ok(Value::Array(rows))
    }
}

/// A connection is asked for in pages, of no more than so many rows.
fn refuse_page(definition: &FieldDef, arguments: &Map<String, Value>) -> Option<GraphError> {
    if !base_name(&definition.ty).ends_with("Connection") {
        return None;
    }
    let size = |name: &str| arguments.get(name).and_then(Value::as_i64);
    let (first, last) = (size("first"), size("last"));
    let message = match (first, last) {
        (None, None) => "you must provide one of first or last",
        (Some(_), Some(_)) => "providing both first and last is not supported",
        (Some(first), _) if first < 0 => "first cannot be negative",
        (Some(first), _) if u64::try_from(first).is_ok_and(|first| first > PAGE_MAX) => {
            "first cannot exceed 250"
        }
        (_, Some(last)) if u64::try_from(last).map_or(true, |last| last > PAGE_MAX) => {
            "last cannot exceed 250"
        }
        _ => return None,
    };
    Some(GraphError::code(message, "BAD_REQUEST"))
}

/// Selecting a field twice merges its parts.
fn merge(answer: &mut Map<String, Value>, key: String, value: Value) {
    match (answer.get_mut(&key), value) {
        (Some(Value::Object(there)), Value::Object(more)) => {
            for (key, value) in more {
                merge(there, key, value);
            }
        }
        (_, value) => {
            answer.insert(key, value);
        }
    }
}

fn page_info(page: &Page) -> Value {
    json!({
        "hasNextPage": page.has_next,
        "hasPreviousPage": page.has_previous,
        "startCursor": page.rows.first().map(|(cursor, _)| cursor),
        "endCursor": page.rows.last().map(|(cursor, _)| cursor),
    })
}

/// Cuts a child list by `first`, `last`, `after` and `before`; cursors are positions of ids.
fn cut(rows: &[Value], arguments: &Map<String, Value>) -> Page {
    let mut rows: Vec<(String, &Value)> = rows.iter().map(|row| (cursor_of(row), row)).collect();
    if arguments.get("reverse") == Some(&Value::Bool(true)) {
        rows.reverse();
    }
    let all = rows.len();
    let position = |name: &str| {
        let cursor = arguments.get(name)?.as_str()?;
        rows.iter().position(|(own, _)| own == cursor)
    };
    let from = position("after").map_or(0, |at| at + 1);
    let to = position("before").unwrap_or(all);
    let size =
        |name: &str| arguments.get(name).and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let (from, to) = match (size("first"), size("last")) {
        (Some(first), _) => (from, to.min(from.saturating_add(first))),
        (_, Some(last)) => (from.max(to.saturating_sub(last)), to),
        _ => (from, to),
    };
    let kept = rows.get(from..to).unwrap_or_default();
    Page {
        rows: kept.iter().map(|(cursor, row)| (cursor.clone(), (*row).clone())).collect(),
        has_next: to < all,
        has_previous: from > 0,
    }
}

fn cursor_of(row: &Value) -> String {
    let id = row.get("id").and_then(Value::as_str).unwrap_or_default();
    let tail = id.rsplit('/').next().unwrap_or_default();
    STANDARD.encode(format!("{{\"last_id\":{tail},\"last_value\":\"{tail}\"}}"))
}
