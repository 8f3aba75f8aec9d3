-- What vision models say beside the DOM, what solvers of challenges were used for, and what was mended within an attempt.

alter table visual_validations
    -- Nothing could be said: then `passed` means nothing.
    add column unclear boolean not null default false,
    -- Of a vision model's judgement: whether it says what the DOM says. Null for the DOM's own, and for what is unclear.
    add column agrees boolean,
    -- Of a vision model's judgement: what the DOM's confidence comes to with it, 0 to 1.
    add column combined real,
    -- Every row there is has none: nothing has to be read while the table is locked.
    add constraint visual_validations_combined_check check (combined between 0 and 1) not valid,
    -- How long the one who judged took; null for the DOM.
    add column duration_ms int,
    -- The same picture had been judged a short while before, and nobody was asked.
    add column cached boolean not null default false;

-- What a tenant has had of the vision model on a day (UTC): the budget is held against it.
create table vision_usage (
    tenant_id uuid not null references tenants (id) on delete cascade,
    day       date not null,
    calls     int not null default 0,
    tokens    bigint not null default 0,
    primary key (tenant_id, day)
);

-- The audit log of the solver: one row for each challenge that was sent to it. It outlives the jobs.
create table captcha_uses (
    id            uuid primary key,
    tenant_id     uuid not null references tenants (id) on delete cascade,
    job_id        uuid not null,
    attempt       int not null,
    credential_id uuid,
    -- Of the page with the challenge.
    host          text not null,
    kind          text not null,
    -- asked: on its way · solved: it gave a solution · accepted, refused: what the page made of it · failed: it gave none
    outcome       text not null default 'asked' check (outcome in ('asked', 'solved', 'accepted', 'refused', 'failed')),
    -- The solver's own number of the task.
    task          text,
    -- Millionths of the solver's currency: what is expected, and once it is told, what it was.
    cost_micros   bigint not null,
    -- Why there is no solution.
    error         text,
    asked_at      timestamptz not null default now(),
    ended_at      timestamptz
);
create index captcha_uses_by_day on captcha_uses (asked_at);
create index captcha_uses_by_tenant on captcha_uses (tenant_id, id desc);

-- What an attempt mended by itself, or with a person's help. Failures that ended an attempt stand in job_attempts.
create table recoveries (
    id            uuid primary key,
    tenant_id     uuid not null references tenants (id) on delete cascade,
    job_id        uuid not null references jobs (id) on delete cascade,
    attempt       int not null,
    credential_id uuid,
    provider_id   uuid,
    -- The code that the attempt would have failed with.
    code          text not null,
    strategy      text not null,
    succeeded     boolean not null,
    at            timestamptz not null default now()
);
create index recoveries_by_tenant on recoveries (tenant_id, at);
create index recoveries_by_job on recoveries (job_id);

grant select, insert, update, delete on vision_usage, captcha_uses, recoveries to computetower_system;
grant select on vision_usage, captcha_uses, recoveries to computetower_tenant;
do $$
declare
    guarded text;
begin
    foreach guarded in array array['vision_usage', 'captcha_uses', 'recoveries'] loop
        execute format('alter table %I enable row level security', guarded);
        execute format('alter table %I force row level security', guarded);
        execute format('create policy own_rows on %I to computetower_tenant using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid) '
                       'with check (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', guarded);
        execute format('create policy all_rows on %I to computetower_system using (true) with check (true)', guarded);
    end loop;
end $$;
