-- By this it is found who names an object. A file of its own: what is written to the table waits while it is built, and no longer. Where the table is
-- large, build it beforehand with `create index concurrently`.
create index if not exists openai_objects_with_files on openai_objects using gin ((messages -> 'files') jsonb_path_ops) where messages ? 'files';
