-- Signing in: codes from a shared secret, questions to a person, and a guard against lock-outs.

alter table credentials
    -- The shared secret of an authenticator app, sealed beside the password. Null where there is none.
    add column totp bytea,
    -- The steps of time whose codes were typed lately: no code is typed twice, whichever worker signs in.
    add column totp_steps bigint[] not null default '{}',
    -- When the web app did not accept a sign-in lately. Too many of them in a while, and nothing knocks for the rest of it.
    add column troubles timestamptz[] not null default '{}';

-- What an attempt asks of a person while it holds its page open. An attempt has at most one open at a time; a question counts only as long as
-- its attempt is the job's present one.
create table interventions (
    id             uuid primary key,
    tenant_id      uuid not null references tenants (id) on delete cascade,
    job_id         uuid not null references jobs (id) on delete cascade,
    attempt        int not null,
    -- The failure's code: what the job fails with when nobody answers.
    code           text not null check (code in ('second_factor', 'captcha')),
    -- What the page asks for, in plain words.
    reason         text not null,
    -- Object key of the page as it looked.
    screenshot_key text,
    asked_at       timestamptz not null default now(),
    expires_at     timestamptz not null,
    answered_at    timestamptz,
    -- The code that was given, sealed; empty for "done". Null again once the attempt has taken it.
    answer         bytea
);
create index interventions_by_job on interventions (job_id, asked_at desc);

grant select, insert, update, delete on interventions to computetower_system;
grant select, update on interventions to computetower_tenant;
alter table interventions enable row level security;
alter table interventions force row level security;
create policy own_rows on interventions to computetower_tenant using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
create policy all_rows on interventions to computetower_system using (true) with check (true);

-- Whether this attempt of a job holds its page open for a person's answer: the job is "running" in its row, because its worker has it, and
-- "intervention_needed" to whoever asks.
create function waits_for_person(job uuid, present_attempt int) returns boolean language sql stable as
    $$ select exists (select from interventions i where i.job_id = job and i.attempt = present_attempt and i.answered_at is null and i.expires_at > now()) $$;
grant execute on function waits_for_person(uuid, int) to computetower_tenant, computetower_system;
