//! Messages that a worker had taken when it died go back to the front of their lane.

use computetower_jobs::Queue;
use computetower_store::{Store, StoreError};

pub(super) async fn run(store: &Store) -> Result<usize, StoreError> {
    let mut given = 0;
    for queue in Queue::ALL {
        given += store.give_back_of_the_dead(queue).await?;
    }
    Ok(given)
}
