-- Puts messages straight onto a lane and wakes its workers.
-- KEYS[1] data hash   KEYS[2] the list: active, or front   KEYS[3] wake-up channel
-- ARGV pairs: lane id, message
for i = 1, #ARGV, 2 do
    redis.call('hset', KEYS[1], ARGV[i], ARGV[i + 1])
    redis.call('rpush', KEYS[2], ARGV[i])
end
redis.call('publish', KEYS[3], '1')
return redis.status_reply('OK')
