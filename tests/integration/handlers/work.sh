#!/bin/sh
# work.sh [SECONDS]: notes its start and its end, and answers its token. One line is one write, and
# the log is opened to append: lines of handlers that run at once do not mix.
echo "start $MUSTER_JOB_ID $MUSTER_TOKEN $MUSTER_ATTEMPT $WORKER $$" >>"$HANDLER_LOG"
[ -z "${1:-}" ] || sleep "$1"
echo "end $MUSTER_JOB_ID $MUSTER_TOKEN 0 $WORKER $$" >>"$HANDLER_LOG"
echo "\"$MUSTER_TOKEN\""
