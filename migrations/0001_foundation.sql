-- The foundation: tenants and their keys, web apps and accounts, jobs and everything that is known about them.
--
-- Every row that belongs to somebody carries tenant_id, and row-level security refuses what is not the tenant's. Two roles without
-- login use the schema, and the program's connections switch to one of them right after they connect:
--   computetower_tenant  what the API does for a caller: sees only rows of the tenant named in `app.tenant`
--   computetower_system  what workers and the dispatcher do: sees all rows, but owns nothing
-- Rules for later migrations stand in migrations/README.md.

do $$
begin
    -- Roles belong to the whole server: another database's migration may make them at this very moment.
    begin create role computetower_tenant nologin; exception when duplicate_object or unique_violation then null; end;
    begin create role computetower_system nologin; exception when duplicate_object or unique_violation then null; end;
    begin execute format('grant computetower_tenant, computetower_system to %I', current_user);
    exception when others then raise notice 'roles not granted: %', sqlerrm; end;
end $$;

-- The owner of data.
create table tenants (
    id         uuid primary key,
    name       text not null,
    created_at timestamptz not null default now()
);

-- Envelope encryption: one data key per tenant and generation, wrapped by the master key named here.
create table tenant_keys (
    id            uuid primary key,
    tenant_id     uuid not null references tenants (id) on delete cascade,
    master_key_id text not null,
    wrapped       bytea not null,
    created_at    timestamptz not null default now()
);
create index tenant_keys_by_tenant on tenant_keys (tenant_id, created_at desc);

-- Keys with which programs call the API. Only the SHA-256 of a key is kept; `prefix` is what people recognise it by.
create table api_keys (
    id           uuid primary key,
    tenant_id    uuid not null references tenants (id) on delete cascade,
    name         text not null,
    prefix       text not null,
    hash         bytea not null constraint api_keys_hash_key unique,
    scopes       text[] not null,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    created_at   timestamptz not null default now()
);

-- A tenant's account on a web app. `secret` is ciphertext (see store/src/vault.rs).
create table credentials (
    id          uuid primary key,
    tenant_id   uuid not null references tenants (id) on delete cascade,
    label       text not null,
    url         text not null,
    username    text not null,
    secret      bytea not null,
    -- active: usable · invalid: the web app refused it, nothing signs in with it until it is changed
    status      text not null default 'active' check (status in ('active', 'invalid')),
    -- Object key of the encrypted browser state, once there was a login.
    profile_key text,
    signed_in_at timestamptz,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now()
);
create index credentials_by_tenant on credentials (tenant_id, id);

-- A chat web app: where it is, who signs in there, and what was found out about its page.
create table providers (
    id            uuid primary key,
    tenant_id     uuid not null references tenants (id) on delete cascade,
    name          text not null,
    url           text not null,
    credential_id uuid references credentials (id) on delete set null,
    status        text not null default 'discovering' check (status in ('discovering', 'ready', 'unhealthy', 'failed')),
    -- What discovery found, as the browser crate wrote it. Null until then.
    chat_map      jsonb,
    failure       jsonb,
    -- Failures in a row since the last success with this map; three start a new discovery.
    misses        int not null default 0,
    discovered_at timestamptz,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    constraint providers_name_key unique (tenant_id, name)
);

-- One life of one worker process. `lock_key` is the advisory lock which its connection holds while it lives.
create table workers (
    id           uuid primary key,
    name         text not null,
    queues       text[] not null,
    host         text not null,
    pid          int not null,
    lock_key     bigint not null,
    started_at   timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    stopped_at   timestamptz
);
create index workers_alive on workers (heartbeat_at) where stopped_at is null;

