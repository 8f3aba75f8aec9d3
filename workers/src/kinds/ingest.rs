//! `ingest`: reads the files of a knowledge source. Nothing here does so yet: the job fails and says so.

use computetower_jobs::kinds::ingest::Ingest;
use computetower_jobs::{Failure, FailureCode, Outcome};

use crate::context::JobContext;

pub(super) async fn run(context: &JobContext, ingest: &Ingest) -> Outcome {
    tracing::warn!(job.id = %context.job.id, source = %ingest.source_id, "an ingestion was asked for that this version cannot do");
    Outcome::Failed(
        Failure::new(
            FailureCode::Unknown,
            "This version of computetower cannot read files yet.",
        )
        .given_up(),
    )
}
