#!/bin/sh
# gate.sh NAME: as work.sh, but it ends when the test opens the gate.
echo "start $MUSTER_JOB_ID $MUSTER_TOKEN $MUSTER_ATTEMPT $WORKER $$" >>"$HANDLER_LOG"
while [ ! -e "$GATES/$1" ]; do sleep 0.02; done
echo "end $MUSTER_JOB_ID $MUSTER_TOKEN 0 $WORKER $$" >>"$HANDLER_LOG"
echo "\"$MUSTER_TOKEN\""
