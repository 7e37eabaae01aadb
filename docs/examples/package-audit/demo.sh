#!/bin/sh
# The demo: three workers verify the packages that are installed on this machine, one worker gets
# killed on the way, and nothing is lost. Meanwhile a schedule has one package looked at each
# second. `./run demo` builds first and then calls this.
#
# All it does, it does with the commands that everybody has: musterd, muster-worker and muster.
# Everything it starts and writes is gone at the end, also after Ctrl-C and after a failure.
set -u
unset CDPATH
cd "$(dirname "$0")" || exit 1 # where the handler is, and so the workers' folder
top=$(cd ../../.. && pwd)
bin=${MUSTER_BIN:-$top/build/bin}
LIMIT_KIB=524288 # 512 MiB of installed packages are enough to see it
QUEUE=audit
SCHEDULE=recheck # and its queue

all='' keep=''
for option in "$@"; do
    case $option in
    --all) all=1 ;;
    --keep) keep=1 ;;
    *)
        echo "usage: ./run demo [--all] [--keep]" >&2
        exit 2
        ;;
    esac
done

# ---- what has to go away again ----

work=$(mktemp -d "${TMPDIR:-/tmp}/muster-demo.XXXXXX") || exit 1
mkdir "$work/tmp" # for the handlers
broker='' worker_1='' worker_2='' worker_3='' monitor='' scheduler=''
drawn=0

clean_up() {
    status=$?
    trap '' HUP INT PIPE TERM
    trap - EXIT
    # Twice: the first asks a worker to finish its jobs, the second not to.
    for _ in 1 2; do
        for pid in $monitor $scheduler $worker_1 $worker_2 $worker_3 $broker; do
            kill -TERM "$pid" 2>/dev/null
        done
    done
    for pid in $monitor $scheduler $worker_1 $worker_2 $worker_3 $broker; do
        patience=50
        while kill -0 "$pid" 2>/dev/null && [ "$patience" -gt 0 ]; do
            patience=$((patience - 1))
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    # A handler that is just being ended may still write.
    for _ in 1 2 3 4 5; do
        rm -rf "$work" 2>/dev/null && break
        sleep 0.2
    done
    exit "$status"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE # who reads our output may stop
trap 'exit 143' TERM

fail() {
    printf '\ndemo: %s\n' "$*" >&2
    for log in "$work"/*.log; do
        [ -s "$log" ] && tail -n 5 "$log" | sed "s|^|demo: ${log##*/}: |" >&2
    done
    exit 1
}

# ready FILE PID NAME: waits for the line with which a program says that it serves
ready() {
    patience=200
    until grep -q ': ready ' "$1" 2>/dev/null; do
        kill -0 "$2" 2>/dev/null || fail "$3 ended before it was ready"
        patience=$((patience - 1))
        [ "$patience" -gt 0 ] || fail "$3 is not ready after 20 s"
        sleep 0.1
    done
}

muster() {
    "$bin/muster" --broker "$frontend" --no-color "$@"
}

# objects KEY: puts each object of the JSON array on stdin on a line of its own; KEY is the one that
# each begins with. Enough for what muster writes; no JSON library is needed for a demo.
objects() {
    tr -d '\n' | sed "s/{[[:space:]]*\"$1\":/\n&/g" | grep "^{[[:space:]]*\"$1\":"
}

# pages COMMAND...: all that a list command gives, a thousand at a time, each object on its own line
pages() {
    after=
    while :; do
        muster "$@" --limit 1000 ${after:+--after "$after"} --json >"$work/page" ||
            fail "muster $* failed"
        objects id <"$work/page" || break
        after=$(objects id <"$work/page" | tail -n 1 | sed 's/^[^:]*: *"\([^"]*\)".*/\1/')
    done
}

# number NAME: the first number of that name on stdin
number() {
    tr -d '\n' | sed -n "s/^[^{]*{[^{]*\"$1\": *\([0-9][0-9]*\).*/\1/p"
}

# ---- what there is to verify ----

database=${DPKG_ADMINDIR:-/var/lib/dpkg}
dpkg-query -W -f '${db:Status-Status} ${Installed-Size} ${binary:Package}\n' |
    sed -n 's/^installed //p' | sort -k1,1n -k2 >"$work/installed"
packages=0 kib=0 left_out=0 left_kib=0
while read -r size package; do
    [ -e "$database/info/$package.md5sums" ] || [ -e "$database/info/${package%:*}.md5sums" ] ||
        continue
    if [ -z "$all" ] && [ $((kib + size)) -gt "$LIMIT_KIB" ]; then
        left_out=$((left_out + 1)) left_kib=$((left_kib + size))
        continue
    fi
    kib=$((kib + size))
    packages=$((packages + 1))
    echo "$package"
