-- For the list of a tenant's validations. By itself: while it is built only new validations wait, and no claim or end of a job. (Not concurrently: that
-- waits for every other process that waits for the lock of the migrations.)
create index visual_validations_by_tenant on visual_validations (tenant_id, id desc);
