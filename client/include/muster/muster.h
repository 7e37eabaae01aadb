/* muster/muster.h: the whole C API of muster. */
#ifndef MUSTER_MUSTER_H
#define MUSTER_MUSTER_H

#include <muster/client.h>
#include <muster/worker.h>

#endif
