-- The longest-waiting keys with their states, leased. KEYS: the queue. ARGV: prefix of states, how many, milliseconds of the lease.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local taken = {string.format('%013.0f', now)}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
  local raw = redis.call('GET', ARGV[1] .. member)
  if raw then
    redis.call('ZADD', KEYS[1], now + ARGV[3], member)
    taken[#taken + 1] = member
    taken[#taken + 1] = raw
  else
    redis.call('ZREM', KEYS[1], member)
  end
end
return taken
