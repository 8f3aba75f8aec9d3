//! What commands that ask a running computetower need.

use computetower_store::vault::Secret;

use super::{DEFAULT_BIND, Environment, Problems, check_url};

/// What commands that ask a running computetower need.
pub struct ClientConfig {
    /// Where it is.
    pub url: url::Url,
    /// The key that opens it, when one is set.
    pub api_key: Option<Secret>,
    /// The operator's key, when one is set.
    pub admin_key: Option<Secret>,
}

/// Reads what the commands that ask a running computetower need.
///
/// # Errors
/// When the address cannot be used.
pub fn read_client(mut environment: Environment<'_>) -> Result<ClientConfig, Problems> {
    let text = environment.or("COMPUTETOWER_URL", &format!("http://{DEFAULT_BIND}"));
    check_url(
        &mut environment,
        "COMPUTETOWER_URL",
        &text,
        &["http", "https"],
    );
    let key = |variable| {
        let key: Option<String> = environment.get(variable);
        key.map(|key| Secret::new(key.trim().to_owned()))
    };
    let (api_key, admin_key) = (key("COMPUTETOWER_API_KEY"), key("COMPUTETOWER_ADMIN_KEY"));
    let url = url::Url::parse(text.trim()).ok();
    environment.done(url.map(|url| ClientConfig {
        url,
        api_key,
        admin_key,
    }))
}
