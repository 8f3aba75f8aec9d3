-- Lighter writes: each job is written four times on its way, and every index and foreign key is paid for each time.
--
-- A `web` or `dispatcher` of the version before names the dropped constraint and refuses new submissions until it is replaced; jobs that were
-- accepted are not touched, and workers go on.

-- Most jobs have no idempotency key, and need no entry among them.
create unique index jobs_idempotency on jobs (tenant_id, idempotency_key) where idempotency_key is not null;
alter table jobs drop constraint jobs_idempotency_key;

-- Attempts and events are written in the statement that updates their job, and a job's tenant comes from a key that names it: the checks of the
-- foreign keys found what was known, and locked rows that everybody writes. What they did for deletions, triggers do.
alter table job_events drop constraint job_events_job_id_fkey;
alter table job_attempts drop constraint job_attempts_job_id_fkey;
alter table jobs drop constraint jobs_tenant_id_fkey;

create function forget_what_jobs_did() returns trigger language plpgsql set search_path = public as $$
begin
    delete from job_events where job_id in (select id from gone);
    delete from job_attempts where job_id in (select id from gone);
    return null;
end $$;
create trigger forget_what_jobs_did after delete on jobs referencing old table as gone
    for each statement execute function forget_what_jobs_did();

create function forget_jobs_of_tenants() returns trigger language plpgsql set search_path = public as $$
begin
    delete from jobs where tenant_id in (select id from gone);
    return null;
end $$;
create trigger forget_jobs_of_tenants after delete on tenants referencing old table as gone
    for each statement execute function forget_jobs_of_tenants();
