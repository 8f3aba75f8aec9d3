-- Which worker, account, provider and model a question goes to.

-- More accounts of a provider. The one it began with stands in `providers.credential_id`; it has a row here once it was used. Each question takes
-- the one that was used longest ago.
create table provider_accounts (
    provider_id   uuid not null references providers (id) on delete cascade,
    credential_id uuid not null references credentials (id) on delete cascade,
    tenant_id     uuid not null references tenants (id) on delete cascade,
    added_at      timestamptz not null default now(),
    used_at       timestamptz,
    -- The web app asked this account to slow down until then.
    limited_until timestamptz,
    primary key (provider_id, credential_id)
);
create index provider_accounts_by_credential on provider_accounts (credential_id);

-- The place that a job's attempts have taken at a provider: it counts as taken while the job runs under this lease. A later attempt finds here the
-- account that typed its question.
create table chat_places (
    job_id        uuid not null references jobs (id) on delete cascade,
    provider_id   uuid not null references providers (id) on delete cascade,
    tenant_id     uuid not null,
    -- No reference: the row has to say with which account the question was typed also when that one is deleted.
    credential_id uuid,
    lease         uuid not null,
    at            timestamptz not null default now(),
    primary key (job_id, provider_id)
);
create index chat_places_by_provider on chat_places (provider_id);
create index chat_places_by_credential on chat_places (credential_id);

-- A page that asked everybody to slow down.
alter table providers add column limited_until timestamptz;

-- A name behind which several providers stand, the first one first. Each is written as a caller would name it as a model.
create table model_aliases (
    tenant_id  uuid not null references tenants (id) on delete cascade,
    name       text not null,
    models     text[] not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, name)
);

-- With which account a conversation is had, and the worker that kept its page open.
alter table chat_threads
    add column credential_id uuid references credentials (id) on delete cascade,
    add column worker_id uuid,
    -- The page's own model in which it is had; null where none was asked for.
    add column model text;
create index chat_threads_of_tenant on chat_threads (tenant_id, digest);

-- Codes of authenticator apps that were typed lately: two credentials with the same secret share their codes. `secret` is a keyed digest.
create table totp_steps (
    tenant_id uuid not null references tenants (id) on delete cascade,
    secret    bytea not null,
    step      bigint not null,
    primary key (tenant_id, secret, step)
);

grant select, insert, update, delete on provider_accounts, chat_places, model_aliases, totp_steps to computetower_system;
grant select, insert, update, delete on provider_accounts, model_aliases to computetower_tenant;

do $$
declare
    guarded text;
begin
    foreach guarded in array array['provider_accounts', 'chat_places', 'model_aliases', 'totp_steps'] loop
        execute format('alter table %I enable row level security', guarded);
        execute format('alter table %I force row level security', guarded);
        execute format('create policy own_rows on %I to computetower_tenant using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid) '
                       'with check (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', guarded);
        execute format('create policy all_rows on %I to computetower_system using (true) with check (true)', guarded);
    end loop;
end $$;
