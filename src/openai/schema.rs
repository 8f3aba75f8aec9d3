//! JSON Schemas of callers. Nothing is fetched: a `$ref` that leads elsewhere is refused.

use std::fmt;
use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::bounded::{check, is_bounded, with_room};

/// Bytes that a pattern may take when it is compiled: a short one can be made to take megabytes.
const PATTERN: usize = 64 << 10;
/// Bytes that it may take while it is matched.
const MATCHING: usize = 256 << 10;
/// Faults that are told of one value: a page need not read more to mend it.
const TOLD: usize = 8;
/// Characters of each.
const LONGEST: usize = 300;

/// A schema that has been understood. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Schema {
    written: Arc<Value>,
    validator: Arc<Validator>,
}

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
        check(schema)?;
        // Patterns that take linear time: no look-around, no back references.
        let patterns = PatternOptions::regex()
            .size_limit(PATTERN)
            .dfa_size_limit(MATCHING);
        let options = jsonschema::options().with_pattern_options(patterns);
        let unusable = |why: &str| format!("is no JSON Schema that can be used: {}", short(why));
        match with_room(|| options.build(schema)) {
            Some(Ok(validator)) => Ok(Self {
                written: Arc::new(schema.clone()),
                validator: Arc::new(validator),
            }),
            Some(Err(error)) => Err(unusable(&error.to_string())),
            None => Err(unusable("it could not be read")),
        }
    }

    /// What is wrong with a value; nothing when it fits.
    pub(super) fn faults(&self, value: &Value) -> Vec<String> {
        with_room(|| self.faults_with_room(value))
            .unwrap_or_else(|| vec!["It could not be checked.".to_owned()])
    }

    /// The same, for who has room already ([`with_room`]).
    pub(super) fn faults_with_room(&self, value: &Value) -> Vec<String> {
        if !is_bounded(&self.written, value) {
            return vec!["It has too many parts, or too many levels, to be checked.".to_owned()];
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
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        self.validator
            .iter_errors(value)
            .take(TOLD)
            .map(told)
            .collect()
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
            json!({"pattern": "(?=a)b"}),
        ] {
            assert!(Schema::read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns_are_bounded_and_common_ones_are_not() {
        for large in ["(a{1000}){1000}", "^[a-z]{60000}$"] {
            assert!(Schema::read(&json!({ "pattern": large })).is_err());
            assert!(Schema::read(&json!({"patternProperties": {large: {}}})).is_err());
        }
        for common in [
            r"^[\w.+-]+@[\w-]+\.[\w.]+$",
            r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$",
            "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
            r"^https?://\S+$",
        ] {
            let read = Schema::read(&json!({ "pattern": common }));
            assert!(read.is_ok(), "{common}: {read:?}");
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
        let branch = |name: &str| json!({"properties": {"a": {"$ref": "#"}}, "required": [name]});
        let branching = json!({"anyOf": [branch("b"), branch("c")]});
        let deep = |levels| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
        let Ok(read) = Schema::read(&branching) else {
            panic!("the schema is good")
        };
        assert!(read.faults(&deep(5))[0].contains("anyOf"));
        assert!(read.faults(&deep(40))[0].contains("too many"));
    }

    #[test]
    fn a_long_way_through_a_schema_is_no_overflow() {
        let link = |at: usize| {
            (
                format!("a{at}"),
                json!({"allOf": [{"$ref": format!("#/$defs/a{}", at + 1)}]}),
            )
        };
        let mut links: serde_json::Map<String, Value> = (0..900).map(link).collect();
        links.insert("a900".to_owned(), json!({"type": "string"}));
        let long = json!({"$ref": "#/$defs/a0", "$defs": links});
        let Ok(read) = Schema::read(&long) else {
            panic!("the schema is good")
        };
        assert!(read.faults(&json!("x")).is_empty());
        assert!(!read.faults(&json!(1)).is_empty());
        // Each names the next twice: read once all the same.
        let twice = |at: usize| {
            (
                format!("a{at}"),
                json!({"allOf": vec![json!({"$ref": format!("#/$defs/a{}", at + 1)}); 2]}),
            )
        };
        let mut links: serde_json::Map<String, Value> = (0..60).map(twice).collect();
        links.insert("a60".to_owned(), json!({"type": "string"}));
        let read = Schema::read(&json!({"$ref": "#/$defs/a0", "$defs": links}));
        assert!(read.is_ok_and(|read| read.faults(&json!("x"))[0].contains("too many")));
    }
}
