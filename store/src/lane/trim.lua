-- Removes finished messages in a slice.
-- KEYS[1] done set   KEYS[2] dead set   KEYS[3] data hash   KEYS[4] prefix of the metadata hashes
-- ARGV[1] how many at most from each set
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
