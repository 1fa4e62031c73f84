//! A GraphQL service as strict as the real one: schema, validation, cost, execution.

mod cost;
mod execute;
mod input;
mod schema;
mod validate;

use async_graphql_parser::types::{
    ExecutableDocument, InlineFragment, OperationDefinition, Selection, SelectionSet,
};
use async_graphql_parser::{Pos, Positioned};
use serde_json::{Map, Value, json};

pub(super) use cost::{Cost, actual, requested};
pub(super) use execute::{Page, Resolved, Resolver, run};
pub(super) use schema::Schema;

/// One entry of `errors`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GraphError {
    pub message: String,
    pub locations: Vec<Pos>,
    pub path: Vec<Value>,
    pub extensions: Value,
}

impl GraphError {
    pub(super) fn new(message: impl Into<String>, at: Pos, extensions: Value) -> Self {
        Self { message: message.into(), locations: vec![at], path: Vec::new(), extensions }
    }

    /// An error with nothing but a code.
    pub(super) fn code(message: impl Into<String>, code: &str) -> Self {
        Self {
            message: message.into(),
            locations: Vec::new(),
            path: Vec::new(),
            extensions: json!({ "code": code }),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut entry = Map::new();
        entry.insert("message".into(), self.message.clone().into());
        if !self.locations.is_empty() {
            let at: Vec<Value> =
                self.locations.iter().map(|at| json!({ "line": at.line, "column": at.column })).collect();
            entry.insert("locations".into(), at.into());
        }
        if !self.path.is_empty() {
            entry.insert("path".into(), self.path.clone().into());
        }
        entry.insert("extensions".into(), self.extensions.clone());
        Value::Object(entry)
    }
}

/// A request that is fit to run.
pub(super) struct Prepared {
    /// With every named fragment put in place.
    pub operation: OperationDefinition,
    pub variables: Map<String, Value>,
}

/// Reads and checks a request against the schema as of `version`.
pub(super) fn prepare(
    schema: &Schema,
    version: &str,
    query: &str,
    operation_name: Option<&str>,
    variables: &Map<String, Value>,
) -> Result<Prepared, Vec<GraphError>> {
    let document = async_graphql_parser::parse_query(query).map_err(|error| vec![syntax_error(&error)])?;
    let (name, mut operation) = choose(&document, operation_name).map_err(|error| vec![error])?;
    let errors = validate::check(schema, version, &document, name.as_deref(), &operation);
    if !errors.is_empty() {
        return Err(errors);
    }
    let variables = input::coerce_variables(schema, &operation, variables)?;
    operation.selection_set.node = inlined(&document, &operation.selection_set.node);
    Ok(Prepared { operation, variables })
}

/// Replaces named fragments by inline ones. Validation refused circles.
fn inlined(document: &ExecutableDocument, set: &SelectionSet) -> SelectionSet {
    let items = set.items.iter().filter_map(|item| {
        let selection = match &item.node {
            Selection::Field(field) => {
                let mut field = field.clone();
                field.node.selection_set.node = inlined(document, &field.node.selection_set.node);
                Selection::Field(field)
            }
            Selection::InlineFragment(inline) => {
                let mut inline = inline.clone();
                inline.node.selection_set.node = inlined(document, &inline.node.selection_set.node);
                Selection::InlineFragment(inline)
            }
            Selection::FragmentSpread(spread) => {
                let fragment = document.fragments.get(&spread.node.fragment_name.node)?;
                let set = inlined(document, &fragment.node.selection_set.node);
                let inline = InlineFragment {
                    type_condition: Some(fragment.node.type_condition.clone()),
                    directives: spread.node.directives.clone(),
                    selection_set: Positioned::new(set, fragment.pos),
                };
                Selection::InlineFragment(Positioned::new(inline, spread.pos))
            }
        };
        Some(Positioned::new(selection, item.pos))
    });
    SelectionSet { items: items.collect() }
}

/// The name of the first root field, for faults and counts.
pub(super) fn first_root_field(query: &str) -> Option<String> {
    let document = async_graphql_parser::parse_query(query).ok()?;
    let (_, operation) = document.operations.iter().next()?;
    operation.node.selection_set.node.items.iter().find_map(|item| match &item.node {
        Selection::Field(field) => Some(field.node.name.node.as_str().to_owned()),
        _ => None,
    })
}

fn syntax_error(error: &async_graphql_parser::Error) -> GraphError {
    let at = error.positions().next().unwrap_or(Pos { line: 1, column: 1 });
    let message = format!("syntax error, unexpected input at [{}, {}]", at.line, at.column);
    GraphError::new(message, at, json!({ "code": "PARSE_ERROR" }))
}

fn choose(
    document: &ExecutableDocument,
    wanted: Option<&str>,
) -> Result<(Option<String>, OperationDefinition), GraphError> {
    let mut operations = document.operations.iter();
    let found = match wanted {
        Some(wanted) => operations.find(|(name, _)| name.is_some_and(|name| name.as_str() == wanted)),
        None if operations.len() > 1 => {
            return Err(GraphError::code("An operation name is required", "MISSING_OPERATION_NAME"));
        }
        None => operations.next(),
    };
    let Some((name, operation)) = found else {
        let message = format!("No operation named \"{}\"", wanted.unwrap_or_default());
        return Err(GraphError::code(message, "OPERATION_NOT_FOUND"));
    };
    Ok((name.map(|name| name.as_str().to_owned()), operation.node.clone()))
}
