-- What wrk sends, chosen by the environment, and its result as one line of JSON.
--   BENCH_BODY  a file: its bytes are POSTed
--   BENCH_IDS   a file of process ids, one a line: each request is for the URL's path with the next
-- Neither: GET of the URL.

local prepared, position = {}, 0

local function read_all(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local body_file, ids_file = os.getenv("BENCH_BODY"), os.getenv("BENCH_IDS")

if body_file then
  wrk.method = "POST"
  wrk.body = read_all(body_file)
  wrk.headers["Content-Type"] = "application/json"
elseif ids_file then
  init = function()
    for id in read_all(ids_file):gmatch("%S+") do
      prepared[#prepared + 1] = wrk.format("GET", wrk.path .. id)
    end
  end
  request = function()
    position = position % #prepared + 1
    return prepared[position]
  end
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "microseconds": %d, "errors": %d, "p50_us": %d, "p99_us": %d}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
