# table.jq - the object of result.jq as a table for people.

def round($digits): if . == null then null else (pow(10; $digits) as $p | . * $p | round / $p) end;
def show($digits): if . == null then "-" else round($digits) | tostring end;
def pad($width): . + (" " * ([0, $width - length] | max));
def left($width): (" " * ([0, $width - length] | max)) + .;
def row($widths): [., $widths] | transpose
  | map(. as [$text, $width] | $text | if $width < 0 then pad(-$width) else left($width) end) | join("  ");

. as $r
| (if $r.limits then
    "", "What OpenSSL itself needs (CPU, us)",
    "  one signature \($r.limits.sign_us | show(0)), one check \($r.limits.verify_us | show(0)), one agreement \($r.limits.agree_us | show(0)); of a mutual handshake's arithmetic at the server: \($r.limits.arithmetic_us | show(0))",
    "  a mutual handshake in memory: server \($r.limits.pair_server_us | show(0)), client \($r.limits.pair_client_us | show(0)); a renewal's record and its answer's: \($r.limits.records_us | show(1))"
  else empty end),
  (if ($r.handshakes | length) > 0 then
    "", "Mutual TLS 1.3 handshakes with first question and answer",
    "  " + (["", "CPU us", "median", "a second", "p50 ms", "p99 ms", "failed"] | row([-11, 8, 8, 9, 8, 8, 7])),
    ($r.handshakes | to_entries[] | "  " + ([.key, (.value.server_cpu_us | show(0)), (.value.median_cpu_us | show(0)),
      (.value.per_second | show(0)), (.value.p50_ms | show(1)), (.value.p99_ms | show(1)), (.value.failed | tostring)]
      | row([-11, 8, 8, 9, 8, 8, 7])))
  else empty end),
  (if ($r.idle | length) > 0 then
    "", "Clients that stay",
    "  " + (["", "clients", "bytes each", "MiB in all", "CPU us a ping", "CPU % of a core", "answer p99 ms"]
      | row([-11, 8, 10, 10, 13, 15, 13])),
    ($r.idle[] | "  " + ([.who, (.clients | tostring), (.bytes_per_client | show(0)), (.rss_kib / 1024 | show(1)),
      (if .pings > 0 then .cpu_us_per_ping | show(0) else "-" end),
      (.cpu_us_per_client_second * .clients / 10000 | show(2)),
      (if .pings > 0 then .answer_p99_ms | show(2) else "-" end)] | row([-11, 8, 10, 10, 13, 15, 13])))
  else empty end),
  (if ($r.select | length) > 0 then
    "", "Which desktop? (20 pools of 20; nothing is recorded)",
    "  " + (["", "at once", "a second", "CPU us", "p50 ms", "p99 ms", "MiB"] | row([-11, 8, 9, 8, 8, 8, 6])),
    ($r.select[] | "  " + ([.who, (.in_flight | tostring), (.per_second | show(0)), (.server_cpu_us | show(0)),
      (.p50_ms | show(2)), (.p99_ms | show(2)), (.rss_kib / 1024 | show(0))] | row([-11, 8, 9, 8, 8, 8, 6])))
  else empty end),
  (if ($r.durable | length) > 0 then
    "", "Decisions on disk (nine rows each, synced)",
    "  " + (["", "at once", "a second", "CPU us", "p50 ms", "p99 ms"] | row([-11, 8, 9, 8, 8, 8])),
    ($r.durable[] | "  " + ([.who, (.in_flight | tostring), (.per_second | show(0)), (.cpu_us | show(0)),
      (.p50_ms | show(2)), (.p99_ms | show(2))] | row([-11, 8, 9, 8, 8, 8])))
  else empty end),
  "", "Ratios",
  ($r.ratios | to_entries[] | select(.key != "idle" and .value != null)
    | "  " + (.key | gsub("_"; " ") | pad(46)) + (.value | show(2))),
  ($r.ratios.idle[] | .clients as $n | to_entries[] | select(.key != "clients" and .value != null)
    | "  " + ("\($n) idle: " + (.key | gsub("_"; " ")) | pad(46)) + (.value | show(2))),
  (if ($r.absent | length) > 0 then "  not here: " + ($r.absent | join(", ")) else empty end)
