/*
 * Everything: the umbrella of the public headers.
 */
#ifndef LEND_LEND_H
#define LEND_LEND_H

#include <lend/actor.h>
#include <lend/base.h>
#include <lend/blocking.h>
#include <lend/claim.h>
#include <lend/clock.h>
#include <lend/dir.h>
#include <lend/feature.h>
#include <lend/file.h>
#include <lend/http.h>
#include <lend/io.h>
#include <lend/log.h>
#include <lend/mailbox.h>
#include <lend/net.h>
#include <lend/opcode.h>
#include <lend/pending.h>
#include <lend/process.h>
#include <lend/report.h>
#include <lend/ring.h>
#include <lend/runtime.h>
#include <lend/scope.h>
#include <lend/socket.h>
#include <lend/series.h>
#include <lend/signal.h>
#include <lend/stats.h>
#include <lend/timer.h>
#include <lend/trace.h>
#include <lend/wait.h>

#endif
