-- Gives up leases. KEYS: the queue. ARGV: prefix of states, milliseconds until they are due (none: as before), then the members.
local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
for i = 3, #ARGV do
  local since = redis.call('GETRANGE', ARGV[1] .. ARGV[i], 16, 28)
  if since ~= '' then
    redis.call('ZADD', KEYS[1], 'XX', tonumber(ARGV[2]) > 0 and due or since, ARGV[i])
  end
end
return 0
