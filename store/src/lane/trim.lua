-- Removes finished messages in a slice, and what workers leave behind on a lane.
-- KEYS[1] done set   KEYS[2] dead set   KEYS[3] data hash   KEYS[4] prefix of the metadata hashes
-- KEYS[5] registered workers   KEYS[6] prefix of the workers' metadata   KEYS[7] prefix of the sets of fetched messages
-- KEYS[8] active list   KEYS[9] since when messages are seen as fetched
-- ARGV[1] how many finished messages at most from each set   ARGV[2] seconds for which a worker's metadata outlives its last sweep
-- ARGV[3] seconds after which a message that was fetched and not acknowledged goes back to its lane
local now = tonumber(redis.call('time')[1])
local since = {}
local before = redis.call('hgetall', KEYS[9])
for i = 1, #before, 2 do since[before[i]] = tonumber(before[i + 1]) end
redis.call('del', KEYS[9])
for _, name in ipairs(redis.call('zrange', KEYS[5], 0, -1)) do
    -- The library writes it once for each life of a worker, and never removes it.
    redis.call('expire', KEYS[6] .. ':' .. name, ARGV[2])
    -- A fetch whose answer was lost leaves its message with a worker that lives and does not know of it.
    local fetched = KEYS[7] .. ':' .. name
    for _, id in ipairs(redis.call('smembers', fetched)) do
        local seen = name .. ' ' .. id
        local first = since[seen] or now
        if now - first >= tonumber(ARGV[3]) then
            redis.call('srem', fetched, id)
            redis.call('lpush', KEYS[8], id)
        else
            redis.call('hset', KEYS[9], seen, first)
        end
    end
end
redis.call('expire', KEYS[9], ARGV[2])
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
