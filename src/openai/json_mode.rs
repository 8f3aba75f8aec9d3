//! `response_format` and `text.format`: an answer that is JSON, asked for by words, and checked. Pure.

use serde_json::Value;
use serde_json::value::RawValue;

use super::blocks::{parse, values};
use super::bounded::with_room;
use super::error::OpenAiError;
use super::schema::Schema;

/// What the answer has to be.
#[derive(Clone, Debug, Default)]
pub(crate) enum Format {
    /// Anything.
    #[default]
    Text,
    /// A JSON object.
    Object,
    /// JSON of a schema.
    Schema {
        /// The schema as the caller wrote it.
        written: String,
        /// The same, understood.
        schema: Schema,
    },
}

impl Format {
    /// Reads a format: `response_format` with the schema's fields below `json_schema`, or `text.format` with the fields beside `type`. `at` is
    /// its field, `written` the same as the caller wrote it.
    pub(super) fn read(at: &str, written: &RawValue) -> Result<Self, OpenAiError> {
        let value: Value = serde_json::from_str(written.get())
            .map_err(|error| OpenAiError::invalid(at, error.to_string()))?;
        match value.get("type").and_then(Value::as_str) {
            Some("text") => Ok(Self::Text),
            Some("json_object") => Ok(Self::Object),
            Some("json_schema") if value.get("json_schema").is_some() => {
                let at = format!("{at}.json_schema");
                let written: Nested<'_> = serde_json::from_str(written.get())
                    .map_err(|error| OpenAiError::invalid(&at, error.to_string()))?;
                Self::schema(&at, &value["json_schema"], written.json_schema.schema)
            }
            Some("json_schema") => {
                let written: Parts<'_> = serde_json::from_str(written.get())
                    .map_err(|error| OpenAiError::invalid(at, error.to_string()))?;
                Self::schema(at, &value, written.schema)
            }
            _ => Err(OpenAiError::unsupported(
                format!("{at}.type"),
                format!("{at}.type must be text, json_object or json_schema."),
            )),
        }
    }

    fn schema(at: &str, parts: &Value, written: Option<&RawValue>) -> Result<Self, OpenAiError> {
        let name = parts
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !is_name(name) {
            return Err(OpenAiError::invalid(
                format!("{at}.name"),
                format!("{at}.name must be 1 to 64 letters, digits, dashes or underscores."),
            ));
        }
        let Some(written) = written else {
            return Err(OpenAiError::invalid(
                format!("{at}.schema"),
                format!("{at}.schema is missing."),
            ));
        };
        let schema = Schema::read(&parts["schema"]).map_err(|why| {
            OpenAiError::invalid(format!("{at}.schema"), format!("{at}.schema {why}."))
        })?;
        Ok(Self::Schema {
            written: written.get().to_owned(),
            schema,
        })
    }

    /// Whether any answer will do.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text)
    }

    /// What the page is told.
    pub(super) fn instruction(&self) -> Option<String> {
        let wanted = match self {
            Self::Text => return None,
            Self::Object => "a JSON object".to_owned(),
            Self::Schema { .. } => "JSON that fits this JSON Schema".to_owned(),
        };
        let mut text = format!(
            "Answer with one code block that begins with ```json and holds nothing but {wanted}. Write nothing before or after the block."
        );
        if let Self::Schema { written, .. } = self {
            text.push_str(&format!("\n\n```json\n{written}\n```"));
        }
        Some(text)
    }

    /// Takes the JSON out of an answer, as it is written there.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn take(&self, answer: &str) -> Result<String, Vec<String>> {
        match self {
            Self::Text => Ok(answer.to_owned()),
            Self::Object => taken(answer, |value| match value.is_object() {
                true => Vec::new(),
                false => vec!["It is not a JSON object.".to_owned()],
            }),
            // One room for all values that are tried.
            Self::Schema { schema, .. } => {
                with_room(|| taken(answer, |value| schema.faults_with_room(value)))
                    .unwrap_or_else(|| Err(vec!["It could not be checked.".to_owned()]))
            }
        }
    }
}

