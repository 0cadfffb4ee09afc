-- Holds a new connection until a live PostgreSQL is there to take it, instead of letting it fail.
-- A failed log-in makes PgBouncer refuse all its clients until one succeeds; a slow one only makes them wait. So a failover costs the
-- clients of a pool the transactions in flight and a pause, nothing else.
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

local function ready(backend, patience)
  for _, server in pairs(core.backends[backend].servers) do
    if server:get_stats().status:sub(1, 2) == "UP" and takes_sessions(server, patience) then return true end
  end
  return false
end

core.register_action("hold", { "tcp-req" }, function(txn, backend, otherwise)
  local last, patience = core.now().sec + LIMIT, PATIENCE
  while core.now().sec < last do
    if ready(txn.f:nbsrv(backend) > 0 and backend or otherwise, patience) then return end
    core.msleep(PAUSE)
    patience = math.min(MOST, patience * GROWTH)
  end
end, 2)
