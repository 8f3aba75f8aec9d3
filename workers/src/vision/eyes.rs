//! The model as the browser's eyes: it points, and the trial decides.

use std::sync::atomic::{AtomicBool, Ordering};

use computetower_browser::{Eyes, Pointed};
use futures::future::BoxFuture;

use super::{Asker, Question};
use crate::context::JobContext;

/// Below this a model that points is not followed.
const SURE: f32 = 0.5;

/// The eyes of a job, where there is a vision model.
pub(crate) struct ModelEyes<'a> {
    context: &'a JobContext,
    pointed: AtomicBool,
}

impl<'a> ModelEyes<'a> {
    pub(crate) fn of(context: &'a JobContext) -> Option<Self> {
        context.outside.vision.as_ref()?;
        Some(Self {
            context,
            pointed: AtomicBool::new(false),
        })
    }

    /// Whether it has pointed at anything.
    pub(crate) fn has_pointed(&self) -> bool {
        self.pointed.load(Ordering::Relaxed)
    }
}

impl Eyes for ModelEyes<'_> {
    fn chat_box<'a>(&'a self, picture: &'a [u8]) -> BoxFuture<'a, Option<Pointed>> {
        Box::pin(async move {
            let context = self.context;
            let vision = context.outside.vision.as_ref()?;
            let asker = Asker {
                store: &context.store,
                tenant: context.job.tenant,
            };
            match vision.ask(asker, Question::Find, picture).await {
                Ok(judged) => {
                    let answer = judged.answer;
                    (answer.found && answer.confidence >= SURE).then(|| {
                        self.pointed.store(true, Ordering::Relaxed);
                        Pointed {
                            x: answer.x,
                            y: answer.y,
                            confidence: answer.confidence,
                            by: vision.name().to_owned(),
                        }
                    })
                }
                Err(trouble) => {
                    context.vision_failed(Question::Find, &trouble);
                    None
                }
            }
        })
    }
}
