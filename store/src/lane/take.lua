-- Forgets messages whose jobs are claimed, and takes new ones. What was taken stays in the holder's set until it is forgotten. Answers with the size
-- of that set, with how many come from the front, with lane id and message of each that was taken, those from the front first, and with whether those
-- behind made way.
-- KEYS[1] active list   KEYS[2] front list   KEYS[3] how many from the front went before others   KEYS[4] data hash   KEYS[5] the holder's in-flight set
-- KEYS[6] registry of holders   KEYS[7] the mark that those behind make way
-- ARGV[1] how many at most   ARGV[2] how many of those only from the front   ARGV[3] the same while way is made   ARGV[4] for how many ms it is made
-- ARGV[5] the holder   ARGV[6..] lane ids to forget
for i = 6, #ARGV do
    if redis.call('srem', KEYS[5], ARGV[i]) == 1 then
        redis.call('hdel', KEYS[4], ARGV[i])
    end
end
local free, kept = tonumber(ARGV[1]), tonumber(ARGV[2])
local front, others = {}, {}
local ahead = redis.call('llen', KEYS[2])
-- A front that is crowded itself would keep those behind away for good.
local way = ahead <= 8 and redis.call('exists', KEYS[7]) == 1
if way then
    kept = tonumber(ARGV[3])
end
if free > 0 and ahead > 0 then
    -- While others wait they get a place after three from the front: nobody can keep them waiting for good.
    local before = tonumber(redis.call('get', KEYS[3]) or 0)
    while free > 0 do
        local may = free > kept
        local id = (before < 3 or not may) and redis.call('lpop', KEYS[2])
        if id then
            front[#front + 1] = id
            before = before + 1
        else
            id = may and redis.call('lpop', KEYS[1])
            if id then
                others[#others + 1] = id
                before = 0
            else
                id = redis.call('lpop', KEYS[2])
                if not id then
                    break
                end
                front[#front + 1] = id
            end
        end
        free = free - 1
    end
    redis.call('set', KEYS[3], before, 'ex', 60)
elseif free > kept and redis.call('llen', KEYS[1]) > 0 then
    others = redis.call('lpop', KEYS[1], free - kept)
end
local taken = {}
for _, ids in ipairs({ front, others }) do
    for _, id in ipairs(ids) do
        redis.call('sadd', KEYS[5], id)
        taken[#taken + 1] = id
        taken[#taken + 1] = redis.call('hget', KEYS[4], id) or ''
    end
end
if #taken > 0 then
    redis.call('sadd', KEYS[6], ARGV[5])
end
if #front > 0 and (#others > 0 or redis.call('llen', KEYS[1]) > 0) then
    redis.call('set', KEYS[7], 1, 'px', ARGV[4])
end
return { redis.call('scard', KEYS[5]), #front, taken, way and 1 or 0 }
