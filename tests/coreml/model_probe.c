// Opens each Core ML model that is named on standard input, one path a line, and writes one line
// for each: "ok", or what is wrong. With the argument "print" the programs' text follows. With
// "compile" each model is compiled as well, beside its package; the program read back must be
// equal.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coreml/compiled.h"
#include "mil/text.h"

static int compare_names(const void* a, const void* b) {
  return strcmp((*(ppn_mil_value_t* const*)a)->name, (*(ppn_mil_value_t* const*)b)->name);
}

// Everything, all elements included. Compiled models have their inputs in the order of names.
static void print_whole(ppn_mil_program_t* program, ppn_buffer_t* out) {
  for (uint32_t i = 0; i < program->function_count; ++i) {
    ppn_mil_function_t* function = program->functions[i];
    if (function->input_count < 2) continue;
    qsort(function->inputs, function->input_count, sizeof(*function->inputs), compare_names);
  }
  ppn_mil_program_print(program, -1, out);
}

static ppn_status_t compare(ppn_coreml_model_t* model, ppn_coreml_model_t* compiled) {
  ppn_buffer_t expected = {0}, found = {0};
  print_whole(model->program, &expected);
  print_whole(compiled->program, &found);
  bool equal = strcmp(ppn_buffer_text(&expected), ppn_buffer_text(&found)) == 0;
  ppn_buffer_release(&expected);
  ppn_buffer_release(&found);
  if (equal) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INTERNAL, "the compiled program differs");
}

// The text of the message that the text says is the text again.
static ppn_status_t check_text(const ppn_coreml_model_t* model, const char* folder) {
  char path[4200];
  ppn_file_map_t map;
  ppn_buffer_t message = {0}, again = {0};
  ppn_mil_text_options_t options = {.specification_version = model->specification_version};
  snprintf(path, sizeof(path), "%s/" PPN_COMPILED_PROGRAM, folder);
  PPN_RETURN_IF_ERROR(ppn_file_map_open(path, &map));
  ppn_status_t status = ppn_mil_text_to_proto(map.bytes, &message);
  if (!status) {
    status = ppn_mil_text_from_proto(ppn_span_make(message.data, message.size), &options, &again);
  }
  if (!status && (again.size != map.bytes.size || memcmp(again.data, map.bytes.data, again.size))) {
    status = ppn_status_make(PPN_STATUS_INTERNAL, "the text of the text's message differs");
  }
  ppn_file_map_close(&map);
  ppn_buffer_release(&message);
  ppn_buffer_release(&again);
  return status;
}

static ppn_status_t compile(ppn_coreml_model_t* model, const char* path) {
  char folder[4100];
  ppn_coreml_model_t* compiled = NULL;
  const char* dot = strrchr(path, '.');
  snprintf(folder, sizeof(folder), "%.*s.mlmodelc", dot ? (int)(dot - path) : 4000, path);
  PPN_RETURN_IF_ERROR(ppn_coreml_compile(model, folder));
  PPN_RETURN_IF_ERROR(check_text(model, folder));
  PPN_RETURN_IF_ERROR(ppn_coreml_model_open(folder, &compiled));
  ppn_status_t status = compare(model, compiled);
  ppn_coreml_model_free(compiled);
  return status;
}

static void answer(const char* path, const char* mode) {
  ppn_coreml_model_t* model = NULL;
  ppn_status_t status = ppn_coreml_model_open(path, &model);
  if (!status) status = ppn_mil_program_verify(model->program);
  if (!status && strcmp(mode, "compile") == 0) status = compile(model, path);
  if (status) {
    printf("%s\n", ppn_status_message(status));
    ppn_status_consume(status);
  } else {
    printf("ok\n");
  }
  if (strcmp(mode, "print") == 0 && model) {
    ppn_buffer_t text = {0};
    ppn_mil_program_print(model->program, 16, &text);
    printf("%s", ppn_buffer_text(&text));
    ppn_buffer_release(&text);
  }
  if (model) ppn_coreml_model_free(model);
}

int main(int count, char** arguments) {
  char path[4096];
  while (fgets(path, sizeof path, stdin)) {
    path[strcspn(path, "\n")] = '\0';
    answer(path, count > 1 ? arguments[1] : "");
    fflush(stdout);
  }
  return 0;
}