-- The record of work. States and moves: docs/state-machine.md.
create table jobs (
    id              uuid primary key,
    tenant_id       uuid not null references tenants (id) on delete cascade,
    kind            text not null,
    queue           text not null,
    payload         jsonb not null,
    state           text not null check (state in ('pending', 'queued', 'running', 'paused', 'intervention_needed',
                                                   'completed', 'failed', 'cancelled')),
    priority        smallint not null default 0,
    run_at          timestamptz not null default now(),
    deadline        timestamptz,
    timeout_ms      bigint not null,
    retry           jsonb not null,

    -- Raised with every hand-over to a lane: a message with an older number finds nothing to claim.
    dispatch        int not null default 0,
    dispatched_at   timestamptz,

    -- All attempts ever begun, and those of the present series that count against the policy.
    attempt         int not null default 0,
    counted         int not null default 0,
    interruptions   int not null default 0,
    snoozes         int not null default 0,

    lease_token     uuid,
    lease_until     timestamptz,
    worker_id       uuid references workers (id),
    cancel_requested boolean not null default false,

    -- The number of the last event that stands in job_events.
    event_seq       bigint not null default 0,

    idempotency_key text,
    request_hash    bytea,

    result          jsonb,
    failure         jsonb,
    created_at      timestamptz not null default now(),
    started_at      timestamptz,
    finished_at     timestamptz,
    constraint jobs_idempotency_key unique (tenant_id, idempotency_key),
    constraint running_jobs_have_a_lease check ((state = 'running') = (lease_token is not null))
) with (fillfactor = 80);
create index jobs_by_tenant on jobs (tenant_id, id desc);
create index jobs_pending on jobs (queue, priority desc, run_at) where state = 'pending';
create index jobs_queued on jobs (queue, dispatched_at) where state = 'queued';
create index jobs_with_deadline on jobs (deadline) where deadline is not null and state in ('pending', 'queued', 'paused', 'intervention_needed');
create index jobs_ended on jobs (finished_at) where state in ('completed', 'failed', 'cancelled');
create index jobs_by_worker on jobs (worker_id);
create index jobs_open_discoveries on jobs ((payload ->> 'provider_id'))
    where kind = 'discovery' and state in ('pending', 'queued', 'running', 'paused', 'intervention_needed');
create index jobs_running on jobs (worker_id, lease_until) where state = 'running';

-- What every attempt did and how it ended.
create table job_attempts (
    job_id     uuid not null references jobs (id) on delete cascade,
    attempt    int not null,
    tenant_id  uuid not null,
    worker     text not null,
    started_at timestamptz not null default now(),
    ended_at   timestamptz,
    outcome    text,
    -- The failure as operators see it: code, public text, internal text, evidence.
    failure    jsonb,
    primary key (job_id, attempt)
);

-- Events: numbered within the job, rising, never the same number twice.
create table job_events (
    job_id    uuid not null references jobs (id) on delete cascade,
    seq       bigint not null,
    tenant_id uuid not null,
    name      text not null,
    data      jsonb not null,
    at        timestamptz not null default now(),
    primary key (job_id, seq)
);

-- Outside effects: the intent is written before, so that a later attempt first looks whether it happened.
create table job_effects (
    job_id      uuid not null references jobs (id) on delete cascade,
    name        text not null,
    tenant_id   uuid not null,
    attempt     int not null,
    detail      jsonb not null default '{}',
    intended_at timestamptz not null default now(),
    done_at     timestamptz,
    primary key (job_id, name)
);

-- Judgements that an action did what it should. The screenshot lies in the object store.
create table visual_validations (
    id             uuid primary key,
    tenant_id      uuid not null references tenants (id) on delete cascade,
    job_id         uuid not null references jobs (id) on delete cascade,
    attempt        int not null,
    credential_id  uuid,
    provider_id    uuid,
    subject        text not null,
    passed         boolean not null,
    confidence     real not null check (confidence between 0 and 1),
    observation    text not null,
    validator      text not null,
    screenshot_key text,
    at             timestamptz not null default now()
);
create index visual_validations_by_job on visual_validations (job_id);

grant usage on schema public to computetower_tenant, computetower_system;
grant select, insert, update, delete on all tables in schema public to computetower_system;
grant select, insert, update on jobs, credentials, providers to computetower_tenant;
grant delete on credentials, providers to computetower_tenant;
grant select, insert on job_events to computetower_tenant;
grant select on job_attempts, job_effects, visual_validations, api_keys, tenants to computetower_tenant;
grant select, insert on tenant_keys to computetower_tenant;

-- The second wall. The first is the tenant in every query.
do $$
declare
    guarded text;
begin
    foreach guarded in array array['tenant_keys', 'api_keys', 'credentials', 'providers', 'jobs', 'job_attempts', 'job_events',
                                   'job_effects', 'visual_validations'] loop
        execute format('alter table %I enable row level security', guarded);
        execute format('alter table %I force row level security', guarded);
        execute format('create policy own_rows on %I to computetower_tenant using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid) '
                       'with check (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', guarded);
        execute format('create policy all_rows on %I to computetower_system using (true) with check (true)', guarded);
    end loop;
end $$;
alter table tenants enable row level security;
alter table tenants force row level security;
create policy own_row on tenants to computetower_tenant using (id = nullif(current_setting('app.tenant', true), '')::uuid);
create policy all_rows on tenants to computetower_system using (true) with check (true);
