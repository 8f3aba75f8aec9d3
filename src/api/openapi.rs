//! The OpenAPI document, made from the code, and a page to read it with.

use axum::Router;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

use crate::api::{
    admin, aliases, automation, batches, credentials, events, health, history, interventions, jobs,
    knowledge, limits, metrics, provider_accounts, queues, recoveries, replay, scale, schedules,
    sessions, tenants, validations, workers,
};
use crate::app::App;
use crate::{chat_sessions, openai};

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(title = "computetower", description = "Jobs that log in and chat in real browsers, accepted over HTTP, told over SSE. `/api/v1/…` is also served as `/api/…`.", license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    paths(
        jobs::create, jobs::list, jobs::show, jobs::cancel, jobs::pause, jobs::resume, jobs::retry, jobs::steps, jobs::attempts, jobs::result, replay::replay, events::events,
        batches::create, batches::show, batches::wait, batches::cancel,
        schedules::create, schedules::list, schedules::show, schedules::change, schedules::remove, schedules::run,
        credentials::create, credentials::list, credentials::show, credentials::change, credentials::logout, credentials::remove,
        history::list, history::show, history::export, history::remove, history::remove_some, history::retention, history::retain,
        automation::login, sessions::create, sessions::list, sessions::show, sessions::close, sessions::ticket, chat_sessions::connect,
        interventions::show, interventions::answer, interventions::show_by_link, interventions::answer_by_link,
        validations::list, validations::statistics, recoveries::statistics, recoveries::captcha_uses,
        admin::create, admin::list, admin::show, admin::remove, admin::rediscover, scale::scale,
        aliases::put, aliases::list, aliases::show, aliases::remove, provider_accounts::add, provider_accounts::list, provider_accounts::remove,
        queues::list, queues::pause, queues::resume, queues::list_all, queues::pause_for_all, queues::resume_for_all,
        limits::list, limits::set, limits::remove, tenants::show, tenants::change, tenants::pause, tenants::resume,
        knowledge::sources::create, knowledge::sources::list, knowledge::sources::show, knowledge::sources::change, knowledge::sources::remove,
        knowledge::sources::sync, knowledge::sources::syncs, knowledge::files::upload, knowledge::files::list, knowledge::files::remove,
        knowledge::files::presigned_url, knowledge::ingest::start, knowledge::documents::list, knowledge::documents::show, knowledge::documents::export,
        knowledge::explore::start, knowledge::explore::status, knowledge::explore::pause, knowledge::explore::resume, knowledge::explore::cancel,
        knowledge::explore::results, knowledge::explore::jobs, knowledge::search::search,
        workers::list, workers::list_with_jobs, workers::drain, openai::completions::create, openai::responses::create,
        openai::stored::list, openai::stored::show, openai::stored::change, openai::stored::remove, openai::stored::messages,
        openai::responses::stored::show, openai::responses::stored::remove, openai::responses::stored::input_items, openai::responses::stored::cancel,
        openai::models::list, openai::models::show, health::health, health::ready,
        metrics::metrics,
    ),
    components(schemas(
        computetower_jobs::kinds::login::Login, computetower_jobs::kinds::logout::Logout, computetower_jobs::kinds::discovery::Discovery, computetower_jobs::kinds::chat::Chat,
        computetower_jobs::kinds::crawl::Crawl,
        computetower_jobs::kinds::crawl::CrawlOptions,
        computetower_jobs::kinds::ingest::Ingest,
        computetower_jobs::kinds::noop::Noop, computetower_jobs::Event, computetower_jobs::FailureCode,
    )),
    modifiers(&Keys, &Refusals),
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

/// What every route that asks for a key may answer, whatever it does.
struct Refusals;

impl Modify for Refusals {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for item in document.paths.paths.values_mut() {
            let operations = [
                &mut item.get,
                &mut item.post,
                &mut item.put,
                &mut item.patch,
                &mut item.delete,
            ];
            for operation in operations.into_iter().flatten() {
                refuse(operation);
            }
        }
    }
}

fn refuse(operation: &mut Operation) {
    // OpenAI's routes answer with OpenAI's error object, and say so themselves.
    let openai = operation
        .tags
        .as_ref()
        .is_some_and(|tags| tags.iter().any(|tag| tag == "openai"));
    let no_key_is_fine = operation
        .security
        .as_ref()
        .is_none_or(|ways| ways.contains(&SecurityRequirement::default()));
    if no_key_is_fine || openai {
        return;
    }
    for (status, about) in [
        ("401", "No key, or one that is not known"),
        ("403", "The key may not do this"),
        ("503", "Storage does not answer; nothing was changed"),
    ] {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| problem(about).into());
    }
}

fn problem(about: &str) -> Response {
    let body = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("ProblemBody")))
        .build();
    ResponseBuilder::new()
        .description(about)
        .content("application/problem+json", body)
        .build()
}

pub(super) fn router() -> Router<App> {
    Router::new().merge(SwaggerUi::new("/docs").url("/openapi.json", Document::openapi()))
}
