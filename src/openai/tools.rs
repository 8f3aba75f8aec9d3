//! `tools` and `tool_choice`: functions of the caller, told to the page by words. Pure.

use serde_json::Value;
use serde_json::value::RawValue;

use super::bounded;
use super::error::OpenAiError;
use super::json_mode::is_name;
use super::schema::Schema;

/// Functions that one request may declare, as at OpenAI.
const MOST: usize = 128;

/// Patterns that all schemas of one request may have: each is compiled, and keeps memory.
const PATTERNS: usize = 300;

/// What the page may or must call.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    /// Never empty.
    pub(super) functions: Vec<Function>,
    pub(super) choice: Choice,
    /// Whether one answer may hold several calls.
    pub(super) parallel: bool,
}

/// A function of the caller.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) name: String,
    /// As the page is told: name, description, parameters.
    told: String,
    /// What its arguments have to be. Without one, any object.
    parameters: Option<Schema>,
}

/// Whether something is to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Auto,
    Required,
    Named(String),
}

impl Function {
    /// What is wrong with arguments for it.
    pub(super) fn faults(&self, arguments: &Value) -> Vec<String> {
        let name = &self.name;
        if !arguments.is_object() {
            return vec![format!("The arguments of {name:?} are not a JSON object.")];
        }
        let faults = self
            .parameters
            .as_ref()
            .map(|schema| schema.faults(arguments));
        let told = |fault| format!("The arguments of {name:?} do not fit: {fault}");
        faults.unwrap_or_default().into_iter().map(told).collect()
    }
}

impl Tools {
    /// Reads the declarations and what is to be done with them. Both shapes are read: with the function's fields below `function`, and beside
    /// `type`. `None` where nothing is to be called.
    pub(super) fn read(
        written: &[&RawValue],
        choice: &Value,
        parallel: Option<bool>,
    ) -> Result<Option<Self>, OpenAiError> {
        if written.len() > MOST {
            return Err(OpenAiError::invalid(
                "tools",
                format!("tools must not be more than {MOST}."),
            ));
        }
        let mut patterns = 0;
        let functions = written
            .iter()
            .enumerate()
            .map(|(index, tool)| function(index, tool, &mut patterns));
        let mut functions = functions.collect::<Result<Vec<_>, _>>()?;
        for (index, function) in functions.iter().enumerate() {
            if functions[..index]
                .iter()
                .any(|before| before.name == function.name)
            {
                return Err(OpenAiError::invalid(
                    format!("tools[{index}]"),
                    format!("There are two functions of the name {:?}.", function.name),
                ));
            }
        }
        let choice = chosen(choice, &mut functions)?;
        Ok(choice.map(|choice| Self {
            functions,
            choice,
            parallel: parallel.unwrap_or(true),
        }))
    }

    /// Reads the declarations as they were before there were tools: functions without a type, and one call at a time.
    pub(super) fn read_functions(
        written: &[&RawValue],
        call: &Value,
    ) -> Result<Option<Self>, OpenAiError> {
        let wrapped = written.iter().map(|function| {
            RawValue::from_string(format!("{{\"type\":\"function\",\"function\":{function}}}"))
        });
        let wrapped = wrapped
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| OpenAiError::invalid("functions", error.to_string()))?;
        let wrapped: Vec<&RawValue> = wrapped.iter().map(|tool| &**tool).collect();
        let choice = match call.get("name") {
            Some(name) => serde_json::json!({ "type": "function", "function": { "name": name } }),
            None => call.clone(),
        };
        Self::read(&wrapped, &choice, Some(false)).map_err(|error| {
            error.renamed(|field| match field {
                "tool_choice" => "function_call".to_owned(),
                field => field
                    .replacen("tools", "functions", 1)
                    .replacen(".function", "", 1),
            })
        })
    }

    /// The function of a name.
    pub(super) fn find(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// What the page is told.
    pub(super) fn instruction(&self) -> String {
        let mut text = "You can call functions. A call is nothing but one code block like this:\n\n\
            ```json\n{\"tool_calls\": [{\"name\": \"NAME\", \"arguments\": {}}]}\n```\n\n\
            The functions are run elsewhere, and their results come with the next message. Never write a result yourself, and write nothing after the block. "
            .to_owned();
        text.push_str(match self.parallel {
            true => "The list may hold several calls. ",
            false => "The list holds one call. ",
        });
        match &self.choice {
            Choice::Auto => text.push_str(
                "When no function is needed, answer in plain words, without such a block.",
            ),
            Choice::Required => text.push_str("Now at least one function has to be called."),
            Choice::Named(name) => {
                text.push_str(&format!("Now the function {name} has to be called."))
            }
        }
        text.push_str("\n\nThe functions, with a JSON Schema of their arguments:\n\n```json\n[");
        let told: Vec<&str> = self
            .functions
            .iter()
            .map(|function| function.told.as_str())
            .collect();
        text.push_str(&told.join(",\n"));
        text.push_str("]\n```");
        text
    }
}