done <"$work/installed" >"$work/packages"
[ "$packages" -gt 0 ] || fail "dpkg has checksums for no package"
echo "$packages installed packages with checksums, $((kib / 1024)) MiB, the smallest first"
[ "$left_out" -eq 0 ] ||
    echo "left out: the $left_out largest, $((left_kib / 1024)) MiB (./run demo --all verifies" \
        "them too)"

# plant PACKAGE: copies its files, as a system in a folder of its own, and changes a byte of one
plant() {
    planted=$work/planted
    info=$planted/var/lib/dpkg/info
    rm -rf "$planted"
    mkdir -p "$info"
    changed=
    while read -r sum path; do
        if [ ! -f "/$path" ] || [ ! -r "/$path" ]; then continue; fi
        mkdir -p "$planted/${path%/*}" && cp "/$path" "$planted/$path" || return 1
        printf '%s  %s\n' "$sum" "$path" >>"$info/$1.md5sums"
        [ -n "$changed" ] || [ ! -s "/$path" ] || changed=$path
    done <"$database/info/$1.md5sums"
    [ -n "$changed" ] || return 1
    chmod u+w "$planted/$changed"
    byte=X
    [ "$(head -c 1 "$planted/$changed")" != X ] || byte=Y
    printf %s "$byte" | dd of="$planted/$changed" bs=1 conv=notrunc 2>/dev/null
}
while read -r package; do
    [ -e "$database/info/$package.md5sums" ] && plant "$package" && break
done <"$work/packages"
[ -n "$changed" ] || fail "no package has a file that could be copied"
echo "planted: a copy of $package in which one byte of /$changed is changed"

{
    echo "{\"package\": \"$package\", \"root\": \"$planted\"}"
    sed 's|.*|{"package": "&", "root": "/"}|' "$work/packages"
} | sed "s|.*|{\"kind\": \"package.verify\", \"queue\": \"$QUEUE\", \"max_attempts\": 3, \
\"backoff\": \"fixed:1s\", \"args\": &}|" >"$work/jobs.ndjson"
total=$((packages + 1))

# ---- the cluster ----

# start_worker NUMBER: its process id is in $!
start_worker() {
    TMPDIR="$work/tmp" "$bin/muster-worker" --broker "$backend" --name "worker-$1" \
        --queue "$QUEUE" --queue "$SCHEDULE" --slots 1 --exec 'package.verify=exec sh verify.sh' \
        >"$work/worker-$1.out" 2>"$work/worker-$1.log" </dev/null &
}

"$bin/musterd" --data "$work/data" --frontend 'tcp://127.0.0.1:*' --backend 'tcp://127.0.0.1:*' \
    --feed 'tcp://127.0.0.1:*' --lease 3s >"$work/musterd.out" 2>"$work/musterd.log" </dev/null &
broker=$!
ready "$work/musterd.out" "$broker" musterd
frontend=$(sed -n 's/.* frontend=\([^ ]*\).*/\1/p' "$work/musterd.out")
backend=$(sed -n 's/.* backend=\([^ ]*\).*/\1/p' "$work/musterd.out")

# The jobs first: while none has run, their list tells which id is which package. The history of a
# finished job keeps its result, not its args.
muster submit --file "$work/jobs.ndjson" --json >"$work/submitted" 2>"$work/submit.log" ||
    fail "submitting failed"
[ "$(number submitted <"$work/submitted")" = "$total" ] ||
    fail "not all jobs were taken: $(cat "$work/submitted")"
pages list --queue "$QUEUE" |
    sed 's/^[^:]*: *"\([^"]*\)".*"package": *"\([^"]*\)".*/\1 \2/' >"$work/names"

# Not by the function above: its process would be a shell that holds the program.
"$bin/muster" --broker "$frontend" --no-color monitor job.started job.completed job.failed \
    job.lost job.parked worker schedule.fired >"$work/events" 2>"$work/monitor.log" </dev/null &
monitor=$!
# Its first words are the present state; from then on it sees everything.
patience=100
until [ -s "$work/events" ]; do
    kill -0 "$monitor" 2>/dev/null || fail "the monitor ended"
    patience=$((patience - 1))
    [ "$patience" -gt 0 ] || fail "the monitor says nothing"
    sleep 0.1
