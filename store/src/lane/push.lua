-- Puts messages straight onto a lane's active list and wakes its workers.
-- KEYS[1] data hash   KEYS[2] active list   KEYS[3] wake-up channel
-- ARGV[1] front | back   ARGV[2..] pairs: lane id, message
local side = ARGV[1] == 'front' and 'lpush' or 'rpush'
for i = 2, #ARGV, 2 do
    redis.call('hset', KEYS[1], ARGV[i], ARGV[i + 1])
    redis.call(side, KEYS[2], ARGV[i])
end
redis.call('publish', KEYS[3], '1')
return redis.status_reply('OK')
