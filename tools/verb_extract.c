// pippin extract: Core ML packages out of a `.pte`.
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "report.h"
#include "verbs.h"

static const char* folder = ".";

static const option_t options[] = {
    {"output", 'o', OPTION_TEXT, &folder, "FOLDER", "where to write them; default: here"},
};

static void print_json(const char* paths) {
  json_t* list = json_array();
  for (const char* line = paths; *line;) {
    size_t size = strcspn(line, "\n");
    json_array_append_new(list, json_stringn(line, size));
    line += size + (line[size] == '\n');
  }
  json_dumpf(list, stdout, JSON_INDENT(2));
  putchar('\n');
  json_decref(list);
}

static int run(int argument_count, char** arguments) {
  const char* path;
  size_t count;
  int stop = parse_options(&verb_extract, options, 1, argument_count, arguments, &path, 1, &count);
  if (stop >= 0) return stop;
  install_log();
  if (count != 1) {
    fprintf(stderr, "pippin extract: expected one FILE; see 'pippin extract --help'\n");
    return EXIT_USAGE;
  }
  char* paths = NULL;
  ppn_status_t status = ppn_program_extract(path, folder, &paths);
  if (status) return fail(status);
  if (common.json) {
    print_json(paths);
  } else if (!common.quiet) {
    fputs(paths, stdout);
  }
  ppn_text_free(paths);
  return EXIT_DONE;
}

const verb_t verb_extract = {"extract", "write the Core ML packages inside a .pte as folders",
                             "MODEL.pte -o FOLDER",
                             "Packages are named after their method: forward.mlpackage.", run};
