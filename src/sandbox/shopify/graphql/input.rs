//! Values that come in: literals against the schema, and variables coerced to it.

use async_graphql_parser::types::{BaseType, OperationDefinition, Type};
use async_graphql_value::Value as Literal;
use serde_json::{Map, Value, json};

use super::GraphError;
use super::schema::{Definition, InputDef, Schema, json_of};

/// What is wrong with a value, and where in it.
struct Problem {
    path: Vec<Value>,
    explanation: String,
}

impl Problem {
    fn new(explanation: impl Into<String>) -> Self {
        Self { path: Vec::new(), explanation: explanation.into() }
    }

    fn under(mut self, step: impl Into<Value>) -> Self {
        self.path.insert(0, step.into());
        self
    }
}

/// The operation's variables with their defaults; an error for each that does not fit.
pub(super) fn coerce_variables(
    schema: &Schema,
    operation: &OperationDefinition,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<GraphError>> {
    let mut coerced = Map::new();
    let mut errors = Vec::new();
    for definition in &operation.variable_definitions {
        let variable = &definition.node;
        let name = variable.name.node.as_str();
        let default = variable.default_value.as_ref().map(|value| json_of(&value.node));
        let ty = &variable.var_type.node;
        let value = given.get(name).cloned().or(default);
        if value.is_none() && ty.nullable {
            continue;
        }
        let value = value.unwrap_or(Value::Null);
        match coerce(schema, ty, &value) {
            Ok(value) => {
                coerced.insert(name.to_owned(), value);
            }
            Err(problem) => errors.push(invalid_variable(name, ty, &value, &problem, definition.pos)),
        }
    }
    if errors.is_empty() { Ok(coerced) } else { Err(errors) }
}

fn invalid_variable(
    name: &str,
    ty: &Type,
    value: &Value,
    problem: &Problem,
    at: async_graphql_parser::Pos,
) -> GraphError {
    let mut message = format!("Variable ${name} of type {ty} was provided invalid value");
    if !problem.path.is_empty() {
        let path: Vec<String> = problem
            .path
            .iter()
            .map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned))
            .collect();
        message = format!("{message} for {} ({})", path.join("."), problem.explanation);
    }
    let problems = json!([{ "path": problem.path, "explanation": problem.explanation }]);
    GraphError::new(message, at, json!({ "code": "INVALID_VARIABLE", "value": value, "problems": problems }))
}

fn coerce(schema: &Schema, ty: &Type, value: &Value) -> Result<Value, Problem> {
    if value.is_null() {
        return if ty.nullable {
            Ok(Value::Null)
        } else {
            Err(Problem::new("Expected value to not be null"))
        };
    }
    match &ty.base {
        BaseType::List(inner) => match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(at, item)| coerce(schema, inner, item).map_err(|problem| problem.under(at)))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::Array),
            single => Ok(Value::Array(vec![coerce(schema, inner, single)?])),
        },
        BaseType::Named(name) => match schema.get(name.as_str()) {
            Some(Definition::Input(fields)) => coerce_object(schema, name.as_str(), fields, value),
            Some(Definition::Enum(values)) => coerce_enum(values, value),
            _ => coerce_scalar(name.as_str(), value),
        },
    }
}

fn coerce_object(schema: &Schema, name: &str, fields: &[InputDef], value: &Value) -> Result<Value, Problem> {
    let Value::Object(given) = value else {
        return Err(Problem::new(format!("Expected {value} to be a key-value object.")));
    };
    if let Some(unknown) = given.keys().find(|key| !fields.iter().any(|field| field.name == **key)) {
        return Err(Problem::new(format!("Field is not defined on {name}")).under(unknown.clone()));
    }
    let mut coerced = Map::new();
    for field in fields {
        let value = given.get(&field.name).or(field.default.as_ref());
        match value {
            None if field.ty.nullable => {}
            value => {
                let value = coerce(schema, &field.ty, value.unwrap_or(&Value::Null));
                coerced
                    .insert(field.name.clone(), value.map_err(|problem| problem.under(field.name.clone()))?);
            }
        }
    }
    Ok(Value::Object(coerced))
}

fn coerce_enum(values: &[String], value: &Value) -> Result<Value, Problem> {
    if value.as_str().is_some_and(|text| values.iter().any(|known| known == text)) {
        return Ok(value.clone());
    }
    Err(Problem::new(format!("Expected {value} to be one of: {}", values.join(", "))))
}

fn coerce_scalar(name: &str, value: &Value) -> Result<Value, Problem> {
    let fits = match name {
        "Int" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "Float" => value.is_number(),
        "Boolean" => value.is_boolean(),
        "ID" | "UnsignedInt64" => value.is_string() || value.is_u64(),
        "Decimal" | "Money" => value.is_string() || value.is_number(),
        _ => value.is_string(),
    };
    match value {
        Value::Number(number) if fits && name == "ID" => Ok(Value::String(number.to_string())),
        _ if fits => Ok(value.clone()),
        _ => Err(Problem::new(format!("Could not coerce value {value} to {name}"))),
    }
}

/// Whether a literal (variables inside taken on trust) fits the type.
pub(super) fn literal_fits(schema: &Schema, ty: &Type, literal: &Literal) -> bool {
    match (literal, &ty.base) {
        (Literal::Variable(_), _) => true,
        (Literal::Null, _) => ty.nullable,
        (Literal::List(items), BaseType::List(inner)) => {
            items.iter().all(|item| literal_fits(schema, inner, item))
        }
        (single, BaseType::List(inner)) => literal_fits(schema, inner, single),
        (literal, BaseType::Named(name)) => match (schema.get(name.as_str()), literal) {
            (Some(Definition::Input(fields)), Literal::Object(given)) => {
                given.keys().all(|key| fields.iter().any(|field| field.name == key.as_str()))
                    && fields.iter().all(|field| match given.get(field.name.as_str()) {
                        Some(value) => literal_fits(schema, &field.ty, value),
                        None => field.ty.nullable || field.default.is_some(),
                    })
            }
            (Some(Definition::Enum(values)), Literal::Enum(value)) => {
                values.iter().any(|known| known == value.as_str())
            }
            (Some(Definition::Scalar), literal) => match literal.clone().into_json() {
                Ok(value) if !matches!(literal, Literal::Enum(_) | Literal::Object(_) | Literal::List(_)) => {
                    coerce_scalar(name.as_str(), &value).is_ok()
                }
                _ => false,
            },
            _ => false,
        },
    }
}

/// The value of a literal with its variables filled in. `None`: an absent variable.
pub(super) fn evaluate(literal: &Literal, variables: &Map<String, Value>) -> Option<Value> {
    match literal {
        Literal::Variable(name) => variables.get(name.as_str()).cloned(),
        Literal::List(items) => Some(Value::Array(
            items.iter().map(|item| evaluate(item, variables).unwrap_or(Value::Null)).collect(),
        )),
        Literal::Object(fields) => {
            let given = fields
                .iter()
                .filter_map(|(name, value)| Some((name.as_str().to_owned(), evaluate(value, variables)?)));
            Some(Value::Object(given.collect()))
        }
        other => Some(other.clone().into_json().unwrap_or(Value::Null)),
    }
}
