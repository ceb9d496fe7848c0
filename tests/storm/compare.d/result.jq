# result.jq - all results of one run as one object, with the ratios that matter.
#
# Of several rounds the best counts: other work on the machine can only add time.

def of($what): map(select(.what == $what));
def median: sort | .[(length - 1) / 2 | floor];
def by_who(f): group_by(.who) | map({key: .[0].who, value: f}) | from_entries;
def divide($a; $b): if ($a // 0) > 0 and ($b // 0) > 0 then $a / $b else null end;

. as $all
| ($all | of("speed") | .[0]) as $speed
| ($all | of("pair") | .[0]) as $pair
| {
    about: ($all | of("about") | .[0] | del(.what)),
    absent: ($all | of("absent") | map(.who)),
    limits: (if $speed then {
        sign_us: $speed.sign_us, verify_us: $speed.verify_us, agree_us: $speed.agree_us,
        # The server signs once, checks the terminal's certificate and its signature, makes a key and agrees.
        arithmetic_us: ($speed.sign_us + 2 * $speed.verify_us + 2 * $speed.agree_us),
        pair_server_us: $pair.server_us, pair_client_us: $pair.client_us, records_us: $pair.records_us
      } else null end),
    handshakes: ($all | of("calls") | by_who({
        server_cpu_us: (map(.server_cpu_us) | min), median_cpu_us: (map(.server_cpu_us) | median),
        per_second: (map(.per_second) | max), p50_ms: (map(.p50_ms) | min), p99_ms: (map(.p99_ms) | min),
        calls: (map(.calls) | add), failed: (map(.failed) | add)
      })),
    idle: ($all | of("hold") | map(del(.what, .of))),
    select: ($all | of("select") | map(del(.what, .of))),
    durable: ($all | of("durable") | map({who, in_flight: .of, per_second, cpu_us, p50_ms, p99_ms}))
  }
| . as $r
| def crowd($who; $n): $r.idle[] | select(.who == $who and .clients == $n);
  def chosen($who; $n): [$r.select[] | select(.who == $who and .in_flight == $n)][0];
  def decided($who; $n): [$r.durable[] | select(.who == $who and .in_flight == $n)][0];
  .ratios = {
    handshake_cpu_berthd_to_openssl: divide($r.handshakes.berthd.server_cpu_us; $pair.server_us),
    handshake_cpu_berthd_to_plain: divide($r.handshakes.berthd.server_cpu_us; $r.handshakes.plain.server_cpu_us),
    handshake_cpu_nginx_to_berthd: divide($r.handshakes.nginx.server_cpu_us; $r.handshakes.berthd.server_cpu_us),
    handshake_cpu_mosquitto_to_berthd:
      divide($r.handshakes.mosquitto.server_cpu_us; $r.handshakes.berthd.server_cpu_us),
    idle: ([$r.idle[].clients] | unique | map(. as $n | {
      clients: $n,
      memory_mosquitto_to_berthd:
        divide([crowd("mosquitto"; $n).bytes_per_client][0]; [crowd("berthd"; $n).bytes_per_client][0]),
      memory_berthd_to_plain:
        divide([crowd("berthd"; $n).bytes_per_client][0]; [crowd("plain"; $n).bytes_per_client][0]),
      cpu_mosquitto_to_berthd:
        divide([crowd("mosquitto"; $n).cpu_us_per_ping][0]; [crowd("berthd"; $n).cpu_us_per_ping][0]),
      cpu_berthd_to_plain:
        divide([crowd("berthd"; $n).cpu_us_per_ping][0]; [crowd("plain"; $n).cpu_us_per_ping][0])
    })),
    selections_berthd_to_x2gobroker:
      divide(chosen("berthd"; 16).per_second; chosen("x2gobroker"; 16).per_second),
    decisions_berthd_to_x2gobroker_selections:
      divide(decided("berthd"; 64).per_second; chosen("x2gobroker"; 16).per_second),
    decision_cpu_berthd_to_sqlite: divide(decided("berthd"; 64).cpu_us; decided("sqlite"; 64).cpu_us)
  }
