// The verbs of the command line, one file each.
#ifndef PIPPIN_TOOLS_VERBS_H_
#define PIPPIN_TOOLS_VERBS_H_

#include "options.h"

extern const verb_t verb_lower, verb_run, verb_info, verb_dump, verb_extract, verb_compile,
    verb_doctor, verb_ops;

#endif  // PIPPIN_TOOLS_VERBS_H_
