-- Crawls: what each has found of a site, and what became of every address.

create table crawls (
    job_id     uuid primary key,
    tenant_id  uuid not null references tenants (id) on delete cascade,
    source_id  uuid not null references knowledge_sources (id) on delete cascade,
    -- robots, sitemap, crawling, tombstones, completed.
    phase      text not null default 'robots',
    -- Kept by the statements that change the frontier: discovered = queued + running + done + failed + skipped.
    discovered bigint not null default 0,
    queued     bigint not null default 0,
    running    bigint not null default 0,
    done       bigint not null default 0,
    failed     bigint not null default 0,
    skipped    bigint not null default 0,
    -- Addresses of other sites; not among those discovered.
    external   bigint not null default 0,
    -- Of what came, unpacked.
    bytes      bigint not null default 0,
    -- What a later attempt of the job has to know, by the handler.
    notes      jsonb not null default '{}',
    started_at timestamptz not null default now(),
    constraint crawls_add_up check (discovered = queued + running + done + failed + skipped)
);
create index crawls_by_source on crawls (source_id);
create index crawls_by_tenant on crawls (tenant_id);

create table frontier (
    job_id     uuid not null references crawls (job_id) on delete cascade,
    -- The first half of the SHA-256 of the canonical address, its parameters sorted.
    key        bytea not null,
    id         bigint generated always as identity,
    tenant_id  uuid not null,
    url        text not null,
    -- Scheme, host and port.
    host       text not null,
    state      text not null check (state in ('queued', 'running', 'done', 'failed', 'skipped', 'external')),
    -- Why it failed or was left out.
    reason     text,
    -- Which other address it leads to, or says the same as.
    other      text,
    -- Links from the start, pages of one listing not counted.
    depth      int not null,
    -- Points against the way on which it was found: pages that brought nothing new.
    points     int not null default 0,
    -- So often it was asked for in vain, put off, and in hand when its worker died.
    tries      int not null default 0,
    looks      int not null default 0,
    losses     int not null default 0,
    -- Not before that moment. Null: at once.
    not_before timestamptz,
    -- The attempt that has it in hand.
    lease      uuid,
    -- Of its main text: the same, and nearly the same.
    exact      bytea,
    near       bigint,
    primary key (job_id, key)
) with (fillfactor = 80);
create index frontier_turn on frontier (job_id, depth, id) where state = 'queued';
create index frontier_in_hand on frontier (job_id) where state = 'running';
create index frontier_listed on frontier (job_id, id);

grant select, insert, update, delete on crawls, frontier to computetower_system;
grant select on crawls, frontier to computetower_tenant;
do $$
declare
    guarded text;
begin
    foreach guarded in array array['crawls', 'frontier'] loop
        execute format('alter table %I enable row level security', guarded);
        execute format('alter table %I force row level security', guarded);
        execute format('create policy own_rows on %I to computetower_tenant using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid) '
                       'with check (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', guarded);
        execute format('create policy all_rows on %I to computetower_system using (true) with check (true)', guarded);
    end loop;
end $$;
