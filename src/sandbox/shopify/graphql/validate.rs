//! The static rules: fields, selections, arguments, variables, fragments.

use std::collections::HashSet;

use async_graphql_parser::types::{
    BaseType, ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet, Type,
};
use async_graphql_parser::{Pos, Positioned};
use async_graphql_value::Value as Literal;
use serde_json::{Value, json};

use super::GraphError;
use super::input::literal_fits;
use super::schema::{FieldDef, InputDef, Schema, base_name};

/// Deepest nesting that is looked at; deeper is refused.
const DEEPEST: usize = 25;

struct Check<'a> {
    schema: &'a Schema,
    version: &'a str,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    /// `query Name`, the first step of every path.
    label: String,
    path: Vec<String>,
    used_variables: HashSet<String>,
    used_fragments: HashSet<String>,
    errors: Vec<GraphError>,
}

/// Every breach of the static rules.
pub(super) fn check(
    schema: &Schema,
    version: &str,
    document: &ExecutableDocument,
    name: Option<&str>,
    operation: &OperationDefinition,
) -> Vec<GraphError> {
    let kind = operation.ty.to_string();
    let label = name.map_or(kind.clone(), |name| format!("{kind} {name}"));
    let root = if operation.ty == OperationType::Mutation { "Mutation" } else { "QueryRoot" };
    let mut check = Check {
        schema,
        version,
        document,
        operation,
        label,
        path: Vec::new(),
        used_variables: HashSet::new(),
        used_fragments: HashSet::new(),
        errors: Vec::new(),
    };
    check.selections(root, &operation.selection_set.node);
    check.leftovers();
    check.errors
}

