/*
 * What --help prints. Below 80 columns; tests/cli/test_options.py sees to that,
 * and that every option is there.
 */
#include "help.h"

#define HELP_RUNTIME                                                              \
	"  --mode MODE           how rings and workers are coupled: borrowed,\n"  \
	"                        private or shared [borrowed]\n"                  \
	"  --workers N           threads that run actors, 1 to 256\n"             \
	"                        [one for each allowed CPU]\n"                    \
	"  --rings N             io_uring instances, 1 to 256 [as many as\n"      \
	"                        workers; in private mode no other number]\n"     \
	"  --depth N             submission entries of a ring, 1 to 32768,\n"     \
	"                        rounded up to a power of two [256]\n"            \
	"  --sqpoll[=MS]         a kernel thread for each ring submits, and\n"    \
	"                        sleeps after MS milliseconds without work, 1\n"  \
	"                        to 60000 [off; 10 if MS is left out]\n"          \
	"  --without FEATURE[,FEATURE...]\n"                                      \
	"                        do as if the kernel lacked some of\n"            \
	"                        defer_taskrun, coop_taskrun, submit_all,\n"      \
	"                        buffer_rings, multishot, poll_first,\n"          \
	"                        membarrier, recv_credit, recv_bundle,\n"         \
	"                        late_opcodes, sqpoll, inc_buffers\n"             \
	"  --flush-actors N      submit after N actors have run, 1 to 32768\n"    \
	"                        [when nothing else is to be done, at the\n"      \
	"                        latest after two rounds]\n"                      \
	"  --flush-sqes N        submit when N operations wait, 1 to 32768;\n"    \
	"                        1: at once\n"                                    \
	"  --kick-signal         interrupt stuck workers by SIGURG: in private\n" \
	"                        mode the only way to their operations\n"         \
	"  --shared-buffers      connections that received little share a\n"      \
	"                        buffer, which each has for itself otherwise\n"

#define HELP_LIMITS                                                               \
	"  --max-connections N   more wait in the kernel's queue [65536]\n"       \
	"  --drain-timeout SECONDS\n"                                             \
	"                        after SIGTERM or SIGINT: how long to wait for\n" \
	"                        what is in flight, 0 to 86400 [10]\n"

#define HELP_TRACE                                                                  \
	"  --trace FILE          record who holds which ring, stalls, waits ...;\n" \
	"                        write it to FILE at the end and on SIGUSR2, for\n" \
	"                        `lend trace`\n"                                    \
	"  --trace-events N      how much to keep: the latest N of each worker,\n"  \
	"                        1 to 1048576, 64 bytes each [65536]\n"

#define HELP_LOG                                                                \
	"  --log LEVEL           messages on standard error: error, warning,\n" \
	"                        info or debug [warning]\n"                     \
	"  --help                print this\n"

#define HELP_STATUS                                                                \
	"\n"                                                                       \
	"SIGTERM and SIGINT stop accepting, let what is in flight finish and\n"    \
	"end the program; a second one ends it at once.\n"                         \
	"\n"                                                                       \
	"Exit status: 0 after a signal, 2 if an option or what it names can not\n" \
	"be used, 3 if io_uring can not be used, 1 for any other failure.\n"

const char help_general[] =
	"usage: lend COMMAND [OPTION...]\n"
	"\n"
	"Servers on borrowed io_uring instances.\n"
	"\n"
	"  lend serve       an HTTP/1.1 server: files, demo routes, counters\n"
	"  lend echo        a TCP service that sends back what it receives\n"
	"  lend trace       shows what --trace recorded, as a timeline\n"
	"  lend help [COMMAND]\n"
	"                   print this, or a command's options\n"
	"  lend --version   print version and licence\n"
	"\n"
	"examples:\n"
	"  lend serve                      a page that shows the server at work\n"
	"  lend serve --root public        the files of a folder\n"
	"  lend serve --demo --mode shared --workers 4 --rings 1\n"
	"\n"
	"`lend help serve`, `lend help echo` and `lend help trace` list the options.\n";

