//! The commands that ask a running computetower, as a person or a script calls them.

mod batches;
mod completions;
mod history;
mod jobs;
mod knowledge;
mod operator;
mod options;
mod queues;
mod schedules;
mod workers;
mod wrong;
