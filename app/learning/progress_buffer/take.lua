#!lua flags=allow-oom
-- The longest-waiting keys with their states, leased. KEYS: the queue. ARGV: prefix of states, how many, milliseconds of the lease,
-- after how many bytes to end.
-- Scores of the queue: below 0 what is taken before all others, its time less 1e13 (milliseconds, some 317 years); the time since
-- when it waits, or at which its lease ends; from 1e13 on what PostgreSQL refuses, 1e13 and the time at which it is due.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local taken = {string.format('%013.0f', now)}
local read, most = 0, tonumber(ARGV[4])
local function take(from, to, offset)
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], from, to, 'BYSCORE', 'LIMIT', 0, ARGV[2] - (#taken - 1) / 2)) do
    if read >= most then return end
    local raw = redis.call('GET', ARGV[1] .. member)
    if raw then
      -- An older one's lease ends a trifle earlier: so the oldest stands first (measure.lua).
      redis.call('ZADD', KEYS[1], offset + now + ARGV[3] - (now - string.sub(raw, 17, 29)) / 1e6, member)
      taken[#taken + 1] = member
      taken[#taken + 1] = raw
      read = read + #raw
    else
      redis.call('ZREM', KEYS[1], member)
    end
  end
end
take('-inf', now, 0)
if #taken - 1 < 2 * ARGV[2] and read < most then take(1e13, 1e13 + now, 1e13) end
return taken