const char help_trace[] =
	"usage: lend trace [OPTION...] FILE\n"
	"\n"
	"Show a run that `lend serve --trace FILE` recorded: who held which ring\n"
	"when, what was recalled and seized, which worker was stuck because of\n"
	"whom, who waited. [In brackets: the default.]\n"
	"\n"
	"  --format chrome       JSON for chrome://tracing and ui.perfetto.dev\n"
	"  --format svg          a picture\n"
	"  --format text         an event a line [by the name of the output: .json,\n"
	"                        .svg; otherwise text]\n"
	"  --from MS, --to MS    only what is between, in milliseconds since the\n"
	"                        start of the runtime [everything; of a picture\n"
	"                        the longest stall, or else the last 100 ms]\n"
	"  --output FILE         write to FILE [standard output]\n"
	"  --help                print this\n"
	"\n"
	"Exit status: 0, 2 if an option or the file can not be used, 1 for any\n"
	"other failure.\n"
	"\n"
	"examples:\n"
	"  lend serve --demo --trace run.trace\n"
	"  lend trace run.trace --output run.svg\n"
	"  lend trace run.trace --from 1200 --to 1300 | less\n";

static const char help_serve[] =
	"usage: lend serve [OPTION...]\n"
	"\n"
	"Serve HTTP/1.1. Without --root, / is a built-in page that shows what the\n"
	"server does. [In brackets: the default.]\n"
	"\n"
	"  --listen ADDRESS      ADDR:PORT, [ADDR6]:PORT or unix:PATH; port 0 takes\n"
	"                        a free one; can be given several times\n"
	"                        [127.0.0.1:8080]\n"
	"  --root DIR            serve the files of this folder\n"
	"  --allow-links         follow symbolic links that lead out of the root,\n"
	"                        and absolute ones; otherwise they are refused\n"
	"  --demo                add /plaintext, /json, /echo (POST), /sleep?ms=N,\n"
	"                        /spin?us=N and /stats\n"
	"  --admin ADDRESS       serve /stats (JSON), /healthz and, with --trace or\n"
	"                        --trace-events, /trace there, and let it be grown\n"
	"                        and shrunk: POST /workers?count=N, /rings\n"
	"  --access-log FILE     a line for each response, appended to FILE; - is\n"
	"                        standard output\n" HELP_RUNTIME HELP_LIMITS
		HELP_TRACE HELP_LOG "\n"
	"Of names that begin with a dot only /.well-known/ is served. A folder is\n"
	"answered by its index.html; it is never listed.\n" HELP_STATUS "\n"
	"examples:\n"
	"  lend serve --root public --listen 0.0.0.0:80 --access-log -\n"
	"  lend serve --demo --admin 127.0.0.1:9090 --workers 4 --rings 2\n"
	"  lend serve --root public --listen '[::1]:8080' --listen unix:/tmp/web\n";

static const char help_echo[] =
	"usage: lend echo [OPTION...]\n"
	"\n"
	"Send back what is received, on TCP or unix stream connections. [In\n"
	"brackets: the default.]\n"
	"\n"
	"  --listen ADDRESS      ADDR:PORT, [ADDR6]:PORT or unix:PATH; port 0 takes\n"
	"                        a free one; can be given several times\n"
	"                        [127.0.0.1:7007]\n"
	"  --admin ADDRESS       serve /stats (JSON), /healthz and, with --trace or\n"
	"                        --trace-events, /trace there, by HTTP, and POST\n"
	"                        /workers?count=N, /rings\n" HELP_RUNTIME
		HELP_LIMITS HELP_TRACE HELP_LOG HELP_STATUS "\n"
	"example:\n"
	"  lend echo --listen 127.0.0.1:7007 --mode private --workers 2\n";

const char *help_of(enum service service)
{
	return service == SERVICE_ECHO ? help_echo : help_serve;
}
