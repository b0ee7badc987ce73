#!lua flags=allow-oom
-- Forgets what is in PostgreSQL; what has changed since it was taken is due again. KEYS: the queue, bytes of all states.
-- ARGV: prefix of states, when they were taken, then member and version of each. Returns how many were forgotten.
local forgotten, freed = 0, 0
for i = 3, #ARGV, 2 do
  local member, key = ARGV[i], ARGV[1] .. ARGV[i]
  local version = redis.call('GETRANGE', key, 0, 15)
  if version == ARGV[i + 1] then
    freed = freed + redis.call('STRLEN', key)
    redis.call('DEL', key)
    redis.call('ZREM', KEYS[1], member)
    forgotten = forgotten + 1
  elseif version ~= '' then
    redis.call('SETRANGE', key, 16, ARGV[2])
    redis.call('ZADD', KEYS[1], ARGV[2], member)
  end
end
if freed > 0 and redis.call('DECRBY', KEYS[2], freed) < 0 then redis.call('SET', KEYS[2], 0) end
return forgotten
