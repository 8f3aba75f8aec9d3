//! The commands that ask a running computetower, as a person or a script calls them.

mod jobs;
mod queues;
mod workers;
mod wrong;