/// Reads one declaration. `patterns` counts those of all schemas so far.
fn function(
    index: usize,
    written: &RawValue,
    patterns: &mut usize,
) -> Result<Function, OpenAiError> {
    let at = |field: &str| format!("tools[{index}]{field}");
    let value: Value = serde_json::from_str(written.get())
        .map_err(|error| OpenAiError::invalid(at(""), error.to_string()))?;
    match value.get("type").and_then(Value::as_str) {
        Some("function") => {}
        Some(kind) => {
            return Err(OpenAiError::unsupported(
                at(".type"),
                format!("Tools of type {kind:?} are not supported: only functions can be called."),
            ));
        }
        None => {
            return Err(OpenAiError::invalid(
                at(".type"),
                "A tool must have a type.",
            ));
        }
    }
    let nested = value.get("function").is_some();
    let (fields, inside) = match value.get("function") {
        Some(fields) => (fields, ".function"),
        None => (&value, ""),
    };
    let field = |name: &str| at(&format!("{inside}.{name}"));
    let name = fields
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !is_name(name) {
        return Err(OpenAiError::invalid(
            field("name"),
            "A function's name must be 1 to 64 letters, digits, dashes or underscores.",
        ));
    }
    *patterns += fields.get("parameters").map_or(0, bounded::patterns);
    if *patterns > PATTERNS {
        let message =
            format!("The schemas of all tools must not have more than {PATTERNS} patterns.");
        return Err(OpenAiError::invalid("tools", message));
    }
    let parameters = match fields.get("parameters") {
        None | Some(Value::Null) => None,
        Some(schema) => Some(Schema::read(schema).map_err(|why| {
            OpenAiError::invalid(
                field("parameters"),
                format!("{} {why}.", field("parameters")),
            )
        })?),
    };
    // The schema is passed on as it is written: the order of its fields means something to a model.
    let told = match nested {
        true => serde_json::from_str::<Nested<'_>>(written.get()).map(|nested| nested.function),
        false => serde_json::from_str::<Told<'_>>(written.get()),
    };
    let told = told
        .and_then(|told| serde_json::to_string(&told))
        .map_err(|error| OpenAiError::invalid(at(""), error.to_string()))?;
    Ok(Function {
        name: name.to_owned(),
        told,
        parameters,
    })
}

/// The fields of a function that a page is told.
#[derive(serde::Deserialize, serde::Serialize)]
struct Told<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct Nested<'a> {
    #[serde(borrow)]
    function: Told<'a>,
}

