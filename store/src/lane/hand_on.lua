-- Hands a message that was taken on to the first of these workers that is there and has a free place. Whoever comes first in the list and is the
-- holder itself keeps it. Answers with the worker, or with nothing when the message stays where it is.
-- KEYS[1] the holder's in-flight set   KEYS[2] what was handed on, by time   KEYS[3] who takes messages, by the time of their last look
-- KEYS[4] their free places   KEYS[5] wake-up channel
-- ARGV[1] lane id   ARGV[2] the holder   ARGV[3] prefix of the workers' own lists   ARGV[4] milliseconds without a look after which one is not there
-- ARGV[5..] `worker <id>`, or `session <key>`: the worker that the key names
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 5, #ARGV do
    local kind, name = string.match(ARGV[i], '^(%a+) (.+)$')
    local worker = kind == 'worker' and name or redis.call('get', name)
    if worker == ARGV[2] then
        return ''
    end
    local seen = worker and redis.call('zscore', KEYS[3], worker)
    if seen and now - seen <= tonumber(ARGV[4]) and tonumber(redis.call('hget', KEYS[4], worker) or 0) > 0 then
        if redis.call('srem', KEYS[1], ARGV[1]) == 0 then
            return ''
        end
        redis.call('hincrby', KEYS[4], worker, -1)
        redis.call('rpush', ARGV[3] .. worker, ARGV[1])
        -- What nobody fetches is forgotten here; that it was handed on stands in the set.
        redis.call('pexpire', ARGV[3] .. worker, 60000)
        redis.call('zadd', KEYS[2], now, ARGV[1])
        redis.call('publish', KEYS[5], '1')
        return worker
    end
end
return ''
