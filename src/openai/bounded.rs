//! Bounds on schemas: a schema can be made so that checking a small value takes forever, or recurs without end. Pure.

use serde_json::{Map, Value};

/// Objects, lists and values that a schema may have.
const NODES: usize = 20_000;
/// Patterns that a schema may have: each is compiled, and keeps memory.
const PATTERNS: usize = 100;
/// Schemas that may be applied to the parts of one value.
const STEPS: usize = 200_000;
/// Schemas that may be applied one within another.
const DEPTH: usize = 2_000;
/// Stack for the deepest of them. Only what is touched takes memory.
const STACK: usize = 256 * 1024 * 1024;

/// Runs what recurs along a schema, with room for the deepest that is let through.
pub(super) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK);
        builder.spawn_scoped(scope, work).ok()?.join().ok()
    })
}

/// Whether a schema keeps to what can be bounded.
///
/// # Errors
/// What it should not have.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    if schema
        .get("$schema")
        .and_then(Value::as_str)
        .is_some_and(|draft| draft.contains("draft-04"))
    {
        return Err("is of draft 4: use draft 6 or later".to_owned());
    }
    let (mut left, mut nodes, mut patterns) = (vec![schema], 0, 0);
    while let Some(value) = left.pop() {
        nodes += 1;
        if nodes > NODES {
            return Err(format!("has more than {NODES} parts"));
        }
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => {
                if let Some(word) = unbounded(fields, nodes == 1) {
                    return Err(format!("holds {word}, which is not supported"));
                }
                patterns += patterns_of(fields);
                if patterns > PATTERNS {
                    return Err(format!("has more than {PATTERNS} patterns"));
                }
                left.extend(fields.values());
            }
            _ => {}
        }
    }
    Ok(())
}

/// How many patterns a schema has.
pub(super) fn patterns(schema: &Value) -> usize {
    let (mut left, mut patterns) = (vec![schema], 0);
    while let Some(value) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => {
                patterns += patterns_of(fields);
                left.extend(fields.values());
            }
            _ => {}
        }
    }
    patterns
}

/// How many patterns an object of a schema has itself.
fn patterns_of(fields: &Map<String, Value>) -> usize {
    let own = fields.get("pattern").is_some_and(Value::is_string);
    let keys = fields.get("patternProperties").and_then(Value::as_object);
    usize::from(own) + keys.map_or(0, Map::len)
}

/// What an object of a schema holds that leads elsewhere, or makes the same be checked again and again.
fn unbounded(fields: &Map<String, Value>, root: bool) -> Option<String> {
    // A property may have such a name; then its schema is an object, not a text.
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    if let Some(reference) = text("$ref")
        && (reference.contains('%') || !(reference == "#" || reference.starts_with("#/")))
    {
        return Some(format!("a $ref to {reference:?}"));
    }
    if !root && text("$id").is_some() {
        return Some("an inner $id".to_owned());
    }
    let words = ["$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor"];
    if let Some(word) = words.iter().find(|word| text(word).is_some()) {
        return Some((*word).to_owned());
    }
    let words = ["unevaluatedProperties", "unevaluatedItems"];
    words
        .iter()
        .find(|word| fields.contains_key(**word))
        .map(|word| (*word).to_owned())
}

/// Whether a value can be checked in bounded time: counts what would be applied to what, as if nothing were decided early.
pub(super) fn is_bounded(root: &Value, value: &Value) -> bool {
    let mut left = vec![(root, value, 0)];
    let mut steps = 0;
    while let Some((schema, value, depth)) = left.pop() {
        let Value::Object(schema) = schema else {
            continue;
        };
        steps += 1 + schema
            .get("enum")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        if steps + left.len() > STEPS || depth > DEPTH {
            return false;
        }
        let mut apply = |schema, value| left.push((schema, value, depth + 1));
        for (word, inner) in schema {
            match (word.as_str(), inner, value) {
                ("$ref", Value::String(to), _) => {
                    if let Some(target) = root.pointer(&to[1..]) {
                        apply(target, value);
                    }
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(schemas), _) => {
                    schemas.iter().for_each(|one| apply(one, value))
                }
                ("not" | "if" | "then" | "else", one, _) => apply(one, value),
                ("dependentSchemas" | "dependencies", Value::Object(schemas), _) => {
                    schemas.values().for_each(|one| apply(one, value))
                }
                ("properties", Value::Object(schemas), Value::Object(fields)) => {
                    for (name, field) in fields {
                        if let Some(one) = schemas.get(name) {
                            apply(one, field);
                        }
                    }
                }
                ("patternProperties", Value::Object(schemas), Value::Object(fields)) => {
                    for one in schemas.values() {
                        fields.values().for_each(|field| apply(one, field));
                    }
                }
                ("additionalProperties" | "propertyNames", one, Value::Object(fields)) => {
                    fields.values().for_each(|field| apply(one, field))
                }
                ("items" | "prefixItems", Value::Array(schemas), Value::Array(items)) => schemas
                    .iter()
                    .zip(items)
                    .for_each(|(one, item)| apply(one, item)),
                ("items" | "additionalItems" | "contains", one, Value::Array(items)) => {
                    items.iter().for_each(|item| apply(one, item))
                }
                _ => {}
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deep(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }))
    }

    #[test]
    fn what_grows_without_bound_is_noticed() {
        let branch = json!({"properties": {"a": {"$ref": "#"}}});
        let branching = json!({"anyOf": [branch, branch]});
        assert!(is_bounded(&branching, &deep(5)) && !is_bounded(&branching, &deep(40)));
        // A tree that branches in the value alone is as large as the value.
        assert!(is_bounded(&branch, &deep(100)));
        for endless in [
            json!({"$ref": "#"}),
            json!({"anyOf": [{"$ref": "#"}, {"type": "string"}]}),
        ] {
            assert!(!is_bounded(&endless, &json!(1)));
        }
        let wide = json!({"items": {"enum": vec![1; 1_000]}});
        assert!(!is_bounded(&wide, &json!(vec![2; 1_000])));
    }

    #[test]
    fn too_many_patterns_are_refused() {
        let many = |count: usize| json!({"anyOf": vec![json!({"pattern": "a"}); count]});
        assert_eq!(check(&many(PATTERNS)), Ok(()));
        assert!(check(&many(PATTERNS + 1)).is_err_and(|why| why.contains("100 patterns")));
        let keys = |count: usize| -> Map<String, Value> {
            (0..count).map(|at| (format!("a{at}"), json!({}))).collect()
        };
        assert!(check(&json!({"patternProperties": keys(PATTERNS + 1)})).is_err());
        // A property of that name is no pattern.
        assert_eq!(check(&json!({"properties": {"pattern": {}}})), Ok(()));
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for wrong in [
            json!({"$ref": "http://127.0.0.1:9/schema.json"}),
            json!({"items": {"$ref": "other.json#/x"}}),
            json!({"$dynamicRef": "#a"}),
            json!({"items": {"$id": "x"}}),
            json!({"unevaluatedProperties": false}),
            json!({"$schema": "http://json-schema.org/draft-04/schema#"}),
            json!({"enum": vec![1; NODES]}),
        ] {
            assert!(check(&wrong).is_err(), "{wrong}");
        }
        let fine = json!({"$id": "https://example.com/x", "properties": {"$ref": {"type": "string"}, "$id": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}});
        assert_eq!(check(&fine), Ok(()));
    }
}
