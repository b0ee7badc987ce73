#!lua flags=allow-oom
-- Gives up leases. KEYS: the queue. ARGV: prefix of states, milliseconds until they are due (none: as before), whether they are set
-- aside (take.lua), then the members.
local queue = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local after = tonumber(ARGV[2])
for i = 4, #ARGV do
  local since = tonumber(redis.call('GETRANGE', ARGV[1] .. ARGV[i], 16, 28))
  if since then
    local score = after > 0 and now + after - (now - since) / 1e6 or since
    if ARGV[3] == '1' or tonumber(redis.call('ZSCORE', queue, ARGV[i]) or 0) >= 1e13 then score = 1e13 + now + after end
    redis.call('ZADD', queue, 'XX', score, ARGV[i])
  end
end
return 0
