-- Control over the queue: batches, chains, schedules, pauses, limits, weights; and the columns that let many jobs be written in one statement.

-- Jobs that were accepted together and can be waited for together.
create table batches (
    id         uuid primary key,
    tenant_id  uuid not null references tenants (id) on delete cascade,
    jobs       int not null,
    created_at timestamptz not null default now()
);
create index batches_by_tenant on batches (tenant_id, id desc);

-- Jobs that are made again and again by a cron expression, in a time zone. One tick makes one job, also when several were missed.
create table schedules (
    id         uuid primary key,
    tenant_id  uuid not null references tenants (id) on delete cascade,
    name       text not null,
    cron       text not null,
    time_zone  text not null default 'UTC',
    -- The submission that each tick makes, as the API takes it.
    job        jsonb not null,
    enabled    boolean not null default true,
    next_at    timestamptz,
    last_at    timestamptz,
    last_job   uuid,
    -- Why the last tick made no job, in plain words.
    last_error text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint schedules_name_key unique (tenant_id, name)
);
create index schedules_due on schedules (next_at) where enabled;

-- What takes no turn at present: a queue (tenant null), a tenant (queue null), or a tenant's part of a queue.
create table pauses (
    id         uuid primary key,
    tenant_id  uuid references tenants (id) on delete cascade,
    queue      text,
    created_at timestamptz not null default now(),
    constraint pauses_name_something check (tenant_id is not null or queue is not null),
    constraint pauses_key unique nulls not distinct (tenant_id, queue)
);

-- How many may run at once, and how many may start in a time. What is null in tenant_id, queue or key means "each of them by itself" for
-- tenant_id and key, and "all together" for queue.
create table limits (
    id          uuid primary key,
    tenant_id   uuid references tenants (id) on delete cascade,
    queue       text,
    key         text,
    max_running int check (max_running >= 0),
    rate        int check (rate > 0),
    per_seconds int check (per_seconds > 0),
    created_at  timestamptz not null default now(),
    constraint limits_say_something check (max_running is not null or rate is not null),
    constraint limits_rate_needs_a_time check ((rate is null) = (per_seconds is null)),
    constraint limits_key unique nulls not distinct (tenant_id, queue, key)
);

-- Token buckets: a limit with a rate counts each tenant and key by itself, so each has a bucket. One that is missing is full.
create table limit_buckets (
    limit_id  uuid not null references limits (id) on delete cascade,
    tenant_id uuid not null references tenants (id) on delete cascade,
    -- Empty for jobs without a key, and where the limit counts all keys together.
    key       text not null,
    tokens    double precision not null,
    filled_at timestamptz not null,
    primary key (limit_id, tenant_id, key)
);

-- A tenant with weight 2 gets two turns where others get one.
alter table tenants add column weight int not null default 1 check (weight between 1 and 100);

-- How many jobs of each queue the process runs at once, as {"queue": slots}; and whether it was told to take no more.
alter table workers add column slots jsonb not null default '{}', add column drain_requested boolean not null default false;

alter table jobs
    add column batch_id uuid,
    add column schedule_id uuid,
    -- What limits may name: an account, a provider, anything the caller shares between jobs.
    add column limit_key text,
    -- Jobs that have to end before this one may take its turn, and whether any other job waits for this one.
    add column waits_for int not null default 0,
    add column has_dependents boolean not null default false,
    add column pause_requested boolean not null default false,
    -- When the job was first handed to its lane: the moment of its first event, which is not written down again.
    add column queued_at timestamptz,
    -- When the present attempt began; the attempt's own row is written with its end.
    add column attempt_at timestamptz;
-- Jobs from before this migration have their first event in job_events.

-- Which job waits for which.
create table job_dependencies (
    job_id     uuid not null references jobs (id) on delete cascade,
    after_id   uuid not null,
    tenant_id  uuid not null,
    -- False: the job fails when the other did not complete. True: it runs after the other has ended in any way.
    any_end    boolean not null default false,
    primary key (job_id, after_id)
);
create index job_dependencies_by_after on job_dependencies (after_id);

-- A worker that is forgotten leaves its number in old jobs; a foreign key would cost a row lock for each claim.
alter table jobs drop constraint jobs_worker_id_fkey;
drop index jobs_by_worker;
drop index jobs_running;
create index jobs_running on jobs (worker_id) where state = 'running';
drop index jobs_pending;
-- Whose turn it is: per queue and tenant, highest priority first.
create index jobs_turn on jobs (queue, tenant_id, priority desc, run_at) where state = 'pending' and waits_for = 0;
-- Every open state has an index to be counted by. Few jobs are ever in these two.
create index jobs_held on jobs (queue, state) where state in ('paused', 'intervention_needed');
create index jobs_chained on jobs (queue, tenant_id) where state = 'pending' and waits_for > 0;
create index jobs_to_settle on jobs (id) where has_dependents and state in ('completed', 'failed', 'cancelled');
create index jobs_by_batch on jobs (batch_id) where batch_id is not null;

-- An attempt says all it has to say in few rows: one row may hold several events, numbered from seq to last_seq, as a list of
-- {"seq", "event", "data", "at"} under the name 'pack'.
alter table job_events add column last_seq bigint;

grant select, insert, update, delete on batches, schedules, pauses, limits, job_dependencies to computetower_system;
grant select, insert on batches, job_dependencies to computetower_tenant;
grant select, insert, update, delete on schedules to computetower_tenant;
grant select, insert, delete on pauses to computetower_tenant;
grant select on limits to computetower_tenant;

do $$
declare
    guarded text;
begin
    foreach guarded in array array['batches', 'schedules', 'job_dependencies'] loop
        execute format('alter table %I enable row level security', guarded);
        execute format('alter table %I force row level security', guarded);
        execute format('create policy own_rows on %I to computetower_tenant using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid) '
                       'with check (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', guarded);
        execute format('create policy all_rows on %I to computetower_system using (true) with check (true)', guarded);
    end loop;
    -- What holds for everybody may be seen by everybody; only the operator makes it.
    foreach guarded in array array['pauses', 'limits'] loop
        execute format('alter table %I enable row level security', guarded);
        execute format('alter table %I force row level security', guarded);
        execute format('create policy seen_rows on %I for select to computetower_tenant using (tenant_id is null or tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', guarded);
        execute format('create policy all_rows on %I to computetower_system using (true) with check (true)', guarded);
    end loop;
    create policy own_rows on pauses for all to computetower_tenant using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
        with check (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
end $$;

grant select, insert, update, delete on limit_buckets to computetower_system;
alter table limit_buckets enable row level security;
alter table limit_buckets force row level security;
create policy all_rows on limit_buckets to computetower_system using (true) with check (true);
create policy own_rows on limit_buckets for select to computetower_tenant using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

-- What an attempt that runs shows of its worker: the tenant's role sees no workers.
create function worker_name(worker uuid) returns text language sql stable security definer set search_path = public
    as $$ select name from workers where id = worker $$;
grant execute on function worker_name(uuid) to computetower_tenant, computetower_system;
