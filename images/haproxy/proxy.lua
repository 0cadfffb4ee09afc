-- The edge's small jobs for the caching proxy.
-- First: takes a purge to every pod and tells which of them took it; then makes every edge forget its copies, this one too.
--   POST /purge?url=/products/7&tag=product-7&prefix=/pictures/&soft=true      url, tag and prefix as often as needed
-- The frontend has checked the token; each pod and each edge checks it again. txn.pods is the number of pods that the plan has,
-- txn.copies_seconds is how long an edge may show a copy that it was not told to forget.
-- Second: ends the requests of a pod that has fallen silent. (`on-marked-down shutdown-sessions` would do it for every pod that
-- is marked down, and so cut those requests of a dead one which are just being sent to the next.)
-- Must never call a purge complete that a pod may have missed, nor while an edge may still show what was purged.
local LIMIT = 4000      -- bytes of keys in one call: what a pod takes in one header
local PATIENCE, PATIENCE_EDGE = 3000, 500   -- ms for one pod, one edge
local BACKEND, ADMIN_PORT = "proxy", 8405
local EDGES, PURGE_PORT = "edges", 8082

local function decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- As JSON; what is quoted here is ours or was checked.
local function quoted(text) return '"' .. text:gsub('[%c"\\]', "?") .. '"' end

-- The path of an address, as a browser sends it.
local function path_of(value)
  local path = value:gsub("^https?://[^/]*", ""):gsub("#.*$", "")
  return path == "" and "/" or path
end

-- Text that stands for itself in a pattern.
local function literal(text)
  return (text:gsub("[^%w/_~%-]", function(char) return string.format("\\x%02x", char:byte()) end))
end

