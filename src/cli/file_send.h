/*
 * Sending an open file as the answer to a request.
 */
#ifndef LEND_CLI_FILE_SEND_H
#define LEND_CLI_FILE_SEND_H

#include <lend/http.h>

struct stat;

/*
 * Answer with a file, a part of it, or that the client has it already.
 *
 * @fd    regular; stays open
 * @type  its content type
 */
void file_send(struct lend_http_request *request,
	       struct lend_http_response *response, int fd,
	       const struct stat *stat, const char *type) LEND_AWAITS;

#endif
