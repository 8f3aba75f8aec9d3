//! The ways to sign in and out. Pages are `assets/login/*.html`, with `{{base}}`, `{{alert}}`, `{{csrf}}`, `{{user}}` filled in.

use axum::extract::Form;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

use crate::Site;
use crate::shape::Login;
use crate::state::{At, Shared, cookie};

const WRONG: &str = "The e-mail address or password is incorrect.";
const WRONG_CODE: &str = "That code is not right.";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/{shape}/login", get(page).post(classic))
        .route("/{shape}/login/frame", get(framed))
        .route("/{shape}/login/name", post(name))
        .route("/{shape}/login/password", get(password_page).post(password))
        .route("/{shape}/login/code", get(code_page).post(code))
        .route("/{shape}/api/login", post(scripted))
        .route("/{shape}/logout", get(logout))
        .route("/{shape}/search", get(decoy).post(decoy))
        .route("/{shape}/newsletter", get(decoy).post(decoy))
        .route("/{shape}/sso", get(decoy).post(decoy))
}

/// Fills the placeholders of a page.
fn fill(template: &str, at: &At, alert: &str, csrf: &str, user: &str) -> Html<String> {
    Html(
        template
            .replace("{{base}}", &at.base())
            .replace("{{origin}}", &at.shared.origins.site)
            .replace("{{alert}}", alert)
            .replace("{{csrf}}", csrf)
            .replace("{{user}}", &escape(user)),
    )
}

/// Text made safe for HTML, attribute values included.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn alert(text: &str) -> String {
    format!("<div class=\"alert\" role=\"alert\">{}</div>", escape(text))
}

fn template(login: Login) -> &'static str {
    match login {
        Login::None | Login::Classic => include_str!("../assets/login/classic.html"),
        Login::Bare => include_str!("../assets/login/bare.html"),
        Login::TwoPages => include_str!("../assets/login/name.html"),
        Login::Unfold => include_str!("../assets/login/unfold.html"),
        Login::Code => include_str!("../assets/login/access-code.html"),
        Login::Tabs => include_str!("../assets/login/tabs.html"),
        Login::Eye | Login::MailCode => include_str!("../assets/login/eye.html"),
        Login::Dialog => include_str!("../assets/login/dialog.html"),
        Login::DialogAsked => include_str!("../assets/login/dialog-asked.html"),
        Login::Token => include_str!("../assets/login/token.html"),
        Login::Frame => include_str!("../assets/login/framing.html"),
        Login::ForeignFrame => include_str!("../assets/login/foreign-framing.html"),
        Login::Window => include_str!("../assets/login/window.html"),
        Login::Shadow => include_str!("../assets/login/shadow.html"),
    }
}

/// A page with a fresh CSRF token in a cookie and in its form.
fn fresh(template: &str, at: &At, alert: &str, user: &str) -> Response {
    let csrf = uuid::Uuid::new_v4().simple().to_string();
    let set = set_cookie(at, "csrf", &csrf);
    ([set], fill(template, at, alert, &csrf, user)).into_response()
}

fn set_cookie(at: &At, name: &str, value: &str) -> (header::HeaderName, String) {
    let life = if value.is_empty() {
        "; Max-Age=0"
    } else {
        "; Max-Age=86400"
    };
    (
        header::SET_COOKIE,
        format!(
            "{name}={value}; Path={}; HttpOnly; SameSite=Lax{life}",
            at.base()
        ),
    )
}

async fn page(at: At, headers: HeaderMap) -> Response {
    if at.shape.login == Login::None || (at.shape.login != Login::Token && at.signed_in(&headers)) {
        return Redirect::to(&format!("{}/", at.base())).into_response();
    }
    fresh(template(at.shape.login), &at, "", "")
}

async fn framed(at: At) -> Response {
    let page = match at.shape.login {
        Login::ForeignFrame | Login::Window => {
            include_str!("../assets/login/foreign-framed.html")
        }
        _ => include_str!("../assets/login/framed.html"),
    };
    fresh(page, &at, "", "")
}

/// The fields of every login form; what a form lacks is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Given {
    #[serde(alias = "email", alias = "login")]
    username: String,
    password: String,
    csrf: String,
    /// The trap: no person sees this field.
    website: String,
    code: String,
}

/// Judges an attempt after a human pause, and writes it down.
async fn judge(at: &At, given: &Given) -> bool {
    tokio::time::sleep(Duration::from_millis(120)).await;
    let nameless = at.shape.login == Login::Code;
    let name = given.username.trim();
    let right = (nameless || name.eq_ignore_ascii_case(Site::user()))
        && given.password == at.record().password()
        && given.website.is_empty();
    at.record().logins.push((name.to_owned(), right));
    right
}

/// Into the app, with a session.
fn enter(at: &At) -> Response {
    let set = set_cookie(at, "session", &at.open_session());
    ([set], Redirect::to(&format!("{}/", at.base()))).into_response()
}

