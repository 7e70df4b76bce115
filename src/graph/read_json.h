// JSON as torch writes it. Private to the graph layer.
#ifndef PPN_GRAPH_READ_JSON_H_
#define PPN_GRAPH_READ_JSON_H_

#include <jansson.h>

#include "base/span.h"
#include "base/status.h"

// Parses; the caller releases *out_json. `name` names the text in errors. Torch's two liberties are
// read: the bare numbers Infinity, -Infinity and NaN (up to 2.6; here the same words as texts), and
// halves of surrogate pairs in texts (file names that are no UTF-8; here U+FFFD). Errors:
// INVALID_DATA with the offset.
ppn_status_t ppn_read_json(ppn_span_t text, const char* name, json_t** out_json) PPN_MUST_USE;

#endif  // PPN_GRAPH_READ_JSON_H_
