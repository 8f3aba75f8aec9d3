//! Challenges in the way, marked up as their makers' documentation has it; what their own scripts would put onto the page stands there already. A
//! sign-in counts only with the token that [`Site::token`] says, in the field that each kind's documentation names.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::Site;
use crate::state::{Shared, cookie};

impl Site {
    /// Address of a page with a challenge: `recaptcha-v2`, `recaptcha-v3`, `recaptcha-callback`, `hcaptcha`, `turnstile`, `turnstile-alone`, `image`;
    /// `turnstile-chat`: behind it a chat that needs no account.
    pub fn challenge(&self, name: &str) -> String {
        format!("{}/challenge/{name}/", self.base)
    }

    /// The public key of a challenge's page.
    pub fn site_key(name: &str) -> String {
        format!("0x-test-key-of-{name}")
    }

    /// The only token, or text, that a challenge's page takes.
    pub fn token(name: &str) -> String {
        match name {
            "image" => "W8kq3".to_owned(),
            _ => format!("token-for-{}", Self::site_key(name)),
        }
    }

    /// Every proof that came to a challenge's page, the empty ones too, and whether it was taken.
    pub fn proofs(&self, name: &str) -> Vec<(String, bool)> {
        self.shared
            .doors
            .with(&door(name), |door| door.codes.clone())
    }

    /// Every user that came with a password, and whether all was right.
    pub fn challenge_logins(&self, name: &str) -> Vec<(String, bool)> {
        self.shared
            .doors
            .with(&door(name), |door| door.logins.clone())
    }
}

fn door(name: &str) -> String {
    format!("challenge-{name}")
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/challenge/{name}/", get(show).post(take))
        .route("/challenge/{name}/inside", get(inside))
        // What stands in the frames of the widgets.
        .route("/challenge/{name}/recaptcha/api2/anchor", get(frame))
        .route(
            "/challenge/{name}/hcaptcha/static/hcaptcha.html",
            get(frame),
        )
        .route("/challenge/{name}/turnstile/frame", get(frame))
}

async fn frame() -> Html<&'static str> {
    Html("<!doctype html><label><input type=\"checkbox\"> I am human</label>")
}

fn widget(name: &str) -> String {
    let key = Site::site_key(name);
    match name {
        "recaptcha-v2" => format!(
            "<div class=\"g-recaptcha\" data-sitekey=\"{key}\"><div><iframe title=\"reCAPTCHA\" src=\"/challenge/{name}/recaptcha/api2/anchor?ar=1&k={key}&size=normal\" width=\"304\" height=\"78\"></iframe></div>\
             <textarea id=\"g-recaptcha-response\" name=\"g-recaptcha-response\" class=\"g-recaptcha-response\" style=\"display: none\"></textarea></div>"
        ),
        // The button comes to life by the callback that the page gave to the library.
        "recaptcha-callback" => format!(
            "<div class=\"g-recaptcha\" data-sitekey=\"{key}\" data-callback=\"page.onHuman\"><iframe title=\"reCAPTCHA\" src=\"/challenge/{name}/recaptcha/api2/anchor?ar=1&k={key}\" width=\"304\" height=\"78\"></iframe>\
             <textarea id=\"g-recaptcha-response\" name=\"g-recaptcha-response\" style=\"display: none\"></textarea></div><input type=\"hidden\" name=\"told\">\
             <script>window.page = {{ onHuman(token) {{ document.querySelector('[name=told]').value = token; document.querySelector('button').disabled = false; }} }}; addEventListener('load', () => document.querySelector('button').disabled = true)</script>"
        ),
        // A score: the page asks for a token when it is submitted, as the documentation shows.
        "recaptcha-v3" => format!(
            "<script src=\"/assets/recaptcha/api.js?render={key}\"></script><input type=\"hidden\" name=\"g-recaptcha-response\">\
             <script>window.grecaptcha = {{ ready: f => f(), execute: () => Promise.resolve('a-bad-score') }};\
             addEventListener('load', () => {{ const form = document.forms[0]; form.addEventListener('submit', async e => {{ e.preventDefault(); \
             form.elements['g-recaptcha-response'].value = await grecaptcha.execute('{key}', {{ action: 'login' }}); form.submit(); }}); }})</script>"
        ),
        "hcaptcha" => format!(
            "<div class=\"h-captcha\" data-sitekey=\"{key}\"><iframe title=\"Widget containing checkbox for hCaptcha security challenge\" data-hcaptcha-response=\"\" width=\"303\" height=\"78\"\
             src=\"/challenge/{name}/hcaptcha/static/hcaptcha.html#frame=checkbox&id=0abc&host=127.0.0.1&sitekey={key}&theme=light\"></iframe>\
             <textarea id=\"g-recaptcha-response-0abc\" name=\"g-recaptcha-response\" style=\"display: none\"></textarea><textarea id=\"h-captcha-response-0abc\" name=\"h-captcha-response\" style=\"display: none\"></textarea></div>"
        ),
        "turnstile" | "turnstile-alone" | "turnstile-chat" => format!(
            "<div class=\"cf-turnstile\" data-sitekey=\"{key}\" data-action=\"login\"><div><iframe title=\"Widget containing a security challenge\" src=\"/challenge/{name}/turnstile/frame\" width=\"300\" height=\"65\"></iframe>\
             <input type=\"hidden\" name=\"cf-turnstile-response\" id=\"cf-chl-widget-0abc_response\"></div></div>"
        ),
        _ => "<img alt=\"captcha\" width=\"120\" height=\"40\" src=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='120' height='40'%3E%3Crect width='120' height='40' fill='%23fff'/%3E%3Ctext x='10' y='25'%3EW8kq3%3C/text%3E%3C/svg%3E\">\
              <label>Characters in the picture <input name=\"captcha\" autocomplete=\"off\"></label>".to_owned(),
    }
}