async fn classic(at: At, headers: HeaderMap, Form(given): Form<Given>) -> Response {
    if given.csrf.is_empty() || cookie(&headers, "csrf").as_deref() != Some(&given.csrf) {
        return (StatusCode::FORBIDDEN, "CSRF verification failed").into_response();
    }
    let right = judge(&at, &given).await;
    if right && at.shape.login == Login::MailCode {
        let half = halfway(&at, &given.username);
        return ([half], Redirect::to(&format!("{}/login/code", at.base()))).into_response();
    }
    if right {
        return enter(&at);
    }
    let (template, wrong) = match at.shape.login {
        Login::Frame => (include_str!("../assets/login/framed.html"), alert(WRONG)),
        Login::Code => (
            template(Login::Code),
            "<p class=\"hint bad\">This access code is not valid.</p>".to_owned(),
        ),
        Login::Tabs => (
            template(Login::Tabs),
            "<p class=\"hint bad\">El correo o la contraseña no son correctos.</p>".to_owned(),
        ),
        other => (template(other), alert(WRONG)),
    };
    fresh(template, &at, &wrong, &given.username)
}

/// Remembers a half-finished login, by a cookie.
fn halfway(at: &At, user: &str) -> (header::HeaderName, String) {
    let token = uuid::Uuid::new_v4().simple().to_string();
    at.record().halfway.insert(token.clone(), user.to_owned());
    set_cookie(at, "halfway", &token)
}

fn half_user(at: &At, headers: &HeaderMap) -> Option<String> {
    let token = cookie(headers, "halfway")?;
    at.record().halfway.get(&token).cloned()
}

async fn name(at: At, Form(given): Form<Given>) -> Response {
    if !given.username.contains('@') {
        return fresh(
            template(at.shape.login),
            &at,
            &alert("Enter a valid e-mail address."),
            &given.username,
        );
    }
    let half = halfway(&at, &given.username);
    (
        [half],
        Redirect::to(&format!("{}/login/password", at.base())),
    )
        .into_response()
}

async fn password_page(at: At, headers: HeaderMap) -> Response {
    match half_user(&at, &headers) {
        Some(user) => fresh(
            include_str!("../assets/login/password.html"),
            &at,
            "",
            &user,
        ),
        None => Redirect::to(&format!("{}/login", at.base())).into_response(),
    }
}

async fn password(at: At, headers: HeaderMap, Form(mut given): Form<Given>) -> Response {
    let Some(user) = half_user(&at, &headers) else {
        return Redirect::to(&format!("{}/login", at.base())).into_response();
    };
    given.username = user;
    if judge(&at, &given).await {
        return enter(&at);
    }
    let page = include_str!("../assets/login/password.html");
    fresh(
        page,
        &at,
        &alert("Wrong password. Try again."),
        &given.username,
    )
}

async fn code_page(at: At, headers: HeaderMap) -> Response {
    match half_user(&at, &headers) {
        Some(user) => fresh(
            include_str!("../assets/login/mail-code.html"),
            &at,
            "",
            &user,
        ),
        None => Redirect::to(&format!("{}/login", at.base())).into_response(),
    }
}

async fn code(at: At, headers: HeaderMap, Form(given): Form<Given>) -> Response {
    let Some(user) = half_user(&at, &headers) else {
        return Redirect::to(&format!("{}/login", at.base())).into_response();
    };
    if given.code.trim() == Site::code() {
        return enter(&at);
    }
    let page = include_str!("../assets/login/mail-code.html");
    fresh(page, &at, &alert(WRONG_CODE), &user)
}

/// Login by script: JSON in and out.
async fn scripted(at: At, Json(given): Json<Given>) -> Response {
    if !judge(&at, &given).await {
        return (
            StatusCode::UNAUTHORIZED,
            Json(json!({"ok": false, "message": WRONG})),
        )
            .into_response();
    }
    if matches!(
        at.shape.login,
        Login::Token | Login::ForeignFrame | Login::Window
    ) {
        return Json(json!({"ok": true, "token": at.open_session()})).into_response();
    }
    let set = set_cookie(&at, "session", &at.open_session());
    ([set], Json(json!({"ok": true}))).into_response()
}

async fn logout(at: At, headers: HeaderMap) -> Response {
    if let Some(token) = cookie(&headers, "session") {
        at.record().sessions.remove(&token);
    }
    let set = set_cookie(&at, "session", "");
    ([set], Redirect::to(&format!("{}/login", at.base()))).into_response()
}

/// Where the decoys lead: nowhere useful.
async fn decoy(at: At) -> Html<String> {
    Html(format!(
        "<!doctype html><title>Nothing here</title><p>You took a wrong turn. <a href=\"{}/login\">Back</a></p>",
        at.base()
    ))
}
