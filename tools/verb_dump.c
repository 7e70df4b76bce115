// pippin dump: programs as text.
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "report.h"
#include "verbs.h"

static const char* stage;

static const option_t options[] = {
    {"stage", 's', OPTION_TEXT, &stage, "STAGE",
     "of a .pt2: exported (as read; default), edge (the graph with its delegate\ncalls), mil (the "
     "ML Programs)"},
};

static bool ends_with(const char* text, const char* suffix) {
  size_t a = strlen(text), b = strlen(suffix);
  return a >= b && !strcmp(text + a - b, suffix);
}

static ppn_status_t dump_exported_program(const char* path, char** out_text) {
  ppn_exported_program_t* program = NULL;
  ppn_edge_program_t* edge = NULL;
  ppn_status_t status = ppn_exported_program_load(path, &program);
  if (!status && (!stage || !strcmp(stage, "exported"))) {
    status = ppn_exported_program_dump(program, out_text);
  } else if (!status) {
    ppn_coreml_partitioner_t partitioner = ppn_coreml_partitioner_defaults();
    ppn_edge_method_source_t source = {
        .name = "forward", .program = program, .partitioner = &partitioner};
    status = ppn_to_edge_transform_and_lower(&source, 1, NULL, &edge);
    if (!status) status = ppn_edge_program_dump(edge, stage, out_text);
  }
  ppn_edge_program_free(edge);
  ppn_exported_program_free(program);
  return status;
}

static ppn_status_t dump_model(const char* path, char** out_text) {
  ppn_model_t* model = NULL;
  ppn_status_t status = ppn_model_open(path, &model);
  if (!status) status = ppn_model_dump(model, out_text);
  ppn_model_free(model);
  return status;
}

static int run(int argument_count, char** arguments) {
  const char* path;
  size_t count;
  int stop = parse_options(&verb_dump, options, 1, argument_count, arguments, &path, 1, &count);
  if (stop >= 0) return stop;
  install_log();
  if (count != 1) {
    fprintf(stderr, "pippin dump: expected one FILE; see 'pippin dump --help'\n");
    return EXIT_USAGE;
  }
  char* text = NULL;
  ppn_status_t status = ends_with(path, ".pt2")   ? dump_exported_program(path, &text)
                        : ends_with(path, ".pte") ? ppn_program_dump(path, &text)
                                                  : dump_model(path, &text);
  if (status) return fail(status);
  fputs(text, stdout);
  ppn_text_free(text);
  return EXIT_DONE;
}

const verb_t verb_dump = {
    "dump", "print a program as text: the graph of a .pt2, the instructions of a .pte, MIL", "FILE",
    NULL, run};
