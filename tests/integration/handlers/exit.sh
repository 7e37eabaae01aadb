#!/bin/sh
# exit.sh STATUS [FROM]: fails with STATUS, from attempt FROM on it completes.
status=$1
[ "$MUSTER_ATTEMPT" -lt "${2:-1000000}" ] || status=0
echo "start $MUSTER_JOB_ID $MUSTER_TOKEN $MUSTER_ATTEMPT $WORKER $$" >>"$HANDLER_LOG"
echo "first words on stderr, attempt $MUSTER_ATTEMPT" >&2
echo "exits with $status" >&2
echo "end $MUSTER_JOB_ID $MUSTER_TOKEN $status $WORKER $$" >>"$HANDLER_LOG"
echo "\"$MUSTER_TOKEN\""
exit "$status"
