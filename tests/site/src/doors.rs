//! Doors: sign-ins without a chat behind them, one for each way in which they go well or badly. `/door/<name>/` asks whoever has not come in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::StreamExt;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha1::Sha1;

use crate::Site;
use crate::state::{Shared, cookie};

/// The shared secret of the doors that ask for codes of an app; base32 of its text is what people are shown.
const SECRET: &[u8] = b"doors of the test site";

/// What one door remembers.
#[derive(Debug, Default)]
pub(crate) struct Door {
    /// Every password that came, and whether it was right.
    pub(crate) logins: Vec<(String, bool)>,
    /// Every code that came, and whether it was taken.
    pub(crate) codes: Vec<(String, bool)>,
    /// What else was pressed or sent.
    pub(crate) pressed: Vec<String>,
    /// Tokens of visitors: how far each has come.
    visits: HashMap<String, Visit>,
    approved: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Visit {
    Halfway,
    Consenting,
    Staying,
    Inside,
}

/// All doors.
#[derive(Debug, Default)]
pub(crate) struct Doors(Mutex<HashMap<String, Door>>);

impl Doors {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Door>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn with<T>(&self, name: &str, look: impl FnOnce(&mut Door) -> T) -> T {
        look(self.lock().entry(name.to_owned()).or_default())
    }
}

impl Site {
    /// Address of a door.
    pub fn door(&self, name: &str) -> String {
        format!("{}/door/{name}/", self.base)
    }

    /// Every password that came to a door, with its user, and whether it was right.
    pub fn door_logins(&self, name: &str) -> Vec<(String, bool)> {
        self.shared.doors.with(name, |door| door.logins.clone())
    }

    /// Every code that came to a door, and whether it was taken.
    pub fn door_codes(&self, name: &str) -> Vec<(String, bool)> {
        self.shared.doors.with(name, |door| door.codes.clone())
    }

    /// What else was pressed or sent at a door.
    pub fn door_pressed(&self, name: &str) -> Vec<String> {
        self.shared.doors.with(name, |door| door.pressed.clone())
    }

    /// How many sessions of a door are inside.
    pub fn door_inside(&self, name: &str) -> usize {
        self.shared.doors.with(name, |door| {
            let visits = door.visits.values();
            visits.filter(|visit| **visit == Visit::Inside).count()
        })
    }

    /// Confirms what the door `push` wants confirmed on a phone.
    pub fn approve(&self, name: &str) {
        self.shared.doors.with(name, |door| door.approved = true);
    }

    /// Forgets who has come in through a door.
    pub fn door_sign_everyone_out(&self, name: &str) {
        self.shared.doors.with(name, |door| door.visits.clear());
    }

    /// The secret of the doors that ask for an app's codes, as people are shown it.
    pub fn totp_secret() -> String {
        let mut bits = String::new();
        for byte in SECRET {
            bits.push_str(&format!("{byte:08b}"));
        }
        let letters: Vec<char> = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".chars().collect();
        let whole: Vec<char> = bits.chars().collect();
        whole
            .chunks(5)
            .map(|five| {
                let text: String = five.iter().collect();
                let place = usize::from_str_radix(&format!("{text:0<5}"), 2).unwrap_or_default();
                letters.get(place).copied().unwrap_or('A')
            })
            .collect()
    }
}

fn code(step: u64) -> String {
    let Ok(mut mac) = <Hmac<Sha1> as KeyInit>::new_from_slice(SECRET) else {
        return String::new();
    };
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]);
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

fn now_step() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs() / 30
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/door/{name}/", get(home))
        .route("/door/{name}/{page}", get(show).post(take))
}

type At = (String, String);

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><link rel=\"stylesheet\" href=\"/assets/style.css\">\
         <header class=\"top\"><strong>Doors</strong> <nav><a href=\"/static\">About</a></nav></header><main class=\"card\"><h1>{title}</h1>{body}</main>"
    ))
}

fn token(name: &str, headers: &HeaderMap) -> Option<String> {
    cookie(headers, &format!("visit-{name}"))
}

fn visit(shared: &Shared, name: &str, headers: &HeaderMap) -> Option<Visit> {
    let token = token(name, headers)?;
    shared
        .doors
        .with(name, |door| door.visits.get(&token).copied())
}

/// Lets a visitor come as far as this, and sends it on.
fn come(shared: &Shared, name: &str, how_far: Visit, to: &str) -> Response {
    let token = uuid::Uuid::new_v4().simple().to_string();
    shared
        .doors
        .with(name, |door| door.visits.insert(token.clone(), how_far));
    let set = format!("visit-{name}={token}; Path=/; HttpOnly; SameSite=Lax");
    ([(header::SET_COOKIE, set)], Redirect::to(to)).into_response()
}

