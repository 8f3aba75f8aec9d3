//! JSON Schemas of callers. Nothing is fetched: a `$ref` that leads elsewhere is refused.

use std::fmt;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value;

/// Faults that are told of one value: a page need not read more to mend it.
const TOLD: usize = 8;
/// Characters of each.
const LONGEST: usize = 300;

/// A schema that has been understood. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Schema(Arc<Validator>);

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(super) fn read(schema: &Value) -> Result<Self, String> {
        if !schema.is_object() {
            return Err("must be an object".to_owned());
        }
        match jsonschema::options().build(schema) {
            Ok(validator) => Ok(Self(Arc::new(validator))),
            Err(error) => Err(format!(
                "is no JSON Schema that can be used: {}",
                short(&error.to_string())
            )),
        }
    }

    /// What is wrong with a value; nothing when it fits.
    pub(super) fn faults(&self, value: &Value) -> Vec<String> {
        if self.0.is_valid(value) {
            return Vec::new();
        }
        let told = |error: jsonschema::ValidationError<'_>| {
            let at = error.instance_path().to_string();
            let what = short(&error.to_string());
            if at.is_empty() {
                what
            } else {
                format!("at {at}: {what}")
            }
        };
        self.0.iter_errors(value).take(TOLD).map(told).collect()
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn faults_name_the_place() {
        let schema = json!({"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"], "$defs": {"n": {"type": "integer"}}});
        let Ok(schema) = Schema::read(&schema) else {
            panic!("the schema is good")
        };
        assert!(schema.faults(&json!({"n": 1})).is_empty());
        assert!(schema.faults(&json!({"n": "x"}))[0].starts_with("at /n: "));
        assert!(schema.faults(&json!({}))[0].contains("\"n\""));
    }

    #[test]
    fn a_schema_that_cannot_be_used_is_refused_without_a_look_elsewhere() {
        for wrong in [
            json!("x"),
            json!({"type": "nonsense"}),
            json!({"$ref": "http://127.0.0.1:9/schema.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"pattern": "("}),
        ] {
            assert!(Schema::read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_schema_that_leads_back_to_itself_ends() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"anyOf": [{"$ref": "#"}, {"type": "string"}]}),
            json!({"not": {"$ref": "#"}}),
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
            json!({"$dynamicRef": "#a", "$dynamicAnchor": "a"}),
            json!({"if": {"$ref": "#"}, "then": {"$ref": "#"}}),
        ] {
            if let Ok(read) = Schema::read(&schema) {
                read.faults(&json!({"a": 1}));
            }
        }
    }

    #[test]
    fn a_schema_that_branches_at_every_level_ends() {
        let branching = json!({"anyOf": [{"properties": {"a": {"$ref": "#"}}, "required": ["b"]}, {"properties": {"a": {"$ref": "#"}}, "required": ["c"]}]});
        let mut deep = json!(1);
        for _ in 0..40 {
            deep = json!({ "a": deep });
        }
        if let Ok(read) = Schema::read(&branching) {
            assert!(!read.faults(&deep).is_empty());
        }
    }
}