/// Reads `tool_choice`. Functions that it does not allow are taken away.
fn chosen(choice: &Value, functions: &mut Vec<Function>) -> Result<Option<Choice>, OpenAiError> {
    let wrong = || {
        OpenAiError::invalid(
            "tool_choice",
            "tool_choice must be auto, none, required, or name a function that is among the tools.",
        )
    };
    let has =
        |name: &str, functions: &[Function]| functions.iter().any(|function| function.name == name);
    let mode = |word: &str| match word {
        "auto" => Some(Choice::Auto),
        "required" => Some(Choice::Required),
        _ => None,
    };
    let chosen = match choice {
        Value::Null => Choice::Auto,
        Value::String(word) if word == "none" => return Ok(None),
        Value::String(word) => mode(word).ok_or_else(wrong)?,
        Value::Object(_) if choice["type"] == "function" => {
            let name = choice.pointer("/function/name").or(choice.get("name"));
            let name = name
                .and_then(Value::as_str)
                .filter(|name| has(name, functions))
                .ok_or_else(wrong)?;
            Choice::Named(name.to_owned())
        }
        Value::Object(_) if choice["type"] == "allowed_tools" => {
            // Its fields are below `allowed_tools` for completions, and beside `type` for responses.
            let fields = choice.get("allowed_tools").unwrap_or(choice);
            let named = |tool: &Value| {
                let name = tool
                    .pointer("/function/name")
                    .or(tool.get("name"))?
                    .as_str()?;
                has(name, functions).then(|| name.to_owned())
            };
            let allowed = fields["tools"].as_array().ok_or_else(wrong)?;
            let allowed: Option<Vec<String>> = allowed.iter().map(named).collect();
            let allowed = allowed
                .filter(|names| !names.is_empty())
                .ok_or_else(wrong)?;
            let mode = mode(fields["mode"].as_str().unwrap_or("auto")).ok_or_else(wrong)?;
            functions.retain(|function| allowed.contains(&function.name));
            mode
        }
        _ => return Err(wrong()),
    };
    if !functions.is_empty() {
        return Ok(Some(chosen));
    }
    match chosen {
        Choice::Auto => Ok(None),
        _ => Err(OpenAiError::invalid(
            "tool_choice",
            "tool_choice needs tools.",
        )),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// Tools from JSON.
    pub(in super::super) fn tools(
        tools: &Value,
        choice: &Value,
    ) -> Result<Option<Tools>, OpenAiError> {
        let raw: Vec<Box<RawValue>> = tools
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|tool| RawValue::from_string(tool.to_string()).ok())
            .collect();
        let raw: Vec<&RawValue> = raw.iter().map(|raw| &**raw).collect();
        Tools::read(&raw, choice, None)
    }

    /// A function that takes a city.
    pub(in super::super) fn weather() -> Value {
        json!({"type": "function", "function": {"name": "get_weather", "description": "The weather", "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false}}})
    }

    #[test]
    fn both_shapes_are_read_and_told() {
        let flat = json!({"type": "function", "name": "now", "parameters": {"z": 1, "a": 2}, "strict": true});
        let Ok(Some(read)) = tools(&json!([weather(), flat]), &Value::Null) else {
            panic!("they are good")
        };
        let told = read.instruction();
        assert!(
            told.contains(r#"{"name":"get_weather","description":"The weather","parameters":{"#),
            "{told}"
        );
        assert!(
            told.contains(r#"{"name":"now","parameters":{"a":2,"z":1}}"#),
            "{told}"
        );
        assert!(told.contains("plain words"));
        assert!(
            read.find("now")
                .is_some_and(|now| now.faults(&json!({})).is_empty())
        );
        assert!(
            read.find("get_weather")
                .is_some_and(|weather| !weather.faults(&json!({"city": 1})).is_empty())
        );
    }

    #[test]
    fn patterns_are_bounded_over_all_functions() {
        let function = |at: usize| {
            let schema = json!({"type": "object", "anyOf": vec![json!({"pattern": "a"}); 60]});
            json!({"type": "function", "name": format!("f{at}"), "parameters": schema})
        };
        let many = |count: usize| json!((0..count).map(function).collect::<Vec<_>>());
        assert!(tools(&many(5), &Value::Null).is_ok());
        let refused = tools(&many(6), &Value::Null).err();
        assert!(refused.is_some_and(|error| error.body()["error"]["param"] == "tools"));
    }

    #[test]
    fn choices_are_read_or_refused() {
        let other = json!({"type": "function", "function": {"name": "other"}});
        let both = json!([weather(), other]);
        let choice = |choice: Value| {
            tools(&both, &choice)
                .ok()
                .map(|read| read.map(|tools| tools.choice))
        };
        assert_eq!(choice(json!("none")), Some(None));
        assert_eq!(choice(json!("required")), Some(Some(Choice::Required)));
        let named = json!({"type": "function", "function": {"name": "other"}});
        assert_eq!(choice(named), Some(Some(Choice::Named("other".to_owned()))));
        for wrong in [
            json!("sometimes"),
            json!({"type": "function", "name": "nobody"}),
            json!(3),
        ] {
            assert_eq!(choice(wrong), None);
        }
        let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [other]}});
        let Ok(Some(read)) = tools(&both, &allowed) else {
            panic!("it is good")
        };
        assert_eq!((read.functions.len(), read.choice), (1, Choice::Required));
        assert!(tools(&json!([]), &json!("required")).is_err());
        assert!(matches!(tools(&json!([]), &json!("auto")), Ok(None)));
    }

    #[test]
    fn what_is_no_function_is_refused_by_field() {
        let param = |tool: Value| {
            let error = tools(&json!([tool]), &Value::Null).err();
            error.and_then(|error| error.body()["error"]["param"].as_str().map(str::to_owned))
        };
        assert_eq!(
            param(json!({"type": "web_search"})).as_deref(),
            Some("tools[0].type")
        );
        assert_eq!(param(json!({})).as_deref(), Some("tools[0].type"));
        assert_eq!(
            param(json!({"type": "function", "function": {"name": "a b"}})).as_deref(),
            Some("tools[0].function.name")
        );
        assert_eq!(
            param(json!({"type": "function", "name": "a", "parameters": {"type": 1}})).as_deref(),
            Some("tools[0].parameters")
        );
        let twice = tools(&json!([weather(), weather()]), &Value::Null);
        assert!(twice.is_err());
    }
}
