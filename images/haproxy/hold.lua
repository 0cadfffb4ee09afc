-- Holds a new connection until a live PostgreSQL is there to take it, instead of letting it fail.
-- A failed log-in makes PgBouncer refuse all its clients until one succeeds; a slow one only makes them wait. So a failover costs the
-- clients of a pool the transactions in flight and a pause, nothing else.
-- Who takes it is in txn.taker, for a backend of several servers: the checks believe for up to 16 s in one that is silent, which has the
-- fewest sessions soon and would be given every new one.
-- Must never hold longer than LIMIT (below the frontend's inspect-delay), and must never decide who is primary: the checks do.
--   tcp-request inspect-delay 30s
--   tcp-request content lua.hold BACKEND OTHERWISE     -- OTHERWISE is asked while BACKEND has no server
local LIMIT, PAUSE = 29, 50   -- s, ms
-- Short at first, since a refused connection is only known when it is tried again after a second; longer for a server under load.
local PATIENCE, GROWTH, MOST = 0.25, 1.25, 2   -- s, factor, s

-- A start-up packet: the postmaster answers `R` (who are you?) when it takes sessions, `E` while it starts or stops, nothing when it hangs.
local parameters = "user\0app\0database\0app\0\0"
local startup = string.pack(">I4I4", 8 + #parameters, 196608) .. parameters

local function takes_sessions(server, patience)
  local socket = core.tcp()
  socket:settimeout(patience)
  local answer
  if socket:connect(server:get_addr()) and socket:send(startup) then
    answer = socket:receive(1)
  end
  socket:close()
  return answer == "R"
end

-- Who is alive for the checks, the least busy first; among equals chance decides.
local function alive(backend)
  local found = {}
  for name, server in pairs(core.backends[backend].servers) do
    local stats = server:get_stats()
    if stats.status:sub(1, 2) == "UP" then
      found[#found + 1] = { name = name, server = server, order = stats.scur + math.random() }
    end
  end
  table.sort(found, function(one, other) return one.order < other.order end)
  return found
end

local function taker(backend, patience)
  for _, each in ipairs(alive(backend)) do
    if takes_sessions(each.server, patience) then return each.name end
  end
end

core.register_action("hold", { "tcp-req" }, function(txn, backend, otherwise)
  local last, patience = core.now().sec + LIMIT, PATIENCE
  while core.now().sec < last do
    local name = taker(txn.f:nbsrv(backend) > 0 and backend or otherwise, patience)
    if name then
      txn:set_var("txn.taker", name)
      return
    end
    core.msleep(PAUSE)
    patience = math.min(MOST, patience * GROWTH)
  end
end, 2)
