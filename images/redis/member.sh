# shellcheck shell=bash
# What the scripts of a member share: how members address each other, and what they say of themselves.
#
# Environment: MEMBER, the pod's name, whose number is its ordinal; MEMBERS, the names of all members' Services in the order of their
# ordinals; ADMIN_PASSWORD; SENTINEL, whether Sentinels run; PERSISTENT, whether /data outlives the pod.
#
# Names are resolved here, once: neither Redis nor Sentinel may ever wait for DNS. The port that a member announces is 16379 plus its
# ordinal, so that a Sentinel's answer tells which member it means, whatever the addresses are.

ANNOUNCED=16379
LARGER_LOG=appendonlydir.larger   # of a member that had more memory, until everything is copied
: "${MEMBER:?}" "${MEMBERS:?}" "${ADMIN_PASSWORD:?}" "${SENTINEL:?}" "${PERSISTENT:?}"
: "${DATA_VOLUME:?}" "${RUN_DIRECTORY:?}" "${CONFIG_DIRECTORY:?}" "${AUTH_DIRECTORY:?}"
umask 0077
ordinal=${MEMBER##*-}
read -ra members <<<"$MEMBERS"
[ "$ordinal" -lt "${#members[@]}" ] || { echo "$MEMBER is not one of $MEMBERS" >&2; exit 1; }

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# ask HOST PORT COMMAND...: the plain answer; fails on an error and after a second and a half.
ask() {
  local host=$1 port=$2
  shift 2
  REDISCLI_AUTH=$ADMIN_PASSWORD timeout 1.5 redis-cli -e -h "$host" -p "$port" --user admin --no-auth-warning --raw "$@" 2>/dev/null
}

# Address of a member's Service; it outlives pods. Fails while DNS does not know it.
resolve() {
  local address
  read -r address _ < <(timeout 3 getent ahosts "${members[$1]}")
  [ -n "$address" ] && printf '%s\n' "$address"
}

# Sets `addresses`, in the order of the ordinals; waits for DNS, unless a start before this one knew them.
resolve_all() {
  local known=$RUN_DIRECTORY/addresses.$1 attempt=0 i
  until
    addresses=()
    for i in "${!members[@]}"; do addresses[i]=$(resolve "$i") || break; done
    [ -n "${addresses[${#members[@]} - 1]:-}" ]
  do
    attempt=$((attempt + 1))
    if [ $attempt -ge 5 ] && [ -s "$known" ]; then
      say "DNS does not answer; the addresses are those of the last start"
      mapfile -t addresses <"$known"
      return
    fi
    [ $((attempt % 10)) -ne 1 ] || say "waiting for the addresses of $MEMBERS"
    sleep 1
  done
  printf '%s\n' "${addresses[@]}" >"$known"
}

# Only one process of a kind on one volume: a forced deletion lets the next pod start while the old one still writes.
# The descriptor stays open in the program that is executed, so the lock lasts as long as it.
lock() {
  exec 9>>"$DATA_VOLUME/.$1-lock"
  if ! flock --exclusive --nonblock 9; then
    say "another pod holds $DATA_VOLUME, waiting for it to end"
    flock --exclusive 9
  fi
}

# Where a member is asked; the own one without the way through its Service.
host() { if [ "$1" = "$ordinal" ]; then echo 127.0.0.1; else echo "${addresses[$1]}"; fi; }

# One line: whom the member's Sentinel names (an ordinal, `none`, or `-` when it does not answer), the role of its Redis (`fresh` is a
# replica that has not followed anybody since it started, `-` one that does not answer), whether that has keys, and the port it announces
# (0: it runs without Sentinels).
view() {
  local host answer info names=- role=- keys=empty announces=-
  host=$(host "$1")
  if answer=$(ask "$host" 26379 SENTINEL GET-MASTER-ADDR-BY-NAME master); then
    names=${answer##*$'\n'}
    if [[ $names =~ ^[0-9]+$ ]]; then names=$((names - ANNOUNCED)); else names=none; fi
  fi
  if info=$(ask "$host" 6379 INFO replication keyspace); then
    [[ $info =~ role:([a-z]+) ]] && role=${BASH_REMATCH[1]}
    [[ $info != *slave_repl_offset:0* ]] || role=fresh
    [[ $info == *keys=* ]] && keys=full
    announces=$(ask "$host" 6379 CONFIG GET replica-announce-port) && announces=${announces##*$'\n'}
  fi
  printf '%s %s %s %s\n' "$names" "$role" "$keys" "${announces:--}"
}

# Asks all members at once. Sets for each ordinal names_of, role_of, keys_of, announces_of; and
#   named    the member that two Sentinels name    knowing  Sentinels that name any
#   blank    Sentinels of others that name none    lone     another member that runs as a master without Sentinels
#   masters  members whose Redis says master
survey() {
  local i j votes descriptors=() descriptor
  for i in "${!members[@]}"; do
    exec {descriptor}< <(view "$i")
    descriptors[i]=$descriptor
  done
  named='' knowing=0 blank=0 lone='' masters=()
  names_of=() role_of=() keys_of=() announces_of=()
  for i in "${!members[@]}"; do
    descriptor=${descriptors[i]}
    read -r "names_of[$i]" "role_of[$i]" "keys_of[$i]" "announces_of[$i]" <&"$descriptor" || true
    exec {descriptor}<&-
    case ${names_of[i]} in
      none) [ "$i" = "$ordinal" ] || blank=$((blank + 1)) ;;
      -) ;;
      *) knowing=$((knowing + 1)) ;;
    esac
    [ "${role_of[i]}" != master ] || masters+=("$i")
    [ "${role_of[i]} ${announces_of[i]}" != 'master 0' ] || [ "$i" = "$ordinal" ] || lone=$i
  done
  for i in "${!members[@]}"; do
    votes=0
    for j in "${!members[@]}"; do [ "${names_of[j]}" != "$i" ] || votes=$((votes + 1)); done
    [ $votes -lt 2 ] || named=$i
  done
}

# Whether the only master is one without Sentinels: the tier grows, and what Sentinels of an earlier growth remember is void.
grows() {
  local i
  [ -n "$lone" ] || return 1
  for i in "${!members[@]}"; do
    [ "$i" = "$ordinal" ] || [ "${names_of[i]}" = none ] || [ "${names_of[i]}" = - ] || [ "${names_of[i]}" = "$lone" ] || return 1
  done
}
