-- Removes finished messages in a slice, and lets what is kept for each worker go with the worker.
-- KEYS[1] done set   KEYS[2] dead set   KEYS[3] data hash   KEYS[4] prefix of the metadata hashes
-- KEYS[5] registered workers   KEYS[6] prefix of the workers' metadata
-- ARGV[1] how many at most from each set   ARGV[2] seconds for which a worker's metadata outlives its last sweep
for _, name in ipairs(redis.call('zrange', KEYS[5], 0, -1)) do
    -- The library writes it once for each life of a worker, and never removes it.
    redis.call('expire', KEYS[6] .. ':' .. name, ARGV[2])
end
local removed = 0
for k = 1, 2 do
    local ids = redis.call('spop', KEYS[k], ARGV[1])
    for _, id in ipairs(ids) do
        redis.call('hdel', KEYS[3], id)
        redis.call('del', KEYS[4] .. ':' .. id)
    end
    removed = removed + #ids
end
return removed
