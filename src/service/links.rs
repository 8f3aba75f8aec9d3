//! Object keys in results become URLs with which they can be fetched.

use computetower_store::Store;
use serde_json::Value;

/// Adds a presigned `screenshot_url` beside every `screenshot_key`. One that cannot be signed is left out.
pub async fn add_urls(store: &Store, value: &mut Value) {
    let mut keys = Vec::new();
    collect(value, &mut keys);
    let mut urls = std::collections::HashMap::new();
    for key in keys {
        if let Ok(url) = store.objects.presigned(&key).await {
            urls.insert(key, url);
        }
    }
    apply(value, &urls);
}

fn collect(value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(key)) = fields.get("screenshot_key") {
                keys.push(key.clone());
            }
            fields.values().for_each(|field| collect(field, keys));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, keys)),
        _ => {}
    }
}

fn apply(value: &mut Value, urls: &std::collections::HashMap<String, String>) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| apply(field, urls));
            let url = fields
                .get("screenshot_key")
                .and_then(Value::as_str)
                .and_then(|key| urls.get(key))
                .cloned();
            if let Some(url) = url {
                fields.insert("screenshot_url".to_owned(), Value::String(url));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| apply(item, urls)),
        _ => {}
    }
}