async fn home(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let inside = visit(&shared, &name, &headers) == Some(Visit::Inside);
    let base = format!("/door/{name}");
    match name.as_str() {
        // Nothing here says whether somebody is in, and the status says nothing good.
        _ if inside && name == "unsaid" => {
            (StatusCode::NOT_FOUND, page("Things", "<p>One, two, three.</p>")).into_response()
        }
        // Nothing here says it either, and the page never has all of itself.
        _ if inside && name == "endless" => {
            let Html(begun) = page("Things", "<p>One, two, three.</p>");
            let begun = futures::stream::once(async move { Ok::<_, std::convert::Infallible>(begun) });
            let body = Body::from_stream(begun.chain(futures::stream::pending()));
            ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response()
        }
        _ if inside && name == "quiet" => page("Things", "<p>One, two, three.</p>").into_response(),
        "exit-menu" if inside => page(
            "Dinge",
            &format!(
                "<header><a href=\"{base}/\">Dinge</a> <button aria-label=\"Teilen\" aria-haspopup=\"menu\">T</button> \
                 <button id=\"me\" aria-haspopup=\"menu\" onclick=\"document.getElementById('own').hidden = false\">AL</button>\
                 <ul id=\"own\" role=\"menu\" hidden><li><button onclick=\"fetch('{base}/remove')\">Konto löschen</button></li>\
                 <li><button onclick=\"fetch('{base}/logout', {{method: 'POST', body: new URLSearchParams()}}).then(() => location = '{base}/login')\">Abmelden</button></li></ul>\
                 </header><article>Eins, zwei. <a href=\"{base}/help\">Abmelden, aber wie?</a></article>"
            ),
        )
        .into_response(),
        "exit-asked" if inside => page("Things", &format!("<nav><a href=\"{base}/leave\">Log out</a></nav><p>Hello.</p>")).into_response(),
        "exit-stuck" if inside => page("Things", &format!("<p>Hello.</p><a href=\"{base}/\">Log out</a>")).into_response(),
        _ if inside => page(
            "Things",
            &format!("<p>Hello.</p><a href=\"{base}/logout\">Log out</a>"),
        )
        .into_response(),
        "memory" | "memory-chat" => Html(include_str!("../assets/login/memory.html").replace("{{base}}", &base)).into_response(),
        "spa-silent" => Html(include_str!("../assets/login/silent.html").replace("{{base}}", &base)).into_response(),
        "public" | "home-again" => page(
            "The best doors",
            &format!("<p>Doors for everybody.</p><a href=\"{base}/people\">Profile</a> <a href=\"{base}/login\">Sign in</a>"),
        )
        .into_response(),
        "chooser" => page(
            "Log in or sign up",
            &format!(
                "<a role=\"button\" href=\"{base}/somebody\">Continue with Somebody</a><br><button onclick=\"location='{base}/elsewhere'\">Continue with Elsewhere</button><br>\
                 <button onclick=\"location='{base}/name'\">Continue with e-mail</button><br><a href=\"{base}/new\">Sign up with e-mail</a>"
            ),
        )
        .into_response(),
        "consent" => {
            // Another origin that is the same server.
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            let other = host.replace("127.0.0.1", "localhost");
            Redirect::to(&format!("http://{other}{base}/login")).into_response()
        }
        _ => Redirect::to(&format!("{base}/login")).into_response(),
    }
}

/// A picture whose text has to be typed; beside the form, and part of it.
const PICTURE: &str = "<img alt=\"captcha\" width=\"120\" height=\"40\" src=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'%3E%3Ctext y='20'%3Ex7k2p%3C/text%3E%3C/svg%3E\">\
    <label>Characters in the picture <input form=\"the-form\" name=\"captcha\"></label>";

fn login_form(base: &str, said: &str) -> Html<String> {
    page(
        "Sign in",
        &format!(
            "{said}<form id=\"the-form\" method=\"post\" action=\"{base}/login\"><label>E-mail <input name=\"email\" type=\"email\"></label><br>\
             <label>Password <input name=\"password\" type=\"password\"></label><br>\
             <label><input type=\"checkbox\" name=\"terms\" hidden></label><label><input type=\"checkbox\" name=\"remember\"> Remember me</label><br>\
             <label><input type=\"checkbox\" name=\"news\"> Send me the newsletter</label><br><button>Sign in</button></form>"
        ),
    )
}

fn password_alone(base: &str, said: &str) -> Html<String> {
    page(
        "Members only",
        &format!(
            "{said}<form method=\"post\" action=\"{base}/login\"><input name=\"password\" type=\"password\" aria-label=\"Password\"><button>Enter</button></form>"
        ),
    )
}

