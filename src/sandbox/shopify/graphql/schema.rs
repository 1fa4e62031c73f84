//! The schema, read from its own text.

use std::collections::HashMap;

use async_graphql_parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql_value::ConstValue;
use serde_json::Value;

/// Every type by name.
pub struct Schema {
    types: HashMap<String, Definition>,
}

/// One type.
pub(super) enum Definition {
    Scalar,
    Enum(Vec<String>),
    /// Also interfaces and unions, which have few fields or none.
    Object {
        fields: HashMap<String, FieldDef>,
        is_abstract: bool,
    },
    Input(Vec<InputDef>),
}

pub(super) struct FieldDef {
    pub ty: Type,
    pub arguments: Vec<InputDef>,
    /// The first version of the API that has it.
    pub since: Option<String>,
}

pub(super) struct InputDef {
    pub name: String,
    pub ty: Type,
    pub default: Option<Value>,
}

impl Schema {
    /// Reads a schema; a text that cannot be read gives an empty one, which its test would show.
    pub fn read(text: &str) -> Self {
        let mut types = HashMap::new();
        for builtin in ["ID", "String", "Int", "Float", "Boolean"] {
            types.insert(builtin.to_owned(), Definition::Scalar);
        }
        let definitions = async_graphql_parser::parse_schema(text).map(|service| service.definitions);
        for definition in definitions.unwrap_or_default() {
            if let TypeSystemDefinition::Type(ty) = definition {
                types.insert(ty.node.name.node.as_str().to_owned(), define(ty.node.kind));
            }
        }
        Self { types }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Definition> {
        self.types.get(name)
    }

    pub(super) fn field(&self, ty: &str, field: &str, version: &str) -> Option<&FieldDef> {
        let Definition::Object { fields, .. } = self.types.get(ty)? else { return None };
        fields.get(field).filter(|field| field.since.as_deref().is_none_or(|since| version >= since))
    }

    pub(super) fn is_composite(&self, ty: &str) -> bool {
        matches!(self.types.get(ty), Some(Definition::Object { .. }))
    }

    pub(super) fn is_abstract(&self, ty: &str) -> bool {
        matches!(self.types.get(ty), Some(Definition::Object { is_abstract: true, .. }))
    }
}

/// The name at the bottom of a type.
pub(super) fn base_name(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => base_name(inner),
    }
}

pub(super) fn is_list(ty: &Type) -> bool {
    matches!(ty.base, BaseType::List(_))
}

pub(super) fn json_of(value: &ConstValue) -> Value {
    value.clone().into_json().unwrap_or(Value::Null)
}

fn define(kind: TypeKind) -> Definition {
    match kind {
        TypeKind::Scalar => Definition::Scalar,
        TypeKind::Enum(values) => Definition::Enum(
            values.values.iter().map(|value| value.node.value.node.as_str().to_owned()).collect(),
        ),
        TypeKind::Object(object) => Definition::Object {
            fields: object.fields.into_iter().map(|field| define_field(field.node)).collect(),
            is_abstract: false,
        },
        TypeKind::Interface(interface) => Definition::Object {
            fields: interface.fields.into_iter().map(|field| define_field(field.node)).collect(),
            is_abstract: true,
        },
        TypeKind::Union(_) => Definition::Object { fields: HashMap::new(), is_abstract: true },
        TypeKind::InputObject(input) => {
            Definition::Input(input.fields.into_iter().map(|field| define_input(field.node)).collect())
        }
    }
}

fn define_field(field: FieldDefinition) -> (String, FieldDef) {
    let since =
        field.directives.iter().find(|directive| directive.node.name.node == "since").and_then(|since| {
            match &since.node.get_argument("version")?.node {
                ConstValue::String(version) => Some(version.clone()),
                _ => None,
            }
        });
    let arguments = field.arguments.into_iter().map(|argument| define_input(argument.node)).collect();
    (field.name.node.as_str().to_owned(), FieldDef { ty: field.ty.node, arguments, since })
}

fn define_input(input: InputValueDefinition) -> InputDef {
    InputDef {
        name: input.name.node.as_str().to_owned(),
        ty: input.ty.node,
        default: input.default_value.map(|value| json_of(&value.node)),
    }
}

#[cfg(test)]
impl Schema {
    /// Fields that may not be null but have no value in `shown`, as paths.
    pub(in super::super) fn find_missing(
        &self,
        ty: &str,
        shown: &Value,
        depth: usize,
        missing: &mut Vec<String>,
    ) {
        let Some(Definition::Object { fields, .. }) = self.types.get(ty) else { return };
        if depth > 5 || shown.get("$ref").is_some() {
            return;
        }
        for (name, field) in fields {
            let base = base_name(&field.ty);
            let base = base.strip_suffix("Connection").unwrap_or(base);
            match shown.get(name) {
                None => missing.push(format!("{ty}.{name}")),
                Some(Value::Null) if !field.ty.nullable => missing.push(format!("{ty}.{name} is null")),
                Some(Value::Array(rows)) => {
                    for row in rows {
                        self.find_missing(base, row, depth + 1, missing);
                    }
                }
                Some(Value::Object(_)) => self.find_missing(base, &shown[name], depth + 1, missing),
                Some(_) => {}
            }
        }
    }
}
