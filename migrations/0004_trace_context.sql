-- The span in which a job was submitted, as W3C `traceparent`: its attempts belong to the same trace. Null where tracing was off or the trace is
-- not sampled.
alter table jobs add column trace_context text;