-- What a query asks for: keys for xkey, a pattern for prefixes, soft or not; else nil and what is wrong with it.
local function parsed(query)
  local keys, prefixes, soft = {}, {}, false
  for name, value in query:gmatch("([^&=]+)=([^&]*)") do
    value = decoded(value)
    if name ~= "soft" and (value == "" or value:find("[%s%c\128-\255]")) then
      return nil, name .. " must not be empty, nor hold blanks or letters beyond ASCII: percent-encode the address once more"
    elseif name == "url" or name == "prefix" then
      value = path_of(value)
      if value:sub(1, 1) ~= "/" then return nil, name .. " begins with / or with http:// and a host" end
      if name == "url" then keys[#keys + 1] = "url:" .. value:gsub(",", "%%2C") else prefixes[#prefixes + 1] = literal(value) end
    elseif name == "tag" then
      if value:find(",") or value:sub(1, 4) == "url:" then return nil, "a tag holds no comma and does not begin with url:" end
      keys[#keys + 1] = value
    elseif name == "soft" then
      soft = value == "true"
    else
      return nil, "there is url, tag, prefix and soft, not " .. name:gsub("%W", "?")
    end
  end
  if #keys + #prefixes == 0 then return nil, "name a url, a tag or a prefix" end
  if soft and #prefixes > 0 then return nil, "a prefix cannot be purged softly" end
  keys, prefixes = table.concat(keys, " "), table.concat(prefixes, "|")
  if #keys + #prefixes > LIMIT then return nil, "too many at once: " .. LIMIT .. " bytes" end
  return { keys = keys, prefixes = prefixes, soft = soft }
end

local function headers_of(asked, token)
  local headers = { ["x-purge-token"] = { token }, host = { "purge" } }
  if asked.keys ~= "" then headers["x-purge-keys"] = { asked.keys } end
  if asked.prefixes ~= "" then headers["x-purge-prefix"] = { "^(" .. asked.prefixes .. ")" } end
  if asked.soft then headers["x-purge-soft"] = { "true" } end
  return headers
end

-- The address of a server that DNS knows.
local function address_of(server)
  local address = server and server:get_addr()
  return address and address:match("^(.+):%d+$")
end

local function purge_one(server, headers)
  local address = address_of(server)
  if not address then return { state = "unreachable" } end
  local answer = core.httpclient():post { url = "http://" .. address .. ":" .. ADMIN_PORT .. "/purge", headers = headers, timeout = PATIENCE }
  local status = answer and answer.status or 0
  -- 503 and 504 are this process's own words for a pod that it cannot reach.
  if status ~= 200 then return { state = status >= 400 and status < 500 and "refused" or "unreachable" } end
  return { state = "purged", objects = tonumber(answer.reason) or 0 }
end

-- Asks all of them at once, for a silent one must not keep the others waiting: what `ask` returned for each of them.
local function of_all(those, ask, patience)
  local results, left = {}, #those
  for _, one in ipairs(those) do
    core.register_task(function()
      local ok, result = pcall(ask, one)
      results[one] = ok and result or nil
      left = left - 1
    end)
  end
  local last = core.now().sec + 2 * patience / 1000 + 1
  while left > 0 and core.now().sec < last do core.msleep(1) end
  return results
end

local function now_ms()
  local now = core.now()
  return now.sec * 1000 + now.usec // 1000
end

-- Every edge forgets its copies. One that cannot be told has none left from before after so many seconds.
local function forget_all(token, seconds)
  local began, addresses = now_ms(), {}
  for _, server in pairs(core.backends[EDGES].servers) do addresses[#addresses + 1] = address_of(server) end
  local headers = { authorization = { "Bearer " .. token }, host = { "purge" } }
  local told = of_all(addresses, function(address)
    local url = "http://" .. address .. ":" .. PURGE_PORT .. "/forget"
    local answer = core.httpclient():post { url = url, headers = headers, timeout = PATIENCE_EDGE }
    return answer and answer.status == 200
  end, PATIENCE_EDGE)
  local everyone = #addresses > 0
  for _, address in ipairs(addresses) do everyone = everyone and told[address] end
  if everyone then return end
  core.msleep(math.max(0, began + seconds * 1000 - now_ms()))
end

local function answer(applet, status, body)
  applet:set_status(status)
  applet:add_header("content-type", "application/json")
  applet:add_header("cache-control", "no-store")
  applet:add_header("content-length", #body + 1)
  applet:start_response()
  applet:send(body .. "\n")
end

core.register_service("purge", "http", function(applet)
  local asked, wrong = parsed(applet.qs or "")
  if not asked then return answer(applet, 400, '{"error":' .. quoted(wrong) .. "}") end
  local token = (applet.headers["authorization"] or {})[0] or ""
  local servers = core.backends[BACKEND].servers
  local names = {}
  for name in pairs(servers) do
    if tonumber(name:match("%-(%d+)$") or "1e9") < (applet:get_var("txn.pods") or 0) then names[#names + 1] = name end
  end
  table.sort(names)
  token = token:gsub("^%S+%s+", "")
  local headers = headers_of(asked, token)
  local results = of_all(names, function(name) return purge_one(servers[name], headers) end, PATIENCE)
  forget_all(token, applet:get_var("txn.copies_seconds") or 0)
  local pods, complete, objects = {}, true, 0
  for index, name in ipairs(names) do
    local result = results[name] or { state = "unreachable" }
    complete = complete and result.state == "purged"
    objects = objects + (result.objects or 0)
    pods[index] = string.format('{"pod":%s,"state":"%s","objects":%d}', quoted(name), result.state, result.objects or 0)
  end
  local body = string.format('{"complete":%s,"objects":%d,"pods":[%s]}', complete, objects, table.concat(pods, ","))
  answer(applet, complete and 200 or 502, body)
end)

local function silent(stats)
  local how = stats.check_status or ""
  return stats.status:sub(1, 4) == "DOWN" and (how:find("L4TOUT", 1, true) or how:find("L7TOUT", 1, true)) ~= nil
end

core.register_task(function()
  local was = {}
  while true do
    core.msleep(500)
    for name, server in pairs(core.backends[BACKEND].servers) do
      local now = silent(server:get_stats())
      if now and not was[name] then server:shut_sess() end
      was[name] = now
    end
  end
end)
