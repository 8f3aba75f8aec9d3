//! How each kind is done: a file per kind, under the same name as in `jobs/src/kinds/`.

mod chat;
mod crawl;
mod discovery;
mod ingest;
mod login;
mod logout;
mod noop;

use computetower_jobs::{Failure, FailureCode, Outcome, Payload};

use crate::context::JobContext;

/// Does one attempt.
pub(crate) async fn handle(context: &JobContext) -> Outcome {
    let payload = match context.job.kind.parse(context.job.payload.clone()) {
        Ok(payload) => payload,
        Err(invalid) => {
            return Outcome::Failed(Failure::new(
                FailureCode::InvalidInput,
                format!("The payload cannot be used: {invalid}."),
            ));
        }
    };
    match payload {
        Payload::Noop(noop) => noop::run(context, &noop).await,
        Payload::Login(login) => login::run(context, &login).await,
        Payload::Logout(logout) => logout::run(context, &logout).await,
        Payload::Discovery(discovery) => discovery::run(context, &discovery).await,
        Payload::Chat(chat) => chat::run(context, &chat).await,
        Payload::Crawl(crawl) => crawl::run(context, &crawl).await,
        Payload::Ingest(ingest) => ingest::run(context, &ingest).await,
    }
}
