-- Publishes events of one job as one entry, unless a newer holder has published already.
-- KEYS[1] the job's stream      KEYS[2] the job's fence
-- ARGV[1] fence of the caller   ARGV[2] entries to keep   ARGV[3] seconds to keep the keys
-- ARGV[4] number of the last of the events   ARGV[5] the events as JSON   ARGV[6] 'ended' when the last of them is the job's end
local held = redis.call('GET', KEYS[2])
if held and tonumber(held) > tonumber(ARGV[1]) then
    return 0
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[3])
if ARGV[6] == 'ended' then
    -- Who listens hears it; whoever comes now finds all of it in Postgres. The fence stays for what may still be on its way.
    redis.call('PUBLISH', KEYS[1], ARGV[5])
    redis.call('DEL', KEYS[1])
    return 1
end
-- A number that is not above the last one was published before: the stream refuses it, and so nobody hears it twice.
local added = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], ARGV[4] .. '-0', 'e', ARGV[5])
if type(added) == 'string' then
    redis.call('PUBLISH', KEYS[1], ARGV[5])
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
