//! Doing what a client says.

use computetower_jobs::kinds::chat::{Message, Role};
use computetower_jobs::{JobId, Named};
use computetower_store::StoreError;
use computetower_store::chat_sessions::{
    NamedCommand, NewTurn, SessionChange, Turn, TurnKind, TurnProgress, TurnState,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::command::{Command, Credentials, Order};
use super::connection::{Connection, Leave};
use super::frame::{ErrorData, Frame};
use super::out::Out;
use crate::api::problem::{Problem, ProblemCode};
use crate::service::sign_in::{Claim, account};
use crate::service::submit::{Checks, SubmitRequest, submit};

impl Connection {
    /// Does what a client says, or tells it why not.
    pub(super) async fn obey(&mut self, command: Command, out: &mut Out) -> Result<(), Leave> {
        let id = command.id.clone();
        if let Some(error) = self.misplaced(&command) {
            return self.refuse(id, error, out).await;
        }
        match command.order {
            Order::HealthCheck(asked_at) => {
                self.taken(id, out).await?;
                let frame = self.heartbeat(Some(asked_at.unwrap_or(Value::Null)));
                self.tell_unnumbered(&frame, out).await
            }
            Order::SendMessage(message) => self.send_message(id, message, out).await,
            Order::Login(credentials) => self.login(id, credentials, out).await,
            Order::ChangeModel(model) => self.change_model(id, model, out).await,
            Order::NewChat => self.new_chat(id, out).await,
            Order::CloseSession => self.close(id, out).await,
            // Heard before it came here.
            Order::Ack(_) => Ok(()),
        }
    }

    /// What a command names has to be what the connection is about.
    fn misplaced(&self, command: &Command) -> Option<ErrorData> {
        if command.session.is_some_and(|id| id != self.session.id) {
            return Some(ErrorData::field(
                "sessionId",
                "is not the session of this connection",
            ));
        }
        let named = command.credential;
        (named.is_some() && named != self.session.credential)
            .then(|| ErrorData::field("credentialId", "is not the account of this session"))
    }

    async fn send_message(
        &mut self,
        id: Option<String>,
        message: String,
        out: &mut Out,
    ) -> Result<(), Leave> {
        let name = id.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
        if let Some(known) = self.turn_named(&name).await? {
            let same = known.kind == TurnKind::Message && known.question == message;
            return self.said_before(name, known, same, out).await;
        }
        if self.running.is_some() {
            return self.refuse(id, busy(), out).await;
        }
        let Some(model) = self.session.model.clone() else {
            let error = ErrorData::new(
                "model_not_found",
                "No model is named for this session, and none uses its account: name one with CHANGE_MODEL.",
            );
            return self.refuse(id, error, out).await;
        };
        // Refused before anything of it is kept.
        let so_far = self.messages(i32::MAX, &message).await?;
        if let Err(problem) = self.check(&model, so_far).await {
            return match problem.code() {
                ProblemCode::Unavailable => Err(unavailable()),
                _ => self.refuse(id, told(&problem, &model), out).await,
            };
        }
        let new = NewTurn {
            kind: TurnKind::Message,
            message_id: &name,
            model: Some(&model),
            question: &message,
        };
        self.begin_turn(id, &new, out).await
    }

    async fn login(
        &mut self,
        id: Option<String>,
        credentials: Credentials,
        out: &mut Out,
    ) -> Result<(), Leave> {
        let name = id.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
        if let Some(known) = self.turn_named(&name).await? {
            let same = known.kind == TurnKind::Login;
            return self.said_before(name, known, same, out).await;
        }
        if self.running.is_some() {
            return self.refuse(id, busy(), out).await;
        }
        let Some(own) = self.session.credential else {
            if credentials != Credentials::default() {
                let error = ErrorData::field(
                    "credentials",
                    "are of no use: the page of this session was registered without an account",
                );
                return self.refuse(id, error, out).await;
            }
            // Nothing is to be done.
            self.ready(SessionChange::default(), out).await?;
            return self.taken(id, out).await;
        };
        let claim = Claim {
            credential: Some(credentials.credential_id.unwrap_or(own)),
            service_url: credentials.service_url,
            email: credentials.email,
            password: credentials.password,
        };
        if claim.credential != Some(own) {
            let error = ErrorData::field(
                "credentials.credentialId",
                "is not the account of this session",
            );
            return self.refuse(id, error, out).await;
        }
        if let Err(problem) = account(&self.app, self.who.tenant, claim).await {
            return match problem.code() {
                ProblemCode::Unavailable => Err(unavailable()),
                _ => self.refuse(id, ErrorData::from(&problem), out).await,
            };
        }
        let new = NewTurn {
            kind: TurnKind::Login,
            message_id: &name,
            model: None,
            question: "",
        };
        self.begin_turn(id, &new, out).await
    }

    async fn change_model(
        &mut self,
        id: Option<String>,
        model: String,
        out: &mut Out,
    ) -> Result<(), Leave> {
        let command = named_command(id.as_deref(), format!("CHANGE_MODEL {model}"));
        if self.done_before(command.as_ref(), out).await? {
            return Ok(());
        }
        if self.running.is_some() {
            return self.refuse(id, busy(), out).await;
        }
        let (store, tenant) = (self.app.store().clone(), self.who.tenant);
        let named = Named::Model(model.clone());
        let found = store.limit_key_of(tenant, &named).await;
        let found = found.map_err(|error| Leave::outage(&error))?;
        if found.is_none() {
            return self.refuse(id, no_model(&model), out).await;
        }
        let credential = crate::api::sessions::credential_of(&self.app, tenant, &model)
            .await
            .map_err(|error| Leave::outage(&error))?;
        self.session.model = Some(model.clone());
        self.session.credential = credential;
        let change = SessionChange {
            model: Some((model, credential)),
            command,
            ..SessionChange::default()
        };
        self.ready(change, out).await?;
        self.taken(id, out).await
    }

    async fn new_chat(&mut self, id: Option<String>, out: &mut Out) -> Result<(), Leave> {
        let command = named_command(id.as_deref(), "NEW_CHAT".to_owned());
        if self.done_before(command.as_ref(), out).await? {
            return Ok(());
        }
        if let Some(running) = &self.running {
            // Nobody waits for the answer any more. Its end is told when it has come.
            self.cancel(running.job).await?;
        }
        self.session.conversation += 1;
        let change = SessionChange {
            new_conversation: true,
            command,
            ..SessionChange::default()
        };
        self.ready(change, out).await?;
        self.taken(id, out).await
    }

    async fn close(&mut self, id: Option<String>, out: &mut Out) -> Result<(), Leave> {
        crate::api::sessions::close_session(&self.app, self.who.tenant, self.session.id)
            .await
            .map_err(|error| Leave::outage(&error))?;
        self.taken(id, out).await?;
        Err(Leave::Told {
            code: 1000,
            error: None,
        })
    }

    async fn cancel(&self, job: JobId) -> Result<(), Leave> {
        match self.app.store().cancel(self.who.tenant, job).await {
            // It has ended, or is forgotten: that is as good.
            Ok(_) | Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(Leave::outage(&error)),
        }
    }

    async fn turn_named(&self, name: &str) -> Result<Option<Turn>, Leave> {
        self.app
            .store()
            .turn_named(self.who.tenant, self.session.id, name)
            .await
            .map_err(|error| Leave::outage(&error))
    }

    /// The client says something again: it is acknowledged again, and that is all.
    async fn said_before(
        &self,
        name: String,
        known: Turn,
        same: bool,
        out: &mut Out,
    ) -> Result<(), Leave> {
        if !same {
            return self.refuse(Some(name), reused(), out).await;
        }
        let frame = Frame::Ack {
            id: name.clone(),
            message_id: Some(name),
            job_id: known.job,
            repeated: true,
        };
        self.tell_unnumbered(&frame, out).await
    }

    /// Whether a command was said under its name before. It is answered then, and not done again.
    async fn done_before(
        &self,
        command: Option<&NamedCommand>,
        out: &mut Out,
    ) -> Result<bool, Leave> {
        let Some(NamedCommand { id, said }) = command else {
            return Ok(false);
        };
        let known = self
            .app
            .store()
            .command_named(self.who.tenant, self.session.id, id)
            .await
            .map_err(|error| Leave::outage(&error))?;
        let Some(known) = known else {
            return Ok(false);
        };
        if known != *said {
            self.refuse(Some(id.clone()), reused(), out).await?;
            return Ok(true);
        }
        let frame = Frame::Ack {
            id: id.clone(),
            message_id: None,
            job_id: None,
            repeated: true,
        };
        self.tell_unnumbered(&frame, out).await?;
        Ok(true)
    }

    /// Writes a turn down, queues its job, and only then acknowledges it.
    async fn begin_turn(
        &mut self,
        id: Option<String>,
        new: &NewTurn<'_>,
        out: &mut Out,
    ) -> Result<(), Leave> {
        let begun = self
            .app
            .store()
            .begin_turn(self.who.tenant, self.session.id, self.me, new)
            .await
            .map_err(|error| Leave::outage(&error))?;
        let Some(turn) = begun else {
            self.look().await?;
            // It was this connection's all the same: something else came first.
            return self.refuse(id, busy(), out).await;
        };
        let message_id = turn.message_id.clone();
        let Some(job) = self.take_up(turn, out).await? else {
            return Ok(());
        };
        match id {
            Some(id) => {
                let frame = Frame::Ack {
                    id,
                    message_id: Some(message_id),
                    job_id: Some(job),
                    repeated: false,
                };
                self.tell_unnumbered(&frame, out).await
            }
            None => Ok(()),
        }
    }

    /// Queues the job of a turn. However often it is called for a turn, there is one. None when it was refused, which was told then.
    pub(super) async fn submit(
        &mut self,
        turn: &Turn,
        out: &mut Out,
    ) -> Result<Option<JobId>, Leave> {
        let (store, tenant) = (self.app.store().clone(), self.who.tenant);
        let (kind, payload) = match turn.kind {
            TurnKind::Message => {
                let messages = store
                    .conversation_before(tenant, self.session.id, turn.conversation, turn.number)
                    .await
                    .map_err(|error| Leave::outage(&error))?;
                let messages = with_question(messages, &turn.question);
                ("chat", json!({"model": turn.model, "messages": messages}))
            }
            TurnKind::Login => ("login", json!({"credential_id": self.session.credential})),
        };
        let key = format!("chat session {} turn {}", self.session.id, turn.number);
        let body = payload.to_string();
        let submitted = match request(kind, payload) {
            Ok(request) => submit(&self.app, tenant, request, Some(key), body.as_bytes()).await,
            Err(problem) => Err(problem),
        };
        let problem = match submitted {
            Ok(submitted) => {
                let open = store
                    .set_turn_job(tenant, self.session.id, turn.number, submitted.id)
                    .await
                    .map_err(|error| Leave::outage(&error))?;
                if !open {
                    // Closed, or ended by another connection, since the turn was written down: who did it could not cancel a job that was not there.
                    self.cancel(submitted.id).await?;
                    return Err(self.why_not_held().await);
                }
                return Ok(Some(submitted.id));
            }
            Err(problem) if problem.code() == ProblemCode::Unavailable => {
                return Err(unavailable());
            }
            Err(problem) => problem,
        };
        let frame = Frame::Error {
            id: None,
            message_id: Some(turn.message_id.clone()),
            job_id: None,
            error: told(&problem, turn.model.as_deref().unwrap_or_default()),
            is_final: true,
        };
        let progress = TurnProgress {
            number: turn.number,
            event_seq: turn.event_seq,
            state: TurnState::Failed,
            answer: None,
        };
        self.append(vec![frame], Some(&progress), None, out).await?;
        Ok(None)
    }

    /// The present conversation with a question behind it.
    async fn messages(&self, before: i32, question: &str) -> Result<Vec<Message>, Leave> {
        let said = self
            .app
            .store()
            .conversation_before(
                self.who.tenant,
                self.session.id,
                self.session.conversation,
                before,
            )
            .await
            .map_err(|error| Leave::outage(&error))?;
        Ok(with_question(said, question))
    }

    async fn check(&self, model: &str, messages: Vec<Message>) -> Result<(), Problem> {
        let mut request = request("chat", json!({"model": model, "messages": messages}))?;
        Checks::new(&self.app, self.who.tenant)
            .check(&mut request)
            .await?;
        Ok(())
    }

    /// Tells how the session stands now, together with the change that made it so.
    async fn ready(&mut self, change: SessionChange, out: &mut Out) -> Result<(), Leave> {
        let frame = Frame::SessionReady {
            worker_id: self.app.live_sessions().name().to_owned(),
            now: self.now(),
            message_id: None,
            job_id: None,
            resume: None,
        };
        self.append(vec![frame], None, Some(&change), out).await
    }

    async fn taken(&self, id: Option<String>, out: &mut Out) -> Result<(), Leave> {
        let Some(id) = id else { return Ok(()) };
        let frame = Frame::Ack {
            id,
            message_id: None,
            job_id: None,
            repeated: false,
        };
        self.tell_unnumbered(&frame, out).await
    }

    async fn refuse(
        &self,
        id: Option<String>,
        error: ErrorData,
        out: &mut Out,
    ) -> Result<(), Leave> {
        self.tell_unnumbered(&Frame::refusal(id, error), out).await
    }
}

fn with_question(mut said: Vec<Message>, question: &str) -> Vec<Message> {
    said.push(Message {
        role: Role::User,
        content: question.to_owned(),
    });
    said
}

fn request(kind: &str, payload: Value) -> Result<SubmitRequest, Problem> {
    serde_json::from_value(json!({"kind": kind, "payload": payload}))
        .map_err(|error| Problem::field("payload", error.to_string()))
}

fn named_command(id: Option<&str>, said: String) -> Option<NamedCommand> {
    id.map(|id| NamedCommand {
        id: id.to_owned(),
        said,
    })
}

fn reused() -> ErrorData {
    ErrorData::new(
        "message_id_reused",
        "Something else was said under this id before: use a new one for something new.",
    )
}

fn busy() -> ErrorData {
    ErrorData::new(
        "busy",
        "Something is in progress: wait for its RESPONSE_COMPLETE, SESSION_READY or final ERROR, or begin anew with NEW_CHAT.",
    )
}

fn no_model(model: &str) -> ErrorData {
    ErrorData {
        field: Some("model".to_owned()),
        ..ErrorData::new(
            "model_not_found",
            format!("The model {model:?} does not exist: GET /v1/models lists those that do."),
        )
    }
}

fn unavailable() -> Leave {
    Leave::told(
        1013,
        "unavailable",
        "Storage did not answer. Connect again, and say it again under the same id.",
    )
}

/// Why a question was refused, in the protocol's words.
fn told(problem: &Problem, model: &str) -> ErrorData {
    match problem.first_field() {
        Some("payload.model") => no_model(model),
        Some("payload.messages") => ErrorData::new(
            "invalid_input",
            format!(
                "The conversation cannot go on: {}. NEW_CHAT begins another.",
                problem.detail()
            ),
        ),
        _ => ErrorData::from(problem),
    }
}
