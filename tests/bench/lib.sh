# Shared by the benchmarks; sourced, never run. Needs lib.sh of scripts/ and the settings of run.sh.

OPERATOR_NAMESPACE=scaledapp-system
OPERATOR_PODS=app.kubernetes.io/name=scaledapp

# One line of result: what, the figure, and how busy the machine was just then.
figure() { printf '%-58s %s   (load %s)\n' "$1" "$2" "$(cut -d' ' -f1-2 /proc/loadavg)"; }

# Seconds since a value of $EPOCHREALTIME.
since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f", b - a}'; }

median() { printf '%s\n' "$@" | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }

operator_pods() { $KUBECTL -n "$OPERATOR_NAMESPACE" get pods -l "$OPERATOR_PODS" -o name; }

# A file of /proc/1 of an operator's pod.
operator_proc() { $KUBECTL -n "$OPERATOR_NAMESPACE" exec "$1" -- cat "/proc/1/$2"; }
