//! What is told of a crawl or an ingestion on Redis as it goes, to whoever listens at that moment. The names are fixed by those who listen, and have no
//! prefix. What has to arrive are the job's events.

use computetower_jobs::JobId;
use serde_json::Value;

use crate::connect::Store;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exploration {
    /// How far it is: `exploration:{job}:progress`.
    Progress,
    /// A page or a file was kept: `exploration:{job}:page_completed`.
    PageCompleted,
    /// Links that lead out of the source: `exploration:external_links`.
    ExternalLinks,
    /// Something went wrong: `exploration:errors`.
    Errors,
}

impl Exploration {
    /// The channel.
    #[must_use]
    pub fn channel(self, job: JobId) -> String {
        match self {
            Exploration::Progress => format!("exploration:{job}:progress"),
            Exploration::PageCompleted => format!("exploration:{job}:page_completed"),
            Exploration::ExternalLinks => "exploration:external_links".to_owned(),
            Exploration::Errors => "exploration:errors".to_owned(),
        }
    }
}

impl Store {
    /// Tells those who listen. Nobody is waited for: when Redis does not take it, it is lost.
    pub fn publish_exploration(&self, job: JobId, about: Exploration, mut message: Value) {
        message["job_id"] = Value::from(job.to_string());
        let channel = about.channel(job);
        let mut redis = self.redis.clone();
        self.rings.spawn(async move {
            let told: redis::RedisResult<i64> = redis::cmd("PUBLISH")
                .arg(channel)
                .arg(message.to_string())
                .query_async(&mut redis)
                .await;
            if let Err(error) = told {
                tracing::debug!(error = %error, "a word on a crawl was lost");
            }
        });
    }
}
