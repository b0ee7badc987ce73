#!lua
-- One call's beats, put together by video, united with what waits in the buffer. All or nothing when a range is implausible.
-- KEYS: the queue, bytes of all states, the viewer's latest beats, then the state of each video.
-- ARGV: version (16 characters), limits (JSON), members of the queue and updates (JSON), whether plausibility was checked before.
local limits = cjson.decode(ARGV[2])
local queue, bytes, latest = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local updates = cjson.decode(ARGV[3])

local function union(a, b)
  local out, n, i, j = {}, 0, 1, 1
  local la, lb = #a, #b
  while i <= la or j <= lb do
    local from, to
    if j > lb or (i <= la and a[i] <= b[j]) then
      from, to, i = a[i], a[i + 1], i + 2
    else
      from, to, j = b[j], b[j + 1], j + 2
    end
    if n > 0 and from <= out[n] then
      if to > out[n] then out[n] = to end
    else
      out[n + 1], out[n + 2], n = from, to, n + 2
    end
  end
  return out
end

-- An update is {member, position, viewings}; a viewing {key, device, started, ended, watched, seeks, field, first sequence and
-- time, last sequence and time, length of its first beat}. Known of each viewing: first and last sequence, with their times.
local fields = {}
for _, update in ipairs(updates) do
  for _, viewing in ipairs(update[3]) do fields[#fields + 1] = viewing[7] end
end
local known = redis.call('HMGET', latest, unpack(fields))
local implausible, fresh, n, new = {}, {}, 0, 0
for _, update in ipairs(updates) do
  for _, viewing in ipairs(update[3]) do
    n = n + 1
    local first, first_at, last, last_at = viewing[8], viewing[9], viewing[10], viewing[11]
    local f, fa, l, la, before
    if known[n] then
      f, fa, l, la = unpack(cjson.decode(known[n]))
      -- The nearest beat before it that is known; an earlier one only allows more, so that order never matters to who is honest.
      before = (first > l and la) or (first > f and fa) or nil
    else
      new = new + 1
    end
    local longest = before and first_at >= before and limits.rate * (first_at - before) + limits.slack or limits.longest
    if viewing[12] > longest then implausible[#implausible + 1] = {n - 1, f, fa, l, la} end
    if f then
      if f <= first then first, first_at = f, fa end
      if l >= last then last, last_at = l, la end
    end
    fresh[#fresh + 1] = viewing[7]
    fresh[#fresh + 1] = string.format('[%.0f,%.0f,%.0f,%.0f]', first, first_at, last, last_at)
  end
end
-- The viewer's budget of viewings, as the time at which it will be whole again: each is a row.
local whole = math.max(now, tonumber(redis.call('HGET', latest, 'budget') or 0)) + new * limits.price
if new > 0 and whole - now > limits.budget then return '{"over":true}' end
if #implausible > 0 and ARGV[4] == '0' then return cjson.encode({implausible = implausible}) end

local keys, used = redis.call('ZCARD', queue), tonumber(redis.call('GET', bytes) or 0)
local full, grown, read = {}, 0, 0
for i, update in ipairs(updates) do
  local member, position, key = update[1], update[2], KEYS[i + 3]
  local state, raw
  -- What a call may read is bounded, because all others wait meanwhile. What is small is always well within.
  if read < limits.read then
    raw = redis.call('GET', key)
    if raw then
      read = read + #raw
      state = cjson.decode(string.sub(raw, 30))
    elseif keys < limits.keys then
      state = {p = position, v = {}}
    end
  end
  if state then
    local p = state.p
    if position[1] > p[1] or (position[1] == p[1] and (position[2] > p[2] or (position[2] == p[2] and position[3] > p[3]))) then
      state.p = position
    end
    for _, viewing in ipairs(update[3]) do
      local there = state.v[viewing[1]]
      if there then
        if viewing[2] < there[1] then there[1] = viewing[2] end
        there[2] = math.min(there[2], viewing[3])
        there[3] = math.max(there[3], viewing[4])
        there[4] = union(there[4], viewing[5])
        there[5] = union(there[5], viewing[6])
      else
        state.v[viewing[1]] = {viewing[2], viewing[3], viewing[4], viewing[5], viewing[6]}
      end
    end
    local ranges, viewings = 0, 0
    for _, viewing in pairs(state.v) do
      ranges, viewings = ranges + (#viewing[4] + #viewing[5]) / 2, viewings + 1
    end
    local since = raw and string.sub(raw, 17, 29) or string.format('%013.0f', now)
    local text, more
    if ranges <= limits.ranges and viewings <= limits.viewings then
      text = ARGV[1] .. since .. cjson.encode(state)
      more = #text - (raw and #raw or 0)
    end
    if text and (more <= 0 or used + grown + more + (keys + 1) * limits.overhead <= limits.bytes) then
      if not raw then keys = keys + 1 end
      grown = grown + more
      redis.call('SET', key, text)
      redis.call('ZADD', queue, 'NX', now, member)
    else
      state = nil
    end
    if raw and (ranges > limits.ranges / 2 or viewings > limits.viewings / 2) then
      -- Before all others (take.lua), unless PostgreSQL refuses it.
      local score = tonumber(redis.call('ZSCORE', queue, member) or 0)
      if score < 1e13 then redis.call('ZADD', queue, 'XX', since - 1e13, member) end
    end
  end
  if not state then full[#full + 1] = i - 1 end
end
if grown ~= 0 then redis.call('INCRBY', bytes, string.format('%.0f', grown)) end
-- The budget stands beside.
if redis.call('HLEN', latest) + #fields > limits.latest + 1 then redis.call('DEL', latest) end
redis.call('HSET', latest, 'budget', whole, unpack(fresh))
redis.call('EXPIRE', latest, limits.remember)
return cjson.encode({full = full, keys = keys, bytes = used + grown + keys * limits.overhead})
