//! Holds JSON against the subset of JSON Schema that the API's description uses.

use serde_json::Value;

/// Where `value` breaks `schema`, if it does. References are looked up in `document`.
pub fn fault(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let named = document.pointer(target.trim_start_matches('#')).expect("a named schema");
        return fault(document, named, value, at);
    }
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        let faults: Vec<_> = choices.iter().map(|choice| fault(document, choice, value, at)).collect();
        return faults.iter().all(Option::is_some).then(|| format!("{at}: {faults:?}"));
    }
    if let Some(types) = schema.get("type")
        && !is_of(types, value)
    {
        return Some(format!("{at}: {value} is not {types}"));
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array)
        && !words.contains(value)
    {
        return Some(format!("{at}: {value} is not one of {words:?}"));
    }
    match value {
        Value::Object(fields) => fault_in_object(document, schema, fields, at),
        Value::Array(items) => {
            let schema = schema.get("items")?;
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| fault(document, schema, item, &format!("{at}[{index}]")))
        }
        _ => None,
    }
}

fn is_of(types: &Value, value: &Value) -> bool {
    let one = |word: &Value| match word.as_str().unwrap_or_default() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the checker does not know the type {other}"),
    };
    types.as_array().map_or_else(|| one(types), |all| all.iter().any(one))
}

fn fault_in_object(
    document: &Value,
    schema: &Value,
    fields: &serde_json::Map<String, Value>,
    at: &str,
) -> Option<String> {
    let required = schema.get("required").and_then(Value::as_array);
    if let Some(missing) =
        required.into_iter().flatten().filter_map(Value::as_str).find(|name| !fields.contains_key(*name))
    {
        return Some(format!("{at}: {missing} is missing"));
    }
    fields.iter().find_map(|(name, value)| {
        let place = format!("{at}.{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => Some(format!("{place} is not described")),
            (Value::Null, Value::Null) => None,
            (Value::Null, others) => fault(document, others, value, &place),
            (known, _) => fault(document, known, value, &place),
        }
    })
}

/// The description of a request, by its path as sent.
pub fn operation<'a>(document: &'a Value, method: &str, path: &str) -> &'a Value {
    let path = path.split('?').next().unwrap_or(path);
    let paths = document["paths"].as_object().expect("paths");
    let fits = |template: &str| {
        let (wanted, got): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        wanted.len() == got.len() && wanted.iter().zip(&got).all(|(w, g)| *w == "{id}" || w == g)
    };
    let exact = paths.get(path);
    let found = exact.or_else(|| paths.iter().find(|(template, _)| fits(template)).map(|(_, value)| value));
    &found.unwrap_or(&Value::Null)[method.to_ascii_lowercase()]
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let document = serde_json::json!({ "components": { "schemas": { "N": { "type": "integer" } } } });
    let schema = serde_json::json!({
        "type": "object",
        "required": ["n"],
        "additionalProperties": false,
        "properties": {
            "n": { "$ref": "#/components/schemas/N" },
            "w": { "anyOf": [{ "type": "string", "enum": ["a"] }, { "type": "null" }] },
            "l": { "type": "array", "items": { "type": "string" } },
        },
    });
    let holds = |value: Value| fault(&document, &schema, &value, "").is_none();
    assert!(holds(serde_json::json!({ "n": 1 })));
    assert!(holds(serde_json::json!({ "n": 1, "w": null, "l": ["x"] })));
    for wrong in [
        serde_json::json!({}),
        serde_json::json!({ "n": "1" }),
        serde_json::json!({ "n": 1, "w": "b" }),
        serde_json::json!({ "n": 1, "l": [1] }),
        serde_json::json!({ "n": 1, "x": 1 }),
        serde_json::json!([]),
    ] {
        assert!(!holds(wrong.clone()), "{wrong}");
    }
}
