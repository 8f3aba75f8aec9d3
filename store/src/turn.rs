//! The dispatcher is told that there is something to hand over, so that it looks at once and not at its next tick.

use computetower_jobs::Queue;

use crate::connect::Store;

impl Store {
    /// Says that jobs of these queues wait for their turn. Failing is not an error: the dispatcher looks by itself as well.
    pub async fn ring_turn(&self, queues: impl IntoIterator<Item = Queue>) {
        let mut rung = Vec::new();
        let mut pipeline = redis::pipe();
        for queue in queues {
            if !rung.contains(&queue) {
                rung.push(queue);
                pipeline
                    .cmd("PUBLISH")
                    .arg(self.keys.turn())
                    .arg(queue.name())
                    .ignore();
            }
        }
        if rung.is_empty() {
            return;
        }
        let told: redis::RedisResult<()> = pipeline.query_async(&mut self.redis.clone()).await;
        if let Err(error) = told {
            tracing::warn!(error = %error, "the dispatcher could not be told to look; it will look by itself");
        }
    }
}
