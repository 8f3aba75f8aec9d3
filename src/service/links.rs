//! Object keys in what the API answers become URLs with which they can be fetched.

use computetower_jobs::TenantId;
use computetower_store::Store;
use serde_json::Value;

/// Adds a presigned `screenshot_url` beside every `screenshot_key`, and `evidence_urls` beside every `evidence`. One that cannot be signed is left out.
pub async fn add_urls(store: &Store, tenant: TenantId, value: &mut Value) {
    let mut keys = Vec::new();
    collect(value, &mut keys);
    let mut urls = std::collections::HashMap::new();
    // Only the tenant's own: nothing that a payload or a page says can name another's.
    let own = format!("{tenant}/");
    for key in keys.into_iter().filter(|key| key.starts_with(&own)) {
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
            keys.extend(evidence(fields).map(str::to_owned));
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
            let seen: Vec<Value> = evidence(fields)
                .filter_map(|key| urls.get(key))
                .cloned()
                .map(Value::String)
                .collect();
            if !seen.is_empty() {
                fields.insert("evidence_urls".to_owned(), Value::Array(seen));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| apply(item, urls)),
        _ => {}
    }
}

/// The keys in a failure's list of evidence.
fn evidence(fields: &serde_json::Map<String, Value>) -> impl Iterator<Item = &str> {
    fields
        .get("evidence")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}
