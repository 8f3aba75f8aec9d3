-- By this it is found who names an object. A file of its own: what is written to the table waits while it is built, and no longer. Where the table is
-- large, build it beforehand with `create index concurrently`.
create index if not exists chat_session_turns_by_job on chat_session_turns (job_id) where job_id is not null;
