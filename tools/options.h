// Command-line options: one table per verb, parsed, checked and printed as help from the same rows.
#ifndef PIPPIN_TOOLS_OPTIONS_H_
#define PIPPIN_TOOLS_OPTIONS_H_

#include <stdbool.h>
#include <stddef.h>

typedef enum option_kind {
  OPTION_FLAG,     // bool; "--no-x" sets false
  OPTION_TEXT,     // const char*
  OPTION_LIST,     // text_list_t: may be given several times
  OPTION_INTEGER,  // long
  OPTION_NUMBER,   // double
} option_kind_t;

typedef struct text_list {
  const char** items;
  size_t count;
} text_list_t;

typedef struct option {
  const char* name;  // "compute-unit"
  char letter;       // 'o', or 0
  option_kind_t kind;
  void* target;            // by kind
  const char* value_name;  // "FILE"; NULL for flags
  const char* help;
} option_t;

typedef struct verb {
  const char* name;
  const char* summary;    // one line
  const char* arguments;  // "MODEL.pt2 -o MODEL.pte"
  const char* details;    // paragraphs after the options; may be NULL
  int (*run)(int argument_count, char** arguments);
} verb_t;

// Options that every verb has.
typedef struct common_options {
  bool quiet, verbose, json;
} common_options_t;
extern common_options_t common;

// Parses `arguments` (without program and verb name). Positional arguments go to `positional` (at
// most `capacity`), their number to *out_count. Returns -1 to go on, or the exit status to stop
// with (help: 0; a wrong option: 2, told on stderr).
int parse_options(const verb_t* verb, const option_t* options, size_t option_count,
                  int argument_count, char** arguments, const char** positional, size_t capacity,
                  size_t* out_count);
void free_text_list(text_list_t* list);
void print_help(const verb_t* verb, const option_t* options, size_t option_count);

// Exit statuses, documented in `pippin --help`.
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_DIFFERENT = 3 };

#endif  // PIPPIN_TOOLS_OPTIONS_H_