async fn show(
    State(shared): State<Arc<Shared>>,
    Path((name, what)): Path<At>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let base = format!("/door/{name}");
    let how_far = visit(&shared, &name, &headers);
    let inside = how_far == Some(Visit::Inside);
    match what.as_str() {
        "login" if inside => Redirect::to(&format!("{base}/")).into_response(),
        "login" if name == "late-name" => password_alone(&base, "").into_response(),
        "login" if name == "picture" => login_form(&base, PICTURE).into_response(),
        "login" => login_form(&base, "").into_response(),
        "who" if how_far == Some(Visit::Halfway) => page(
            "Who are you?",
            &format!("<form method=\"post\" action=\"{base}/who\"><label>User name <input name=\"email\"></label><button>Continue</button></form>"),
        )
        .into_response(),
        "name" => page(
            "Your address",
            &format!("<form method=\"post\" action=\"{base}/name\"><input type=\"email\" name=\"email\" placeholder=\"E-mail\"><button>Next</button></form>"),
        )
        .into_response(),
        "code" if how_far == Some(Visit::Halfway) => code_page(&base, &name, "").into_response(),
        "phone" if shared.doors.with(&name, |door| door.approved) => {
            come(&shared, &name, Visit::Inside, &format!("{base}/"))
        }
        "phone" => page(
            "Check your phone",
            "<p>Approve the sign-in there to go on.</p><button onclick=\"location.reload()\">Resend</button><script>setInterval(() => location.reload(), 1500)</script>",
        )
        .into_response(),
        "consent" if how_far == Some(Visit::Consenting) => page(
            "Doors would like to access your account",
            &format!(
                "<p>It asks for the permission to read your name.</p><form method=\"post\" action=\"{base}/consent\"><button name=\"say\" value=\"cancel\">Cancel</button>\
                 <button name=\"say\" value=\"continue\">Continue</button></form><a href=\"{base}/logout\">Not you? Sign out</a>"
            ),
        )
        .into_response(),
        "stay" if how_far == Some(Visit::Staying) => page(
            "Stay signed in?",
            &format!("<form method=\"post\" action=\"{base}/stay\"><button name=\"say\" value=\"no\">No</button><button name=\"say\" value=\"yes\">Yes</button></form>"),
        )
        .into_response(),
        "back" => match query.get("grant") {
            Some(grant) if shared.doors.with(&name, |door| door.visits.contains_key(grant)) => {
                come(&shared, &name, Visit::Inside, &format!("{base}/"))
            }
            _ => page("Denied", "<p>You have denied it.</p>").into_response(),
        },
        "leave" if inside => page(
            "Are you sure?",
            &format!("<p>You are about to leave.</p><form method=\"post\" action=\"{base}/logout\"><button>Yes, log out</button></form><a href=\"{base}/\">Cancel</a>"),
        )
        .into_response(),
        "failed" => page("Hm", "<p>That was that.</p>").into_response(),
        "logout" => {
            if let Some(token) = token(&name, &headers) {
                shared.doors.with(&name, |door| door.visits.remove(&token));
            }
            Redirect::to(&format!("{base}/")).into_response()
        }
        other => {
            shared.doors.with(&name, |door| door.pressed.push(other.to_owned()));
            page("A wrong turn", "<p>Nothing is here.</p>").into_response()
        }
    }
}

fn code_page(base: &str, name: &str, said: &str) -> Html<String> {
    let trust = "<label><input type=\"checkbox\" name=\"trust\"> Trust this device</label>";
    match name {
        "totp-digits" => {
            Html(include_str!("../assets/login/digits.html").replace("{{base}}", base))
        }
        "sms" => page(
            "Enter the code",
            &format!(
                "{said}<p>We sent a text message to your phone.</p><form method=\"post\" action=\"{base}/code\"><input name=\"code\" inputmode=\"numeric\" maxlength=\"6\">{trust}<button>Verify</button></form>"
            ),
        ),
        _ => page(
            "Two-factor authentication",
            &format!(
                "{said}<p>Enter the code from your authenticator app.</p><form method=\"post\" action=\"{base}/code\"><label>Code <input name=\"code\" autocomplete=\"one-time-code\"></label>{trust}\
                 <button>Verify</button></form>"
            ),
        ),
    }
}

