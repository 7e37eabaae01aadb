#!/bin/sh
# package.audit: submits a package.verify for each installed package that dpkg has checksums for.
# A schedule runs it (schedules.yaml), or somebody: muster submit package.audit --queue audit --wait
#
#   args     none are needed; those of the jobs are {"package": NAME, "root": "/"}
#   result   {"submitted": 884, "duplicates": 0, "refused": 0}
#
# Each job's idempotency key has the schedule's name and nominal time, the same in each attempt: one
# that comes after one that died half way submits what that one had not.
set -u
run=${MUSTER_NOMINAL_TIME:+$MUSTER_SCHEDULE@$MUSTER_NOMINAL_TIME}
run=${run:-$MUSTER_JOB_ID}
info=${DPKG_ADMINDIR:-/var/lib/dpkg}/info

installed=$(dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n') || exit 1

# The status is muster's: without a broker, for instance, this attempt has failed.
printf '%s\n' "$installed" | sed -n 's/^installed //p' |
    while read -r package; do
        [ -e "$info/$package.md5sums" ] || [ -e "$info/${package%:*}.md5sums" ] || continue
        printf '{"args": {"package": "%s", "root": "/"}, "idempotency_key": "%s"}\n' \
            "$package" "$run/$package"
    done |
    muster --json submit package.verify --queue audit --max-attempts 3 --backoff fixed:1m --file -
