/*
 * What kind of content a file has, by its name.
 */
#ifndef LEND_CLI_MIME_H
#define LEND_CLI_MIME_H

/* The value for Content-Type. Texts are said to be UTF-8; what is not known is
 * application/octet-stream. */
const char *mime_of(const char *name);

#endif