async fn take(
    State(shared): State<Arc<Shared>>,
    Path((name, what)): Path<At>,
    headers: HeaderMap,
    Form(given): Form<HashMap<String, String>>,
) -> Response {
    let base = format!("/door/{name}");
    let field = |key: &str| given.get(key).cloned().unwrap_or_default();
    for key in ["remember", "news", "trust", "say"] {
        if given.contains_key(key) {
            let said = format!("{key}={}", field(key));
            shared.doors.with(&name, |door| door.pressed.push(said));
        }
    }
    match what.as_str() {
        "name" => page(
            "Welcome back",
            &format!(
                "<form method=\"post\" action=\"{base}/login\"><input type=\"hidden\" name=\"email\" value=\"{}\"><input type=\"password\" name=\"password\" placeholder=\"Password\">\
                 <button>Sign in</button></form>",
                crate::login::escape(&field("email"))
            ),
        )
        .into_response(),
        "login" => {
            let known = name == "late-name" || field("email") == Site::user();
            let read = name != "picture" || field("captcha") == "x7k2p";
            let right = known && read && field("password") == Site::password();
            shared.doors.with(&name, |door| door.logins.push((field("email"), right)));
            if right { accepted(&shared, &name, &base) } else { refused(&name, &base) }
        }
        "logout" => {
            if let Some(token) = token(&name, &headers) {
                shared.doors.with(&name, |door| door.visits.remove(&token));
            }
            Redirect::to(&format!("{base}/")).into_response()
        }
        "api" => {
            let right = field("email") == Site::user() && field("password") == Site::password();
            shared.doors.with(&name, |door| door.logins.push((field("email"), right)));
            Json(json!({ "ok": right })).into_response()
        }
        "ask" => {
            let question = field("question");
            shared.doors.with(&name, |door| door.pressed.push(question.clone()));
            Json(json!({ "answer": crate::echo::answer(&question) })).into_response()
        }
        "code" if visit(&shared, &name, &headers) == Some(Visit::Halfway) => {
            let right = is_right(&shared, &name, field("code").trim());
            if right {
                return come(&shared, &name, Visit::Inside, &format!("{base}/"));
            }
            code_page(&base, &name, "<p class=\"hint bad\" role=\"alert\">The code is not valid.</p>").into_response()
        }
        "consent" if field("say") == "continue" => {
            let token = token(&name, &headers).unwrap_or_default();
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            let own = host.replace("localhost", "127.0.0.1");
            Redirect::to(&format!("http://{own}{base}/back?grant={token}")).into_response()
        }
        "consent" => Redirect::to(&format!("{base}/back")).into_response(),
        "who" if field("email") == Site::user() => come(&shared, &name, Visit::Inside, &format!("{base}/")),
        "stay" => come(&shared, &name, Visit::Inside, &format!("{base}/")),
        _ => page("A wrong turn", "<p>Nothing is here.</p>").into_response(),
    }
}

fn accepted(shared: &Shared, name: &str, base: &str) -> Response {
    match name {
        "totp" | "totp-digits" | "totp-skew" | "sms" => {
            come(shared, name, Visit::Halfway, &format!("{base}/code"))
        }
        "late-name" => come(shared, name, Visit::Halfway, &format!("{base}/who")),
        "push" => come(shared, name, Visit::Halfway, &format!("{base}/phone")),
        "consent" => come(shared, name, Visit::Consenting, &format!("{base}/consent")),
        "stay" => come(shared, name, Visit::Staying, &format!("{base}/stay")),
        _ => come(shared, name, Visit::Inside, &format!("{base}/")),
    }
}

fn refused(name: &str, base: &str) -> Response {
    match name {
        "error-page" => Redirect::to(&format!("{base}/failed")).into_response(),
        "locked" => page("Doors", "<p>Your account is locked. Write to us.</p>").into_response(),
        "back-silent" => Redirect::to(&format!("{base}/login?error=1")).into_response(),
        "late-name" => {
            password_alone(base, "<p role=\"alert\">Wrong password.</p>").into_response()
        }
        "home-again" => Redirect::to(&format!("{base}/")).into_response(),
        _ => login_form(base, "<p role=\"alert\">E-mail or password is wrong.</p>").into_response(),
    }
}

/// Judges a code: no step's code is taken twice.
fn is_right(shared: &Shared, name: &str, given: &str) -> bool {
    let step = now_step();
    let good = match name {
        "sms" => given == Site::code(),
        // A clock that is a step off, this way or that: off what was typed first, since time goes on between two codes.
        "totp-skew" => {
            let first = shared.doors.with(name, |door| door.codes.first().cloned());
            let beside = |at: u64| given == code(at + 1) || given == code(at - 1);
            first.is_some_and(|(first, _)| {
                (step - 4..=step + 4).any(|at| code(at) == first && beside(at))
            })
        }
        _ => given == code(step),
    };
    shared.doors.with(name, |door| {
        let fresh = !door.codes.iter().any(|(known, _)| known == given);
        door.codes.push((given.to_owned(), good && fresh));
        good && fresh
    })
}