/// The name of the field in which each kind's documentation has the token.
fn field(name: &str) -> &'static str {
    match name {
        "recaptcha-v2" | "recaptcha-v3" => "g-recaptcha-response",
        "recaptcha-callback" => "told",
        "hcaptcha" => "h-captcha-response",
        "image" => "captcha",
        _ => "cf-turnstile-response",
    }
}

fn form(name: &str, said: &str) -> Html<String> {
    let fields = "<label>E-mail <input name=\"email\" type=\"email\" autocomplete=\"username\"></label><br><label>Password <input name=\"password\" type=\"password\"></label><br>";
    let (title, fields, button) = match name {
        "turnstile-alone" | "turnstile-chat" => ("One moment", "", "Continue"),
        _ => ("Sign in", fields, "Sign in"),
    };
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><link rel=\"stylesheet\" href=\"/assets/style.css\"><main class=\"card\"><h1>{title}</h1>{said}\
         <form method=\"post\">{fields}{}<br><button>{button}</button></form></main>",
        widget(name)
    ))
}

async fn show(Path(name): Path<String>, headers: HeaderMap) -> Response {
    // Behind the challenge that stands alone there is the sign-in, without one.
    match cookie(&headers, &door(&name)).as_deref() {
        Some("inside") => Redirect::to("inside").into_response(),
        Some("human") if name == "turnstile-chat" => Html(CHAT).into_response(),
        Some("human") => login_alone("").into_response(),
        _ => form(&name, "").into_response(),
    }
}

const CHAT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Chat</title><link rel=\"stylesheet\" href=\"/assets/style.css\">\
    <div class=\"thread\" role=\"log\"></div><textarea placeholder=\"Write a message\"></textarea><script>\
    const [log, box] = document.querySelectorAll('.thread, textarea');\
    const add = text => { const line = document.createElement('p'); line.textContent = text; log.append(line); };\
    box.onkeydown = async event => { if (event.key !== 'Enter' || event.shiftKey) return; event.preventDefault(); const question = box.value; box.value = ''; add(question);\
    const reply = await fetch('/door/turnstile-chat/ask', { method: 'POST', body: new URLSearchParams({ question }) }); add((await reply.json()).answer); };</script>";

fn login_alone(said: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sign in</title><h1>Sign in</h1>{said}<form method=\"post\"><label>E-mail <input name=\"email\" type=\"email\"></label>\
         <label>Password <input name=\"password\" type=\"password\"></label><button>Sign in</button></form>"
    ))
}

fn come(name: &str, how_far: &str, to: &str) -> Response {
    let set = format!("{}={how_far}; Path=/challenge/; HttpOnly", door(name));
    ([(header::SET_COOKIE, set)], Redirect::to(to)).into_response()
}

async fn take(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Form(given): Form<HashMap<String, String>>,
) -> Response {
    let has = |key: &str| given.get(key).cloned().unwrap_or_default();
    let is_human = cookie(&headers, &door(&name)).as_deref() == Some("human") || {
        let proof = has(field(&name));
        let taken = proof == Site::token(&name);
        shared
            .doors
            .with(&door(&name), |door| door.codes.push((proof, taken)));
        taken
    };
    if name.starts_with("turnstile-") && is_human && !given.contains_key("password") {
        return come(&name, "human", "./");
    }
    let right = has("email") == Site::user() && has("password") == Site::password();
    shared.doors.with(&door(&name), |door| {
        door.logins.push((has("email"), is_human && right));
    });
    match (is_human, right) {
        (false, _) => form(
            &name,
            "<p role=\"alert\" class=\"error\">The captcha was not solved. Are you a robot?</p>",
        )
        .into_response(),
        (true, true) => come(&name, "inside", "inside"),
        (true, false) => form(
            &name,
            "<p role=\"alert\" class=\"error\">E-mail or password is wrong.</p>",
        )
        .into_response(),
    }
}

async fn inside(Path(name): Path<String>, headers: HeaderMap) -> Response {
    if cookie(&headers, &door(&name)).as_deref() != Some("inside") {
        return Redirect::to("./").into_response();
    }
    Html("<!doctype html><title>Things</title><h1>Things</h1><p>Hello.</p><a href=\"logout\">Log out</a>").into_response()
}
