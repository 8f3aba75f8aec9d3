-- Forgets messages whose jobs are claimed, and takes new ones. What was taken stays in the holder's set until it is forgotten. Answers with the size
-- of that set, and with lane id and message of each that was taken.
-- KEYS[1] active list   KEYS[2] data hash   KEYS[3] the holder's in-flight set   KEYS[4] registry of holders
-- ARGV[1] how many at most   ARGV[2] the holder   ARGV[3..] lane ids to forget
for i = 3, #ARGV do
    if redis.call('srem', KEYS[3], ARGV[i]) == 1 then
        redis.call('hdel', KEYS[2], ARGV[i])
    end
end
local most = tonumber(ARGV[1])
local ids = most > 0 and redis.call('lpop', KEYS[1], most) or {}
local taken = {}
for i, id in ipairs(ids) do
    redis.call('sadd', KEYS[3], id)
    taken[2 * i - 1] = id
    taken[2 * i] = redis.call('hget', KEYS[2], id) or ''
end
if #ids > 0 then
    redis.call('sadd', KEYS[4], ARGV[2])
end
return { redis.call('scard', KEYS[3]), taken }