done
began=$(date +%s%3N)
start_worker 1
worker_1=$!
start_worker 2
worker_2=$!
start_worker 3
worker_3=$!
ready "$work/worker-1.out" "$worker_1" worker-1
ready "$work/worker-2.out" "$worker_2" worker-2
ready "$work/worker-3.out" "$worker_3" worker-3
echo "a broker at $frontend, $total jobs, workers: worker-1 worker-2 worker-3"

# Its runs have a queue of their own, so that they do not wait behind the audit.
cat >"$work/schedules.yaml" <<END
schedules:
  $SCHEDULE:
    every: 1s
    kind: package.verify
    queue: $SCHEDULE
    args: {package: "$package", root: /}
    max_attempts: 1
END
"$bin/muster" --broker "$frontend" scheduler "$work/schedules.yaml" >"$work/scheduler.out" \
    2>"$work/scheduler.log" </dev/null &
scheduler=$!
ready "$work/scheduler.out" "$scheduler" 'the scheduler'
echo "a scheduler: $SCHEDULE verifies $package each second"

# ---- the view: a bar, and the live feed under it; plain lines when nobody watches ----

FEED_LINES=8
: >"$work/feed"
seen=0     # lines of the events that were read
told=0     # lines of the feed that were told (not on a terminal)
decile=0   # tenth that was told last (not on a terminal)
finished=0 # jobs

width=80
if [ -t 1 ]; then
    # In $(...) standard output is a pipe: the terminal has another number.
    { width=$(stty size 2>/dev/null <&3 | cut -d' ' -f2); } 3>&1
    [ "${width:-0}" -ge 40 ] || width=80
fi

# feed: adds what is new of the events, with the package instead of the kind that all jobs have
feed() {
    lines=$(wc -l <"$work/events")
    sed -n "$((seen + 1)),${lines}p" "$work/events" | awk -v names="$work/names" -v queue="$QUEUE" \
        -v schedule="$SCHEDULE" '
        BEGIN { while ((getline <names) > 0) name[$1] = $2 }
        $1 ~ /^[0-9][0-9]:/ && $2 !~ ("^job[.].*[.]" schedule "$") {
            sub("[.]" queue "$", "", $2)
            job = $3 in name ? $3 " " name[$3] : ""
            first = job == "" ? 3 : 5
            if ($2 ~ /^schedule[.]/) { job = $3 " " schedule; NF = 4 }
            rest = ""
            for (i = first; i <= NF; i++) if ($i != "attempt=1") rest = rest " " $i
            printf "%s %-14s %s%s\n", $1, $2, job, rest
        }' >>"$work/feed"
    seen=$lines
}

show_progress() {
    feed
    if [ -t 1 ]; then
        undraw
        cells=$((width - 24))
        awk -v done="$finished" -v total="$total" -v cells="$cells" 'BEGIN {
            full = int(cells * done / total)
            for (i = 0; i < cells; i++) bar = bar (i < full ? "#" : ".")
            printf "[%s] %d/%d jobs\n", bar, done, total
        }'
        tail -n "$FEED_LINES" "$work/feed" | cut -c "1-$((width - 1))" | tee "$work/shown"
        drawn=$((1 + $(wc -l <"$work/shown")))
    else
        lines=$(wc -l <"$work/feed")
        sed -n "$((told + 1)),${lines}p" "$work/feed" |
            grep -E ' (worker\.|job\.(failed|lost|parked))'
        told=$lines
        [ $((finished * 10 / total)) -eq "$decile" ] || {
            decile=$((finished * 10 / total))
            echo "$finished of $total jobs; newest: $(tail -n 1 "$work/feed")"
        }
    fi
}

# undraw: goes back to where the bar began, so that what comes next replaces it
undraw() {
    [ "$drawn" -eq 0 ] || printf '\033[%dA\033[J' "$drawn"
    drawn=0
}

# ---- the kill: half way, while it holds a job ----

# held_by WORKER: the ids of its jobs
held_by() {
    muster workers --json | objects name | grep "\"name\": *\"$1\"" |
        sed 's/.*"jobs": *\[//; s/\].*//' | grep -o '[0-9a-z]\{13\}'
}

# name_of ID: its package
name_of() {
    sed -n "s/^$1 //p" "$work/names" | grep . || echo "$SCHEDULE"
}

held=
kill_worker_2() {
    # Stopped first: what it holds cannot change between looking and killing. What it had sent just
    # before counts, so the second look is the right one.
    kill -STOP "$worker_2"
    held_by worker-2 >/dev/null
    held=$(held_by worker-2)
    if [ -z "$held" ]; then
        kill -CONT "$worker_2"
        return
    fi
    kill -KILL "$worker_2"
    undraw
    echo "killed worker-2 with SIGKILL at $finished of $total jobs, while it held:"
    for id in $held; do echo "  $id ($(name_of "$id"))"; done
    wait "$worker_2" 2>/dev/null
    worker_2=
}