impl Check<'_> {
    fn fail(&mut self, message: String, at: Pos, extensions: Value) {
        let mut error = GraphError::new(message, at, extensions);
        error.path = std::iter::once(&self.label).chain(&self.path).map(|step| step.clone().into()).collect();
        self.errors.push(error);
    }

    fn selections(&mut self, ty: &str, set: &SelectionSet) {
        if self.path.len() > DEEPEST {
            let at = set.items.first().map_or(Pos { line: 1, column: 1 }, |item| item.pos);
            self.fail(
                "Query has a depth that exceeds the limit".to_owned(),
                at,
                json!({ "code": "MAX_DEPTH" }),
            );
            return;
        }
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => self.field(ty, field),
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str().to_owned();
                    self.used_fragments.insert(name.clone());
                    match self.document.fragments.get(name.as_str()) {
                        Some(fragment) => {
                            let on = fragment.node.type_condition.node.on.node.as_str().to_owned();
                            self.path.push(format!("fragment {name}"));
                            self.typed(&on, fragment.pos, &fragment.node.selection_set.node);
                            self.path.pop();
                        }
                        None => self.fail(
                            format!("Fragment {name} was used, but not defined"),
                            spread.pos,
                            json!({ "code": "useAndDefineFragment", "fragmentName": name }),
                        ),
                    }
                }
                Selection::InlineFragment(inline) => {
                    let on = inline
                        .node
                        .type_condition
                        .as_ref()
                        .map_or(ty, |on| on.node.on.node.as_str())
                        .to_owned();
                    self.path.push(format!("... on {on}"));
                    self.typed(&on, inline.pos, &inline.node.selection_set.node);
                    self.path.pop();
                }
            }
        }
    }

    fn typed(&mut self, on: &str, at: Pos, set: &SelectionSet) {
        if self.schema.is_composite(on) {
            self.selections(on, set);
        } else {
            let extensions = json!({ "code": "undefinedType", "typeName": on });
            self.fail(format!("No such type {on}, so it can't be a fragment condition"), at, extensions);
        }
    }

    fn field(&mut self, ty: &str, field: &Positioned<Field>) {
        let name = field.node.name.node.as_str();
        self.path.push(field.node.response_key().node.as_str().to_owned());
        if name == "__typename" {
            self.path.pop();
            return;
        }
        match self.schema.field(ty, name, self.version) {
            None => self.fail(
                format!("Field '{name}' doesn't exist on type '{ty}'"),
                field.pos,
                json!({ "code": "undefinedField", "typeName": ty, "fieldName": name }),
            ),
            Some(definition) => {
                self.arguments(name, definition, field);
                self.subselection(name, &definition.ty, field);
            }
        }
        self.path.pop();
    }

    fn subselection(&mut self, name: &str, ty: &Type, field: &Positioned<Field>) {
        let base = base_name(ty);
        let set = &field.node.selection_set.node;
        if !self.schema.is_composite(base) {
            if !set.items.is_empty() {
                let message = format!(
                    "Selections can't be made on scalars (field '{name}' returns {base} but has selections)"
                );
                let extensions = json!({
                    "code": "selectionMismatch", "nodeName": format!("field '{name}'"), "typeName": base
                });
                self.fail(message, field.pos, extensions);
            }
        } else if set.items.is_empty() {
            let message = format!(
                "Field must have selections (field '{name}' returns {base} but has no selections. Did you mean '{name} {{ ... }}'?)"
            );
            let extensions = json!({ "code": "selectionMismatch", "nodeName": format!("field '{name}'"), "typeName": base });
            self.fail(message, field.pos, extensions);
        } else {
            self.selections(base, set);
        }
    }

    fn arguments(&mut self, name: &str, definition: &FieldDef, field: &Positioned<Field>) {
        for (argument, value) in &field.node.arguments {
            let given = argument.node.as_str();
            self.note_variables(&value.node);
            match definition.arguments.iter().find(|known| known.name == given) {
                None => {
                    self.path.push(given.to_owned());
                    let extensions = json!({
                        "code": "argumentNotAccepted", "name": name, "typeName": "Field", "argumentName": given
                    });
                    self.fail(
                        format!("Field '{name}' doesn't accept argument '{given}'"),
                        argument.pos,
                        extensions,
                    );
                    self.path.pop();
                }
                Some(known) => self.argument(name, known, &value.node, field.pos),
            }
        }
        let missing: Vec<&str> = definition
            .arguments
            .iter()
            .filter(|known| !known.ty.nullable && known.default.is_none())
            .filter(|known| field.node.get_argument(&known.name).is_none())
            .map(|known| known.name.as_str())
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            let extensions = json!({
                "code": "missingRequiredArguments", "className": "Field", "name": name, "arguments": missing
            });
            self.fail(
                format!("Field '{name}' is missing required arguments: {missing}"),
                field.pos,
                extensions,
            );
        }
    }

    fn argument(&mut self, field: &str, known: &InputDef, value: &Literal, at: Pos) {
        if let Literal::Variable(variable) = value {
            self.variable_fits(variable.as_str(), known, at);
        } else if !literal_fits(self.schema, &known.ty, value) {
            self.path.push(known.name.clone());
            let message = format!(
                "Argument '{}' on Field '{field}' has an invalid value ({value}). Expected type '{}'.",
                known.name, known.ty
            );
            let extensions = json!({
                "code": "argumentLiteralsIncompatible", "typeName": "Field", "argumentName": known.name
            });
            self.fail(message, at, extensions);
            self.path.pop();
        }
    }

    fn variable_fits(&mut self, name: &str, known: &InputDef, at: Pos) {
        let definitions = &self.operation.variable_definitions;
        let Some(definition) = definitions.iter().find(|defined| defined.node.name.node == name) else {
            let extensions = json!({ "code": "variableNotDefined", "variableName": name });
            self.fail(format!("Variable ${name} is used by {} but not declared", self.label), at, extensions);
            return;
        };
        let given = &definition.node.var_type.node;
        let has_default = definition.node.default_value.is_some() || known.default.is_some();
        if !assignable(given, &known.ty, has_default) {
            let message = format!(
                "Type mismatch on variable ${name} and argument {} ({given} / {})",
                known.name, known.ty
            );
            let extensions = json!({
                "code": "variableMismatch", "variableName": name, "typeName": given.to_string(),
                "argumentName": known.name, "errorMessage": "Type mismatch"
            });
            self.fail(message, at, extensions);
        }
    }

    fn note_variables(&mut self, value: &Literal) {
        match value {
            Literal::Variable(name) => {
                self.used_variables.insert(name.as_str().to_owned());
            }
            Literal::List(items) => items.iter().for_each(|item| self.note_variables(item)),
            Literal::Object(fields) => fields.values().for_each(|item| self.note_variables(item)),
            _ => {}
        }
    }

    /// What was declared and never used.
    fn leftovers(&mut self) {
        for definition in &self.operation.variable_definitions {
            let name = definition.node.name.node.as_str();
            let base = base_name(&definition.node.var_type.node);
            if self.schema.get(base).is_none() {
                let extensions = json!({ "code": "variableRequiresValidType", "typeName": base });
                self.fail(
                    format!("{base} isn't a defined input type (on ${name})"),
                    definition.pos,
                    extensions,
                );
            }
            if !self.used_variables.contains(name) {
                let extensions = json!({ "code": "variableNotUsed", "variableName": name });
                let message = format!("Variable ${name} is declared by {} but not used", self.label);
                self.fail(message, definition.pos, extensions);
            }
        }
        let mut unused: Vec<_> = self
            .document
            .fragments
            .iter()
            .filter(|(name, _)| !self.used_fragments.contains(name.as_str()))
            .collect();
        unused.sort_by_key(|(_, fragment)| fragment.pos);
        for (name, fragment) in unused {
            let extensions = json!({ "code": "useAndDefineFragment", "fragmentName": name.as_str() });
            self.fail(format!("Fragment {name} was defined, but not used"), fragment.pos, extensions);
        }
    }
}

fn assignable(given: &Type, wanted: &Type, has_default: bool) -> bool {
    if !wanted.nullable && given.nullable && !has_default {
        return false;
    }
    match (&given.base, &wanted.base) {
        (BaseType::Named(given), BaseType::Named(wanted)) => given == wanted,
        (BaseType::List(given), BaseType::List(wanted)) => assignable(given, wanted, false),
        (BaseType::Named(_), BaseType::List(wanted)) => assignable(given, wanted, false),
        (BaseType::List(_), BaseType::Named(_)) => false,
    }
}
