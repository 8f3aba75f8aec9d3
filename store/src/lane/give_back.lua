-- Puts what a holder has taken and not forgotten back to the front of the lane: the holder is gone.
-- KEYS[1] front list   KEYS[2] the holder's in-flight set   KEYS[3] registry of holders   KEYS[4] wake-up channel
-- ARGV[1] the holder
local ids = redis.call('smembers', KEYS[2])
for _, id in ipairs(ids) do
    redis.call('rpush', KEYS[1], id)
end
redis.call('del', KEYS[2])
redis.call('srem', KEYS[3], ARGV[1])
if #ids > 0 then
    redis.call('publish', KEYS[4], '1')
end
return #ids