# ---- until all is done ----

quiet=0
while [ "$finished" -lt "$total" ]; do
    state=$(muster queues --json) || fail "the broker does not answer"
    state=$(echo "$state" | objects queue | grep "\"queue\": *\"$QUEUE\"")
    completed=$(echo "$state" | number completed) parked=$(echo "$state" | number parked)
    now=$((${completed:-0} + ${parked:-0}))
    if [ "$now" -gt "$finished" ]; then quiet=0; else quiet=$((quiet + 1)); fi
    [ "$quiet" -lt 300 ] || fail "no job has finished for a minute: $state"
    finished=$now
    show_progress
    [ -n "$held" ] || [ "$finished" -lt $((total / 2)) ] || [ "$finished" -ge "$total" ] ||
        kill_worker_2
    sleep 0.2
done
ended=$(date +%s%3N)
show_progress

# ---- what came out ----

echo
again=0
for id in $held; do
    job=$(muster show "$id" --json | tr -d '\n')
    by=$(echo "$job" | sed 's/"attempts":.*//' | sed -n 's/.*"worker": *"\([^"]*\)".*/\1/p')
    case $job in
    *'"lost"'* | *'"released"'*)
        again=$((again + 1))
        echo "$id ($(name_of "$id")) ran again on ${by:-another worker}"
        ;;
    *) echo "$id ($(name_of "$id")): its result had left worker-2 just before" ;;
    esac
done

muster schedule history "$SCHEDULE" --limit 100000 --json >"$work/ledger" ||
    fail "muster schedule history failed"
fired=$(objects nominal_time <"$work/ledger" | grep -c '"verdict": *"fired"')
[ "$fired" -gt 0 ] || fail "the schedule $SCHEDULE has not fired"
others=$(objects nominal_time <"$work/ledger" | grep -vc '"verdict": *"fired"')
echo "the schedule $SCHEDULE: $fired times fired, $others skipped or missed; the newest:"
muster schedule history "$SCHEDULE" --limit 3 | sed 's/^/  /'
echo

pages list --state completed --queue "$QUEUE" >"$work/results"
pages parked list --queue "$QUEUE" >"$work/parked"
# sum NAME
sum() {
    grep -o "\"$1\": *[0-9]*" "$work/results" | awk -F: '{ n += $2 } END { printf "%.0f", n }'
}
verified=$(wc -l <"$work/results")
grep -q "\"root\": *\"$planted\"" "$work/parked" || fail "the planted package was not found out"

echo "$verified packages verified, $(sum files) files, $(sum bytes) bytes," \
    "$(awk -v ms=$((ended - began)) 'BEGIN { printf "%.1f", ms / 1000 }') s"
echo "$again jobs run again after worker-2 was killed"
echo "$(wc -l <"$work/parked") parked"
while read -r job; do
    message=$(echo "$job" | sed -n 's/.*"error": *{[^}]*"message": *"\(\([^"\\]\|\\.\)*\)".*/\1/p')
    name=$(echo "$job" | sed -n 's/.*"package": *"\([^"]*\)".*/\1/p')
    echo "$name" >&3
    case $job in
    *"\"$planted\""*) echo "  $name: ${message#"$planted"} (planted)" ;;
    *) echo "  $name: $message" ;;
    esac
done <"$work/parked" 3>"$work/not-verified"
stripped=$(sum stripped)
echo "$(sum excluded) excluded, $(sum unreadable) not readable"
[ "$stripped" -eq 0 ] ||
    echo "$stripped files below doc, info, locale and man are stripped from this image"

program=$bin/muster
program=${program#"$top/"}
if [ -n "$keep" ]; then
    good=$(grep -Fxv -f "$work/not-verified" "$work/packages" | head -n 1)
    echo "the cluster stays until Ctrl-C; in another terminal, try:"
    echo "  $program --broker $frontend parked list"
    echo "  $program --broker $frontend submit package.verify '{\"package\": \"$good\"}'" \
        "--queue $QUEUE --wait"
    echo "  $program --broker $frontend schedule show $SCHEDULE"
    echo "  $program --broker $frontend monitor"
    trap 'exit 0' INT TERM
    wait "$broker"
    fail "the broker ended"
fi
echo "try:"
printf '  %-24s  %s\n' './run demo --keep' 'the same, and the cluster stays until Ctrl-C' \
    "$program --help" 'what else there is to say'
echo "  $program bench --jobs 100000"