/// The first value of an answer that has no faults, or the faults of the likeliest.
fn taken(answer: &str, faults_of: impl Fn(&Value) -> Vec<String>) -> Result<String, Vec<String>> {
    let mut faults = None;
    for written in values(answer) {
        let Ok(value) = parse(written) else { continue };
        let found = faults_of(&value);
        if found.is_empty() {
            // As it is written, unless the page has spoiled the blanks.
            let plain = serde_json::from_str::<Value>(written).is_ok();
            return Ok(if plain {
                written.to_owned()
            } else {
                value.to_string()
            });
        }
        faults.get_or_insert(found);
    }
    Err(faults.unwrap_or_else(|| vec![not_json(answer)]))
}

fn not_json(answer: &str) -> String {
    match super::blocks::blocks(answer, true)
        .iter()
        .find(|block| block.may_be_json())
    {
        Some(block) => match parse(block.inner) {
            Err(error) => format!("The block is not JSON: {error}."),
            Ok(_) => "There is no JSON in it.".to_owned(),
        },
        None => "There is no JSON in it.".to_owned(),
    }
}

/// Whether a text can name a schema or a function.
pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

#[derive(serde::Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct Nested<'a> {
    #[serde(borrow)]
    json_schema: Parts<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn format(value: &Value) -> Result<Format, OpenAiError> {
        let raw = RawValue::from_string(value.to_string());
        Format::read(
            "response_format",
            &raw.unwrap_or_else(|error| panic!("{error}")),
        )
    }

    fn person() -> Format {
        let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": false});
        let read = format(
            &json!({"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": true}}),
        );
        read.unwrap_or_else(|error| panic!("{error:?}"))
    }

    #[test]
    fn json_is_taken_out_of_what_is_around_it() {
        for answer in [
            r#"{"name": "Ada"}"#,
            "```json\n{\"name\": \"Ada\"}\n```",
            "Certainly!\n\n```\n{\"name\": \"Ada\"}\n```\n\nAnything else?",
            r#"Here you are: {"name": "Ada"}"#,
            "The schema is {\"type\": \"object\"}. The answer:\n{\"name\": \"Ada\"}",
        ] {
            assert_eq!(
                person().take(answer).as_deref(),
                Ok(r#"{"name": "Ada"}"#),
                "{answer}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let faults = |answer| person().take(answer).err().unwrap_or_default().join("; ");
        assert!(faults(r#"{"name": 5}"#).contains("at /name"));
        assert!(faults("```json\n{\"name\": }\n```").contains("is not JSON"));
        assert!(faults("I cannot.").contains("no JSON"));
        // The inner one would fit.
        assert!(faults("{\"a\": {\"name\": \"Ada\"},}").contains("is not JSON"));
        assert!(faults("Here: {\"a\": {\"name\": \"Ada\"}, \"b\":").contains("no JSON"));
        assert!(Format::Object.take("[1]").is_err());
        assert_eq!(Format::Object.take("{}").as_deref(), Ok("{}"));
    }

    #[test]
    fn formats_are_read_in_both_shapes_and_refused_by_field() {
        let flat = json!({"type": "json_schema", "name": "x", "schema": {"type": "object"}});
        assert!(matches!(format(&flat), Ok(Format::Schema { .. })));
        let param = |value: Value| {
            format(&value)
                .err()
                .map(|error| error.body()["error"]["param"].clone())
        };
        assert_eq!(
            param(json!({"type": "grammar"})),
            Some(json!("response_format.type"))
        );
        assert_eq!(
            param(json!({"type": "json_schema", "json_schema": {"schema": {}}})),
            Some(json!("response_format.json_schema.name"))
        );
        assert_eq!(
            param(json!({"type": "json_schema", "json_schema": {"name": "x"}})),
            Some(json!("response_format.json_schema.schema"))
        );
        assert_eq!(
            param(
                json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": 5}}})
            ),
            Some(json!("response_format.json_schema.schema"))
        );
    }

    proptest! {
        #[test]
        fn any_object_survives_its_wrapping(name in "\\PC{0,20}", before in "[a-z .\n]{0,20}", after in "[a-z .]{0,20}", fenced: bool) {
            let written = json!({ "name": name }).to_string();
            let answer = if fenced { format!("{before}\n```json\n{written}\n```\n{after}") } else { format!("{before}\n{written}\n{after}") };
            prop_assert_eq!(person().take(&answer), Ok(written));
        }
    }
}
