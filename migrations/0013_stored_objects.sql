-- Objects in the bucket that go when nothing names them any more.

-- Each stands here before it is stored, so that none is forgotten; it goes from here when it has gone from the bucket.
create table stored_objects (
    key       text primary key,
    -- No foreign key: what belonged to a tenant that is gone has to go, too.
    tenant_id uuid not null,
    -- Whose screenshot it is. Null for a picture that was sent, and for a profile that could not be removed at once.
    job_id    uuid,
    -- When it is looked for who names it.
    look_at   timestamptz not null default now() + interval '1 day'
);
create index stored_objects_due on stored_objects (look_at);
create index stored_objects_by_job on stored_objects (job_id) where job_id is not null;

-- What is there already, as far as anything names it. Looked at over a day, not all at once.
insert into stored_objects (key, tenant_id, job_id, look_at)
select key, tenant_id, job_id, now() + random() * interval '1 day' from (
    select screenshot_key as key, tenant_id, job_id from visual_validations where screenshot_key is not null
    union all select screenshot_key, tenant_id, job_id from interventions where screenshot_key is not null
    union all
    select seen.key, a.tenant_id, a.job_id from job_attempts a
    cross join jsonb_array_elements_text(case when jsonb_typeof(a.failure -> 'evidence') = 'array' then a.failure -> 'evidence' else '[]' end) seen (key)
    -- The job may be gone, the exchange is still there.
    union all select validation ->> 'screenshot_key', tenant_id, id from chat_exchanges where validation ->> 'screenshot_key' is not null
    union all
    select file ->> 'key', o.tenant_id, null from openai_objects o
    cross join jsonb_array_elements(case when jsonb_typeof(o.messages -> 'files') = 'array' then o.messages -> 'files' else '[]' end) file
    union all
    select file ->> 'key', j.tenant_id, null from jobs j
    cross join jsonb_array_elements(case when jsonb_typeof(j.payload -> 'files') = 'array' then j.payload -> 'files' else '[]' end) file
    where j.kind = 'chat'
) named where key like tenant_id || '/%' on conflict do nothing;

grant select, insert, update, delete on stored_objects to computetower_system;
grant select, insert, update on stored_objects to computetower_tenant;
alter table stored_objects enable row level security;
alter table stored_objects force row level security;
create policy own_rows on stored_objects to computetower_tenant using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
create policy all_rows on stored_objects to computetower_system using (true) with check (true);
