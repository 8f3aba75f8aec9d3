-- Knowledge: where it comes from, what was read there, and by what it is found.

-- A website, a documentation, a video or files.
create table knowledge_sources (
    id            uuid primary key,
    tenant_id     uuid not null references tenants (id) on delete cascade,
    name          text not null,
    kind          text not null check (kind in ('website', 'documentation', 'video', 'file')),
    -- Where a crawl begins. Null for files that are uploaded.
    url           text,
    -- The account with whose browser state the site is read; null where it needs none.
    credential_id uuid references credentials (id) on delete set null,
    -- How it is crawled. Read again while a crawl runs, so that its scope can be edited meanwhile.
    options       jsonb not null default '{}',
    -- The job that has it, or had it last: one crawl or ingestion of a source at a time.
    job_id        uuid,
    -- Raised with each sync that begins: a document that a complete sync has not seen is gone.
    sync_number   int not null default 0,
    -- What it held when a sync last ended.
    documents     int not null default 0,
    chunks        int not null default 0,
    languages     text[] not null default '{}',
    synced_at     timestamptz,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now()
);
create index knowledge_sources_by_tenant on knowledge_sources (tenant_id, id desc);

-- Files that were uploaded, or are about to be.
create table knowledge_objects (
    -- In the bucket: {tenant}/knowledge/{source}/{timestamp}-{filename}.
    key          text primary key,
    tenant_id    uuid not null references tenants (id) on delete cascade,
    source_id    uuid not null references knowledge_sources (id) on delete cascade,
    -- As its owner calls it.
    filename     text not null,
    class        text not null check (class in ('video', 'document', 'audio', 'data')),
    -- What its content is, not what it is called. Null until it has been looked at.
    content_type text,
    bytes        bigint,
    sha256       bytea,
    -- Null while a direct upload is awaited.
    stored_at    timestamptz,
    created_at   timestamptz not null default now()
);
create index knowledge_objects_by_source on knowledge_objects (source_id, key);
create index knowledge_objects_by_tenant on knowledge_objects (tenant_id);

-- The sync history: an entry for each crawl or ingestion that began. It outlives the job.
create table knowledge_syncs (
    id             uuid primary key,
    tenant_id      uuid not null references tenants (id) on delete cascade,
    source_id      uuid not null references knowledge_sources (id) on delete cascade,
    -- Attempts of one job are one sync.
    job_id         uuid not null constraint knowledge_syncs_job_key unique,
    -- The source's sync_number while it runs.
    number         int not null,
    trigger        text not null check (trigger in ('initial', 'resync')),
    -- Of the job while there is one; kept for when it has been forgotten.
    state          text not null default 'running' check (state in ('running', 'completed', 'failed', 'cancelled')),
    phase          text not null default 'starting',
    -- 0 to 100.
    progress       real not null default 0,
    -- discovered, queued, running, done, failed, skipped; new, changed, unchanged, gone; bytes, …
    counts         jsonb not null default '{}',
    -- The first of them, as plain sentences. How many there were stands in counts.
    error_messages jsonb not null default '[]',
    warnings       jsonb not null default '[]',
    started_at     timestamptz not null default now(),
    completed_at   timestamptz
);
create index knowledge_syncs_by_source on knowledge_syncs (source_id, id desc);
create index knowledge_syncs_by_tenant on knowledge_syncs (tenant_id, id desc);

-- What was read: a page or a file, as it is now.
create table knowledge_documents (
    id             uuid primary key,
    tenant_id      uuid not null references tenants (id) on delete cascade,
    source_id      uuid not null references knowledge_sources (id) on delete cascade,
    -- What it is within its source: the canonical address of a page, the key of a file. As long as an index takes.
    key            text not null check (octet_length(key) <= 2048),
    -- Where it can be read. Null for a file.
    url            text,
    title          text,
    -- ISO 639-1.
    language       text,
    -- The main content. Null where it is so large that it lies in the bucket, under markdown_key.
    markdown       text,
    markdown_key   text,
    -- SHA-256 of title and main content: what is the same is not chunked, indexed and embedded again.
    content_hash   bytea not null,
    content_type   text,
    -- Of the body as it came.
    bytes          bigint not null,
    -- For the next conditional request.
    etag           text,
    last_modified  text,
    -- [{level, text, anchor}].
    headings       jsonb not null default '[]',
    links_inside   int not null default 0,
    -- Addresses outside of the scope, some of them.
    links_outside  jsonb not null default '[]',
    metadata       jsonb not null default '{}',
    warnings       jsonb not null default '[]',
    -- Where the body as it came lies: an object that holds many, and the place in it. Null where it is not kept.
    pack_key       text,
    pack_start     bigint,
    pack_bytes     int,
    -- The number of the last sync that saw it.
    seen           int not null,
    created_at     timestamptz not null default now(),
    changed_at     timestamptz not null default now(),
    -- Since when it is not there any more. It has no chunks then.
    gone_at        timestamptz,
    constraint knowledge_documents_key unique (source_id, key)
) with (fillfactor = 80);
create index knowledge_documents_by_source on knowledge_documents (source_id, id);
create index knowledge_documents_by_tenant on knowledge_documents (tenant_id);
create index knowledge_documents_markdown on knowledge_documents (markdown_key) where markdown_key is not null;
create index knowledge_documents_packs on knowledge_documents (pack_key) where pack_key is not null;

-- Passages of documents: what is searched, and what an answer cites.
create table knowledge_chunks (
    document_id  uuid not null references knowledge_documents (id) on delete cascade,
    -- 0 for the first.
    number       int not null,
    tenant_id    uuid not null,
    source_id    uuid not null,
    -- The headings above it, outermost first.
    heading_path text[] not null default '{}',
    -- The fragment of the innermost that has one.
    anchor       text,
    text         text not null,
    -- Where it begins in the document's Markdown, in bytes.
    start        int not null,
    -- SHA-256 of heading path and text: what is embedded once is not embedded again.
    hash         bytea not null,
    -- Made by store/src/knowledge/words.rs. The ids of the tenant and the source are among the words, so that one look into the index finds what a tenant
    -- may see: a policy's condition and the words could not be looked up together.
    search       tsvector not null,
    primary key (document_id, number)
);
create index knowledge_chunks_search on knowledge_chunks using gin (search);
create index knowledge_chunks_by_source on knowledge_chunks (source_id);
create index knowledge_chunks_by_hash on knowledge_chunks (tenant_id, hash);

grant select, insert, update, delete on knowledge_sources, knowledge_objects, knowledge_syncs, knowledge_documents, knowledge_chunks to computetower_system;
grant select, insert, update, delete on knowledge_sources, knowledge_objects to computetower_tenant;
grant select on knowledge_syncs, knowledge_documents, knowledge_chunks to computetower_tenant;
do $$
declare
    guarded text;
begin
    foreach guarded in array array['knowledge_sources', 'knowledge_objects', 'knowledge_syncs', 'knowledge_documents', 'knowledge_chunks'] loop
        execute format('alter table %I enable row level security', guarded);
        execute format('alter table %I force row level security', guarded);
        execute format('create policy own_rows on %I to computetower_tenant using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid) '
                       'with check (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', guarded);
        execute format('create policy all_rows on %I to computetower_system using (true) with check (true)', guarded);
    end loop;
end $$;
