#!/bin/sh
# later.sh: puts itself off once (exit 75), then completes.
mark=$GATES/later.$MUSTER_JOB_ID
status=75
[ ! -e "$mark" ] || status=0
echo "start $MUSTER_JOB_ID $MUSTER_TOKEN $MUSTER_ATTEMPT $WORKER $$" >>"$HANDLER_LOG"
: >"$mark"
echo "end $MUSTER_JOB_ID $MUSTER_TOKEN $status $WORKER $$" >>"$HANDLER_LOG"
echo "\"$MUSTER_TOKEN\""
exit "$status"
