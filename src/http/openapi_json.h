/* api/openapi.yaml as JSON, put into the program when it is built (api/embed.py). */
#ifndef HTTP_OPENAPI_JSON_H
#define HTTP_OPENAPI_JSON_H

#include <stddef.h>

extern const char openapi_json[];
extern const size_t openapi_json_len;

#endif
