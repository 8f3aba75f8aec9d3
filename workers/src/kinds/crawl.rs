//! `crawl`: reads a site into a knowledge source. Nothing here does so yet: the job fails and says so.

use computetower_jobs::kinds::crawl::Crawl;
use computetower_jobs::{Failure, FailureCode, Outcome};

use crate::context::JobContext;

pub(super) async fn run(context: &JobContext, crawl: &Crawl) -> Outcome {
    tracing::warn!(job.id = %context.job.id, source = %crawl.source_id, "a crawl was asked for that this version cannot do");
    Outcome::Failed(
        Failure::new(
            FailureCode::Unknown,
            "This version of computetower cannot crawl sites yet. Files can be uploaded to a source instead.",
        )
        .given_up(),
    )
}
