-- What was asked and answered on chat pages, and what the OpenAI surface keeps of its requests.

-- The history: a row for each chat job that was answered. It outlives the job and the provider.
create table chat_exchanges (
    -- The job's id.
    id              uuid primary key,
    tenant_id       uuid not null references tenants (id) on delete cascade,
    -- The same for all exchanges of which one continues the other.
    conversation_id uuid not null,
    provider_id     uuid not null,
    -- The provider's name when it was asked.
    model           text not null,
    -- What is new in this exchange; what had been said before stands in those before it.
    question        text not null,
    answer          text not null,
    -- Estimates.
    question_tokens int not null,
    answer_tokens   int not null,
    -- How the receipt of the answer was judged.
    validation      jsonb,
    -- SHA-256 of all that has been said, the answer included: by it the next exchange finds its conversation.
    said            bytea not null,
    at              timestamptz not null default now(),
    -- No language is assumed. Cut, because a tsvector may have one megabyte.
    search          tsvector not null generated always as (to_tsvector('simple'::regconfig, left(question, 20000) || ' ' || left(answer, 60000))) stored
);
create index chat_exchanges_by_tenant on chat_exchanges (tenant_id, id desc);
create index chat_exchanges_by_conversation on chat_exchanges (conversation_id, id desc);
create index chat_exchanges_said on chat_exchanges (provider_id, said);
create index chat_exchanges_search on chat_exchanges using gin (search);
create index chat_exchanges_old on chat_exchanges (at);

-- Days for which exchanges are kept; with 0 none is.
alter table tenants add column chat_history_days int not null default 90 check (chat_history_days between 0 and 36500);

-- Requests of clients that repeat them by themselves when the connection breaks: a repetition is answered from the same jobs.
create table openai_requests (
    id        uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    -- SHA-256 of route and body.
    digest    bytea not null,
    -- The idempotency key of its first job.
    key       text not null,
    -- How often the client has repeated it.
    retries   int not null default 0,
    -- When its caller went away without an answer.
    left_at   timestamptz,
    -- Until when it is waited for to come back.
    waits_until timestamptz,
    -- When it was answered, in whatever way. Null as long as it may be repeated.
    told_at   timestamptz,
    at        timestamptz not null default now()
);
create index openai_requests_by_digest on openai_requests (tenant_id, digest, at desc);
create index openai_requests_old on openai_requests (at);
create index openai_requests_left on openai_requests (waits_until) where waits_until is not null;

-- Responses and completions that their callers want to find again.
create table openai_objects (
    -- The id of the first job.
    id        uuid primary key,
    tenant_id uuid not null references tenants (id) on delete cascade,
    kind      text not null check (kind in ('response', 'completion')),
    model     text not null,
    object    jsonb not null,
    -- The items or messages that it answers, those of earlier responses first.
    input     jsonb not null,
    -- What the page has been told and has said, from which a later response goes on. Null where there was no answer.
    messages  jsonb,
    metadata  jsonb not null default '{}',
    -- Nothing is left of it but its id, so that a request that is sent again does not bring it back.
    deleted   boolean not null default false,
    at        timestamptz not null default now()
);
create index openai_objects_by_tenant on openai_objects (tenant_id, kind, id);
create index openai_objects_old on openai_objects (at);

grant select, insert, update, delete on chat_exchanges, openai_requests, openai_objects to computetower_system;
grant select, delete on chat_exchanges to computetower_tenant;
grant select, insert, update on openai_requests, openai_objects to computetower_tenant;
do $$
declare
    guarded text;
begin
    foreach guarded in array array['chat_exchanges', 'openai_requests', 'openai_objects'] loop
        execute format('alter table %I enable row level security', guarded);
        execute format('alter table %I force row level security', guarded);
        execute format('create policy own_rows on %I to computetower_tenant using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid) '
                       'with check (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', guarded);
        execute format('create policy all_rows on %I to computetower_system using (true) with check (true)', guarded);
    end loop;
end $$;
