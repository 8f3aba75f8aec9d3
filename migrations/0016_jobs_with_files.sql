-- By this it is found who names an object. A file of its own: what is written to the table waits while it is built, and no longer. Where the table is
-- large, build it beforehand with `create index concurrently`.
create index if not exists jobs_with_files on jobs using gin ((payload -> 'files') jsonb_path_ops) where payload ? 'files';
