# Made by the ScaledApp operator from the plan.
vcl 4.1;

import std;
import var;
import vsthrottle;
import xkey;

# What is fetched comes from here. It has no probe: a fetch is always tried.
backend origin {
  .host = "$origin$";
  .port = "$port$";
  # What does not take a connection within this time is gone or overrun: better another edge than another second.
  .connect_timeout = 400ms;
  .first_byte_timeout = $patience$s;
  .between_bytes_timeout = $patience$s;
}

# Whether the services answer at all, which decides how old an answer may be.
backend services {
  .host = "$origin$";
  .port = "$port$";
  .probe = {
    .url = "$health$";
    .interval = 1s;
    .timeout = 3s;
    .window = 4;
    .threshold = 2;
    .initial = 2;
  }
}

sub vcl_recv {
  if (local.socket == "admin") {
    call administer;
  }
  if (req.restarts == 0) {
    unset req.http.x-scaledapp-stale;
  }
  set req.backend_hint = origin;
  if (req.http.x-scaledapp-stale == "wanted") {
    # There is an old copy, but it is too old while the services answer: without it, the fetch is waited for.
    set req.grace = 0s;
  } else {
    unset req.grace;
  }
}

# A cookie does not forbid an answer that the origin marks public; one that depends on it says Vary.
sub vcl_req_cookie {
  return;
}

sub vcl_hash {
  # Addresses within an answer may depend on them: nobody may write his own into what others get.
  hash_data(req.http.X-Forwarded-Proto);
  hash_data(req.http.X-Forwarded-Host);
  hash_data(req.http.X-Forwarded-Port);
  hash_data(req.http.X-Forwarded-Prefix);
}

sub vcl_hit {
  if (obj.ttl >= 0s || req.http.x-scaledapp-stale == "any") {
    return (deliver);
  }
  if (obj.ttl + std.duration(obj.http.x-scaledapp-fresh, 0s) >= 0s) {
    return (deliver);
  }
  # Older than that only where the origin fails.
  if (!std.healthy(services) || vsthrottle.remaining(req.url + " " + req.http.Host, 1, 2s) < 1) {
    return (deliver);
  }
  set req.http.x-scaledapp-stale = "wanted";
  return (restart);
}

sub vcl_backend_fetch {
  # An answer of the origin that a purge overtakes is out of date.
  set bereq.http.x-scaledapp-began = "" + std.time2real(now, 0.0);
  # Each fetch has a connection of its own: one that is kept may lead to an edge that is gone.
  set bereq.http.Connection = "close";
  unset bereq.http.Via;
  # Varnish has added the edge, which is no client. Hits do not need it, and no answer that is kept may depend on it.
  if (bereq.retries == 0) {
    set bereq.http.X-Forwarded-For = regsub(bereq.http.X-Forwarded-For, ",[^,]*$", "");
  }
  # Who waited for a fetch that failed gets the old copy at once.
  if ((bereq.is_bgfetch || bereq.http.x-scaledapp-stale == "wanted") &&
      vsthrottle.remaining(bereq.url + " " + bereq.http.Host, 1, 2s) < 1) {
    return (abandon);
  }
}

sub vcl_backend_response {
  if (beresp.status >= 500) {
    call keep_the_old_copy;
    if (!bereq.uncacheable) {
      set beresp.ttl = 1s;
      set beresp.uncacheable = true;
    }
    return (deliver);
  }
  if (bereq.uncacheable) {
    return (deliver);
  }
  if (beresp.http.Cache-Control !~ "(?i)(^|[\s,])(public|s-maxage\s*=)" ||
      (bereq.http.Cookie && beresp.http.Vary ~ "(?i)(^|[\s,])cookie([\s,]|$)") ||
      beresp.http.Vary ~ "(?i)(^|[\s,])x-forwarded-for([\s,]|$)") {
    set beresp.ttl = 120s;
    set beresp.uncacheable = true;
    return (deliver);
  }
  if (std.integer(beresp.http.Content-Length, 0) > $largest$) {
    return (pass(120s));
  }
  if (std.real(var.global_get("purged"), 0.0) >= std.real(bereq.http.x-scaledapp-began, 0.0)) {
    if (bereq.retries < 2) {
      return (retry);
    }
    set beresp.ttl = 1s;
    set beresp.uncacheable = true;
    return (deliver);
  }
  if (beresp.http.Cache-Control ~ "(?i)(must|proxy)-revalidate") {
    set beresp.http.x-scaledapp-fresh = "0s";
    set beresp.grace = 0s;
    set beresp.keep = 10m;
  } else {
    # What the origin says of stale-while-revalidate is here already.
    set beresp.http.x-scaledapp-fresh = beresp.grace + "s";
    if (beresp.http.Cache-Control ~ "(?i)stale-if-error\s*=\s*\d") {
      set beresp.http.x-scaledapp-old = regsub(beresp.http.Cache-Control, "(?i)^.*stale-if-error\s*=\s*(\d{1,9}).*$", "\1s");
    }
    if (std.duration(beresp.http.x-scaledapp-old, $stale$s) > beresp.grace) {
      set beresp.grace = std.duration(beresp.http.x-scaledapp-old, $stale$s);
    }
    unset beresp.http.x-scaledapp-old;
  }
  set beresp.http.x-scaledapp-url = bereq.url;
  set beresp.http.xkey = beresp.http.xkey + " url:" + regsuball(bereq.url, ",", "%2C");
}

