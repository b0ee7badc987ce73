#!lua flags=allow-oom
-- How many keys wait, for how many milliseconds the oldest of them that is not set aside, how many bytes. KEYS: the queue, bytes
-- of all states. ARGV: prefix of states.
local queue, bytes = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local oldest = now
-- Those that are taken before all others, those that wait, those on lease (take.lua): of each kind the oldest stands first, or nearly.
for _, kind in ipairs({{'-inf', '(0'}, {0, now}, {'(' .. now, '(1e13'}}) do
  for _, member in ipairs(redis.call('ZRANGE', queue, kind[1], kind[2], 'BYSCORE', 'LIMIT', 0, 8)) do
    oldest = math.min(oldest, tonumber(redis.call('GETRANGE', ARGV[1] .. member, 16, 28)) or now)
  end
end
local keys = redis.call('ZCARD', queue)
-- The sum is kept by those who merge and settle. Counted anew whenever that costs little, it cannot stay wrong: another release
-- may not have kept it.
if keys <= 1000 then
  local sum = 0
  for _, member in ipairs(redis.call('ZRANGE', queue, 0, -1)) do sum = sum + redis.call('STRLEN', ARGV[1] .. member) end
  redis.call('SET', bytes, sum)
end
return {keys, now - oldest, tonumber(redis.call('GET', bytes) or 0)}
