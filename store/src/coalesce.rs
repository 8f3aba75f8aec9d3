//! Calls that come at the same time become one statement: that is how a durable record is also fast.
//!
//! The first call goes out at once; those that come while it is on its way form the next statement. Only where many come anyway does a statement wait
//! a moment for more of them: what a statement costs by itself, before its first row, is as much as some twenty rows.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::error::StoreError;

/// What became of each call of a statement, in order; or why the whole statement failed.
pub(crate) type Answers<O> = Result<Vec<Result<O, StoreError>>, StoreError>;

struct Call<I, O> {
    input: Arc<I>,
    answer: oneshot::Sender<Result<O, StoreError>>,
}

/// Calls that may wait; beyond it, callers wait to be let in.
const WAITING: usize = 4_096;
/// From so many calls on in a statement, the next one waits for company.
const MANY: usize = 8;
/// How long a statement may take. One that takes longer has an outage for a reason, and must not hold up those behind it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What becomes of a call whose caller has gone away before it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unheard {
    /// It is done all the same.
    Done,
    /// It is dropped: the caller will come again, or has no use for it.
    Dropped,
}

/// How calls are put together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Calls in one statement.
    pub(crate) most: usize,
    /// Statements that may be on their way at the same time.
    pub(crate) at_once: usize,
    /// How long a statement waits for company when many calls come.
    pub(crate) linger: Duration,
    /// What becomes of a call that nobody waits for any more.
    pub(crate) unheard: Unheard,
}

/// Turns calls into statements of many. Cheap to clone.
pub(crate) struct Coalescer<I, O> {
    calls: mpsc::Sender<Call<I, O>>,
}

impl<I, O> Clone for Coalescer<I, O> {
    fn clone(&self) -> Self {
        Self {
            calls: self.calls.clone(),
        }
    }
}

impl<I: Send + Sync + 'static, O: Send + 'static> Coalescer<I, O> {
    /// `statement` is given 1 to `shape.most` inputs.
    pub(crate) fn start<F, S>(shape: Shape, statement: F) -> Self
    where
        F: Fn(Vec<Arc<I>>) -> S + Clone + Send + Sync + 'static,
        S: Future<Output = Answers<O>> + Send + 'static,
    {
        let (calls, waiting) = mpsc::channel(WAITING);
        tokio::spawn(run(waiting, shape, statement));
        Self { calls }
    }

    /// One call. Its part of the statement is done also when the caller goes away while it is on its way.
    pub(crate) async fn call(&self, input: I) -> Result<O, StoreError> {
        let (answer, answered) = oneshot::channel();
        let input = Arc::new(input);
        if self.calls.send(Call { input, answer }).await.is_err() {
            return Err(StoreError::Interrupted);
        }
        answered.await.unwrap_or(Err(StoreError::Interrupted))
    }
}

async fn run<I, O, F, S>(mut waiting: mpsc::Receiver<Call<I, O>>, shape: Shape, statement: F)
where
    I: Send + Sync + 'static,
    O: Send + 'static,
    F: Fn(Vec<Arc<I>>) -> S + Clone + Send + Sync + 'static,
    S: Future<Output = Answers<O>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(shape.at_once));
    let mut calls = Vec::new();
    let mut last = 0;
    while waiting.recv_many(&mut calls, shape.most).await > 0 {
        let Ok(slot) = slots.clone().acquire_owned().await else {
            return;
        };
        if last >= MANY {
            gather(&mut waiting, &mut calls, &shape).await;
        }
        // Those that came while others were on their way come along.
        while calls.len() < shape.most
            && let Ok(call) = waiting.try_recv()
        {
            calls.push(call);
        }
        if shape.unheard == Unheard::Dropped {
            calls.retain(|call| !call.answer.is_closed());
        }
        if calls.is_empty() {
            continue;
        }
        last = calls.len();
        let calls = std::mem::take(&mut calls);
        let statement = statement.clone();
        tokio::spawn(async move {
            answer(calls, &statement).await;
            drop(slot);
        });
    }
}

/// Waits a moment for more calls.
async fn gather<C>(waiting: &mut mpsc::Receiver<C>, calls: &mut Vec<C>, shape: &Shape) {
    let until = tokio::time::Instant::now() + shape.linger;
    while calls.len() < shape.most {
        let room = shape.most - calls.len();
        tokio::select! {
            more = waiting.recv_many(calls, room) => if more == 0 { return },
            () = tokio::time::sleep_until(until) => return,
        }
    }
}

async fn answer<I, O, F, S>(calls: Vec<Call<I, O>>, statement: &F)
where
    F: Fn(Vec<Arc<I>>) -> S,
    S: Future<Output = Answers<O>>,
{
    let statement = async |inputs| {
        tokio::time::timeout(PATIENCE, statement(inputs))
            .await
            .unwrap_or(Err(StoreError::Interrupted))
    };
    let inputs = calls.iter().map(|call| call.input.clone()).collect();
    match statement(inputs).await {
        Ok(answers) => {
            for (call, answer) in calls.into_iter().zip(answers) {
                // A caller that does not wait any more needs no answer.
                let _ = call.answer.send(answer);
            }
        }
        // One that Postgres refuses must not be the others' misfortune.
        Err(error) if calls.len() > 1 && (!error.is_outage() || error.is_contention()) => {
            for call in calls {
                let alone = statement(vec![call.input.clone()]).await;
                let _ =
                    call.answer.send(alone.and_then(|mut answers| {
                        answers.pop().unwrap_or(Err(StoreError::Interrupted))
                    }));
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for call in calls {
                let _ = call.answer.send(Err(StoreError::Together(error.clone())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Refuses statements that hold a 13, and notes the sizes of all.
    fn adder(sizes: &Arc<Mutex<Vec<usize>>>) -> Coalescer<i32, i32> {
        let sizes = sizes.clone();
        let shape = Shape {
            most: 8,
            at_once: 1,
            linger: Duration::from_millis(1),
            unheard: Unheard::Done,
        };
        Coalescer::start(shape, move |inputs: Vec<Arc<i32>>| {
            let sizes = sizes.clone();
            async move {
                tokio::task::yield_now().await;
                if let Ok(mut sizes) = sizes.lock() {
                    sizes.push(inputs.len());
                }
                if inputs.iter().any(|input| **input == 13) {
                    return Err(StoreError::Conflict("13".to_owned()));
                }
                Ok(inputs.iter().map(|input| Ok(**input + 1)).collect())
            }
        })
    }

    #[tokio::test]
    async fn each_call_gets_its_own_answer_and_many_go_together() {
        let sizes = Arc::default();
        let adder = adder(&sizes);
        let answers = futures::future::join_all((100..150).map(|n| adder.call(n))).await;
        for (n, answer) in (100..150).zip(answers) {
            assert_eq!(answer.ok(), Some(n + 1));
        }
        let sizes = sizes.lock().map(|sizes| sizes.clone()).unwrap_or_default();
        assert!(
            sizes.len() < 25 && sizes.iter().all(|size| *size <= 8),
            "{sizes:?}"
        );
    }

    #[tokio::test]
    async fn one_that_is_refused_does_not_harm_the_others() {
        let adder = adder(&Arc::default());
        let answers = futures::future::join_all((10..20).map(|n| adder.call(n))).await;
        let failed: Vec<_> = (10..20)
            .zip(&answers)
            .filter(|(_, answer)| answer.is_err())
            .map(|(n, _)| n)
            .collect();
        assert_eq!(failed, [13]);
    }
}
