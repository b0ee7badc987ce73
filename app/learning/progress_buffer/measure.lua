-- How many keys wait, and for how many milliseconds the first of them. KEYS: the queue. ARGV: prefix of states.
local first = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
if not first then return {0, 0} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local since = tonumber(redis.call('GETRANGE', ARGV[1] .. first, 16, 28)) or now
return {redis.call('ZCARD', KEYS[1]), math.max(0, now - since)}
