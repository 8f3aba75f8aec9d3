//! Everything durable behind plain functions: Postgres (the record), the apalis-redis lane (the doorbell), events in Redis,
//! objects in S3, and the vault. It does not know axum or Chromium, and it decides nothing: decisions are in `jobs/`.

pub mod accounts;
pub mod affinity;
pub mod aliases;
pub mod captcha_uses;
pub mod chat_maps;
pub mod chat_places;
pub mod chat_sessions;
mod coalesce;
pub mod connect;
pub mod credentials;
pub mod error;
pub mod events;
pub mod exchanges;
pub mod interventions;
pub mod jobs;
pub mod knowledge;
pub mod lane;
mod leadership;
pub mod limits;
pub mod load;
pub mod logouts;
pub mod metrics;
pub mod objects;
pub mod openai_objects;
pub mod openai_requests;
pub mod pauses;
pub mod providers;
pub mod queues;
pub mod recoveries;
pub mod redis_keys;
pub mod schedules;
pub mod stored_objects;
pub mod threads;
pub mod turn_signals;
pub mod validations;
pub mod vault;
pub mod vision_usage;
pub mod workers;

pub use connect::{Store, StoreConfig};
pub use error::StoreError;

/// The schema, applied in order under a lock.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");
