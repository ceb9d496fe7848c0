# servers.sh - starts and stops the peers, each under its own account and on its own port.
#
# Source it after common.sh, in a network of the script's own (tests/lib/own_network.sh). start_NAME PROVISIONED sets
# SERVER_PID, SERVER_PORT and SERVER_PROTOCOL.
# shellcheck shell=bash

declare -A RUNNING # name -> process
SERVER_PID=
SERVER_PORT=
# shellcheck disable=SC2034 # works.sh reads it
SERVER_PROTOCOL=

# Debian's package of each; a peer that is not installed is left out and named in the result.
declare -A PEER_COMMAND=([nginx]=nginx [mosquitto]=mosquitto [x2gobroker]=x2gobroker-daemon)

has_peer() {
    [[ -n $(PATH=$PATH:/usr/sbin type -P "${PEER_COMMAND[$1]:-true}") ]]
}

server_versions() {
    local name
    openssl version | cut -d ' ' -f 1-2
    for name in nginx mosquitto x2gobroker-daemon libsqlite3-0 libuv1; do
        dpkg-query -W -f '${db:Status-Abbrev}${Package} ${Version}\n' "$name" 2>/dev/null | sed -n 's/^ii //p'
    done || true # dpkg-query fails when one is not installed; it still prints the others
}

# fresh_folder NAME - makes and prints one below the run's own.
fresh_folder() {
    mkdir -p "$WORK/$1"
    printf '%s\n' "$WORK/$1"
}

port_open() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# launch NAME COMMAND... - start it in the background with a log; waits until its port is open.
launch() {
    local name=$1
    shift
    "$@" </dev/null >>"$WORK/$name.log" 2>&1 &
    SERVER_PID=$!
    RUNNING[$name]=$SERVER_PID
    at_exit end_process "$SERVER_PID"
    wait_for port_open "$SERVER_PORT" || {
        tail -n 5 "$WORK/$name.log" >&2
        die "$name did not start"
    }
    kill -0 "$SERVER_PID" || die "$name ended at once; its port may be in use"
}

# stop NAME - end it and wait, so that the next one has the machine for itself.
stop() {
    local pid=${RUNNING[$1]:-}
    [[ -n $pid ]] || return 0
    unset "RUNNING[$1]"
    end_process "$pid"
}

# --- The peers ----------------------------------------------------------------------------------------------------

start_plain() {
    SERVER_PROTOCOL=berth SERVER_PORT=7440
    launch plain "$PEERS/peers-plain" "$1" "$SERVER_PORT"
}

start_nginx() {
    local folder
    folder=$(fresh_folder nginx)
    SERVER_PROTOCOL=http SERVER_PORT=7441
    cat >"$folder/nginx.conf" <<CONFIG
daemon off;
user root;
pid $folder/pid;
error_log $folder/error.log error;
worker_processes auto;
worker_rlimit_nofile 20000;
events { worker_connections 16384; }
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    keepalive_timeout 600s;
    server {
        listen 127.0.0.1:$SERVER_PORT ssl backlog=4096;
        ssl_certificate $1/server.crt;
        ssl_certificate_key $1/server.key;
        ssl_client_certificate $1/ca.crt;
        ssl_verify_client on;
        ssl_protocols TLSv1.3;
        ssl_ecdh_curve X25519:P-256;
        ssl_session_cache off;
        ssl_session_tickets off;
        location / { return 204; }
    }
}
CONFIG
    launch nginx nginx -p "$folder" -c "$folder/nginx.conf" -e "$folder/error.log"
}

start_mosquitto() {
    local folder
    folder=$(fresh_folder mosquitto)
    SERVER_PROTOCOL=mqtt SERVER_PORT=7442
    cat >"$folder/mosquitto.conf" <<CONFIG
user root
persistence false
log_dest stderr
log_type error
listener $SERVER_PORT 127.0.0.1
cafile $1/ca.crt
certfile $1/server.crt
keyfile $1/server.key
tls_version tlsv1.3
require_certificate true
use_identity_as_username true
allow_anonymous false
CONFIG
    launch mosquitto mosquitto -c "$folder/mosquitto.conf"
}

# The default configuration, except for ports and limits on connections.
start_berthd() {
    local folder join_port=7444
    folder=$(fresh_folder berthd)
    # shellcheck disable=SC2034
    SERVER_PROTOCOL=berth SERVER_PORT=7443
    BERTH_SOCKET=$folder/people
    cat >"$folder/berthd.conf" <<CONFIG
[broker]
data = $1/data
terminals = $TERMINALS
[link]
listen = 127.0.0.1:$SERVER_PORT
join_listen = 127.0.0.1:$join_port
[api]
socket = $BERTH_SOCKET
CONFIG
    launch berthd "$BUILD/berthd" --config "$folder/berthd.conf"
}

# Under an account that owns nothing, with its own configuration, and writing only to its folder. Its test mode turns off
# the debug log, which would slow it down much.
start_x2gobroker() {
    local folder pool desktop
    folder=$(fresh_folder x2gobroker)
    SERVER_PORT=7445
    cat >"$folder/x2gobroker.conf" <<CONFIG
[global]
require-password = false
require-cookie = false
enable-plain-output = true
default-portscan-x2goservers = false
default-agent-query-mode = NONE
[broker_inifile]
enable = true
session-profiles = $folder/profiles.conf
CONFIG
    printf '[DEFAULT]\ncommand = MATE\n' >"$folder/profiles.conf"
    for ((pool = 1; pool <= 20; pool++)); do
        printf '[pool-%d]\nname = Pool %d\nhost = ' "$pool" "$pool"
        for ((desktop = 1; desktop <= 20; desktop++)); do
            printf '%sd-%d-%d (10.0.%d.%d)' "$( ((desktop == 1)) || printf ', ')" "$pool" "$desktop" "$pool" "$desktop"
        done
        printf '\n'
    done >>"$folder/profiles.conf"
    sed "s|/var/log/x2gobroker/|$folder/|" /etc/x2go/broker/x2gobroker-loggers.conf >"$folder/loggers.conf"
    chown -R nobody:nogroup "$folder"
    launch x2gobroker env -i PATH="$PATH" PYTHONWARNINGS=ignore X2GOBROKER_TESTSUITE=1 \
        X2GOBROKER_DAEMON_USER=nobody X2GOBROKER_DAEMON_GROUP=nogroup \
        X2GOBROKER_CONFIG="$folder/x2gobroker.conf" X2GOBROKER_SESSIONPROFILES="$folder/profiles.conf" \
        X2GOBROKER_LOGCONFIG="$folder/loggers.conf" \
        setpriv --reuid nobody --regid nogroup --clear-groups x2gobroker-daemon -M HTTP -b "127.0.0.1:$SERVER_PORT"
}
