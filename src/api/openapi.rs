//! The OpenAPI document, made from the code, and a page to read it with.

use axum::Router;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

use crate::api::{
    admin, batches, credentials, events, health, jobs, limits, metrics, queues, replay, scale,
    schedules, tenants, workers,
};
use crate::app::App;
use crate::openai;

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(title = "computetower", description = "Jobs that log in and chat in real browsers, accepted over HTTP, told over SSE. `/api/v1/…` is also served as `/api/…`.", license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    paths(
        jobs::create, jobs::list, jobs::show, jobs::cancel, jobs::pause, jobs::resume, jobs::retry, jobs::steps, jobs::attempts, jobs::result, replay::replay, events::events,
        batches::create, batches::show, batches::wait, batches::cancel,
        schedules::create, schedules::list, schedules::show, schedules::change, schedules::remove, schedules::run,
        credentials::create, credentials::list, credentials::show, credentials::remove,
        admin::create, admin::list, admin::show, admin::remove, admin::rediscover, scale::scale,
        queues::list, queues::pause, queues::resume, queues::list_all, queues::pause_for_all, queues::resume_for_all,
        limits::list, limits::set, limits::remove, tenants::show, tenants::change, tenants::pause, tenants::resume,
        workers::list, workers::list_with_jobs, workers::drain, openai::completions::create, openai::models::list, openai::models::show, health::health, health::ready,
        metrics::metrics,
    ),
    components(schemas(
        computetower_jobs::kinds::login::Login, computetower_jobs::kinds::discovery::Discovery, computetower_jobs::kinds::chat::Chat,
        computetower_jobs::kinds::noop::Noop, computetower_jobs::Event, computetower_jobs::FailureCode,
    )),
    modifiers(&Keys),
)]
pub struct Document;

struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        for (name, about) in [
            ("api_key", "A tenant's key: ct_…"),
            ("admin_key", "The operator's key"),
            ("metrics_token", "METRICS_TOKEN, or the operator's key"),
        ] {
            let scheme = HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(about))
                .build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
    }
}

pub(super) fn router() -> Router<App> {
    Router::new().merge(SwaggerUi::new("/docs").url("/openapi.json", Document::openapi()))
}