sub vcl_backend_error {
  call keep_the_old_copy;
  # Another connection may lead to another edge: with half of them gone, one of a hundred fetches fails seven times.
  if (bereq.retries < 6 && std.time2real(now, 0.0) - std.real(bereq.http.x-scaledapp-began, 0.0) < 3.0) {
    return (retry);
  }
  set beresp.ttl = 1s;
  set beresp.uncacheable = true;
  set beresp.http.Content-Type = "text/plain; charset=utf-8";
  set beresp.body = "the origin does not answer" + {"
"};
  return (deliver);
}

sub keep_the_old_copy {
  if (bereq.is_bgfetch || bereq.http.x-scaledapp-stale == "wanted") {
    if (vsthrottle.is_denied(bereq.url + " " + bereq.http.Host, 1, 2s)) {
      std.log("again within two seconds");
    }
    return (abandon);
  }
}

sub vcl_synth {
  if (local.socket == "admin") {
    set resp.http.Content-Type = "text/plain; charset=utf-8";
    set resp.body = resp.reason + {"
"};
    return (deliver);
  }
  # The fetch failed, and there is an old copy.
  if (req.http.x-scaledapp-stale == "wanted" && resp.status == 503) {
    set req.http.x-scaledapp-stale = "any";
    return (restart);
  }
  call sign;
}

sub vcl_deliver {
  if (obj.uncacheable) {
    set resp.http.x-cache = "pass";
  } else if (obj.hits > 0) {
    set resp.http.x-cache = "hit";
    # The edge may keep it for as long as a copy lives there: it is fresh for longer.
    if (obj.ttl > $copies$s) {
      set resp.http.x-scaledapp-copy = "yes";
    }
  } else {
    set resp.http.x-cache = "miss";
  }
  call sign;
}

sub sign {
  set resp.http.x-proxy = server.identity;
  unset resp.http.x-scaledapp-fresh;
  unset resp.http.x-scaledapp-url;
  unset resp.http.xkey;
  unset resp.http.X-Varnish;
  # The last one is Varnish's own, and mostly the only one.
  if (std.strstr(resp.http.Via, ",")) {
    set resp.http.Via = regsub(resp.http.Via, ", [0-9.]+ \S+ \(Varnish/[^)]*\)$", "");
  } else {
    unset resp.http.Via;
  }
}

sub administer {
  if (req.url == "/healthz") {
    # 404 tells the edges to send nothing new here.
    if (std.file_exists("$home$/stopping")) {
      return (synth(404, "stopping"));
    }
    return (synth(200, "ready"));
  }
  if (req.url != "/purge" || req.method != "POST") {
    return (synth(404, "not found"));
  }
  if (!req.http.x-purge-token || req.http.x-purge-token != std.fileread("$token$")) {
    return (synth(401, "unauthorised"));
  }
  var.global_set("purged", "" + std.time2real(now, 0.0));
  if (req.http.x-purge-prefix && !std.ban("obj.http.x-scaledapp-url ~ " + req.http.x-purge-prefix)) {
    return (synth(400, std.ban_error()));
  }
  if (!req.http.x-purge-keys) {
    return (synth(200, "0"));
  }
  if (req.http.x-purge-soft) {
    return (synth(200, "" + xkey.softpurge(req.http.x-purge-keys)));
  }
  return (synth(200, "" + xkey.purge(req.http.x-purge-keys)));
}
