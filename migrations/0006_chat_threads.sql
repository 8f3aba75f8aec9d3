-- Conversations that stand on a provider's page and can be continued there. `digest` is of all messages said so far, as the caller knows them: a
-- request whose messages begin with just these continues the conversation. Whoever continues it takes the row, and leaves another.
create table chat_threads (
    id          uuid primary key,
    tenant_id   uuid not null references tenants (id) on delete cascade,
    provider_id uuid not null references providers (id) on delete cascade,
    digest      bytea not null,
    -- Address of the page when the answer was complete.
    url         text not null,
    -- The last question as it was typed and the beginning of its answer, shortened: by them the page is recognised.
    question    text not null,
    answer      text not null,
    at          timestamptz not null default now()
);
create index chat_threads_by_digest on chat_threads (provider_id, digest);
create index chat_threads_by_time on chat_threads (provider_id, at desc);
create index chat_threads_old on chat_threads (at);

alter table chat_threads enable row level security;
alter table chat_threads force row level security;
create policy own_rows on chat_threads to computetower_tenant using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
create policy all_rows on chat_threads to computetower_system using (true) with check (true);
grant select, insert, update, delete on chat_threads to computetower_system;
