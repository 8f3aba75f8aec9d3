-- Forgets messages whose jobs are claimed, and takes new ones. What was taken stays in the holder's set until it is forgotten. Answers with the size
-- of that set, with how many come from the front, with lane id and message of each that was taken (first those that were handed on, then those from
-- the front), with whether those behind made way, with how many were handed on, and with how many others take messages from this lane.
-- KEYS[1] active list   KEYS[2] front list   KEYS[3] how many from the front went before others   KEYS[4] data hash   KEYS[5] the holder's in-flight set
-- KEYS[6] registry of holders   KEYS[7] the mark that those behind make way
-- Where messages are handed on (hand_on.lua): KEYS[8] the holder's own list   KEYS[9] what was handed on, by time   KEYS[10] who takes messages, by the
-- time of their last look   KEYS[11] their free places
-- ARGV[1] how many at most   ARGV[2] how many of those only from the front   ARGV[3] the same while way is made   ARGV[4] for how many ms it is made
-- ARGV[5] the holder   ARGV[6] milliseconds for which what was handed on is its new holder's alone   ARGV[7] milliseconds without a look after which a
-- taker is not there   ARGV[8..] lane ids to forget
for i = 8, #ARGV do
    if redis.call('srem', KEYS[5], ARGV[i]) == 1 then
        redis.call('hdel', KEYS[4], ARGV[i])
    end
end
local free, kept = tonumber(ARGV[1]), tonumber(ARGV[2])
local mine, front, others = {}, {}, {}
local now
if KEYS[8] then
    local time = redis.call('time')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
    while free > 0 do
        local id = redis.call('lpop', KEYS[8])
        if not id then
            break
        end
        -- Unless somebody else has lost patience with us.
        if redis.call('zrem', KEYS[9], id) == 1 then
            mine[#mine + 1] = id
            free = free - 1
        end
    end
    if free > 0 then
        for _, id in ipairs(redis.call('zrangebyscore', KEYS[9], '-inf', now - tonumber(ARGV[6]), 'limit', 0, free)) do
            redis.call('zrem', KEYS[9], id)
            mine[#mine + 1] = id
            free = free - 1
        end
    end
end
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
    free = free - #others
end
local taken = {}
for _, ids in ipairs({ mine, front, others }) do
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
local elsewhere = 0
if KEYS[8] then
    local gone = redis.call('zrangebyscore', KEYS[10], '-inf', now - tonumber(ARGV[7]))
    for _, worker in ipairs(gone) do
        redis.call('zrem', KEYS[10], worker)
        redis.call('hdel', KEYS[11], worker)
    end
    redis.call('zadd', KEYS[10], now, ARGV[5])
    redis.call('hset', KEYS[11], ARGV[5], free)
    elsewhere = redis.call('zcard', KEYS[10]) - 1
end
return { redis.call('scard', KEYS[5]), #front, taken, way and 1 or 0, #mine, elsewhere }
