-- Depths of queues are counted for each scrape of the metrics: every state that is not an end has an index to be counted by. Few jobs are
-- ever in these, so that the indexes cost the others nothing.
create index jobs_held on jobs (queue, state) where state in ('paused', 'intervention_needed');
create index jobs_chained on jobs (queue) where state = 'pending' and waits_for > 0;
