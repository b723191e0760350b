/*
 * Files of a folder, by HTTP.
 */
#ifndef LEND_CLI_FILES_H
#define LEND_CLI_FILES_H

#include <lend/http.h>
#include <stdbool.h>

struct files {
	int root_fd;
	bool allow_links; /* those that leave the root, too */
};

/* Open the root. What failed is said. */
bool files_open(struct files *files, const char *root, bool allow_links);
void files_close(struct files *files);

/* The handler for GET of "/"; the argument is a struct files. */
void files_handle(struct lend_http_request *request,
		  struct lend_http_response *response, void *arg) LEND_AWAITS;

#endif
