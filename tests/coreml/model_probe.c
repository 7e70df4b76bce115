// Opens each Core ML model that is named on standard input, one path a line, and writes one line
// for each: "ok", or what is wrong. With the argument "print" the programs' text follows.
#include <stdio.h>
#include <string.h>

#include "coreml/model.h"

static void answer(const char* path, bool print) {
  ppn_coreml_model_t* model = NULL;
  ppn_status_t status = ppn_coreml_model_open(path, &model);
  if (!status) status = ppn_mil_program_verify(model->program);
  if (status) {
    printf("%s\n", ppn_status_message(status));
    ppn_status_consume(status);
  } else {
    printf("ok\n");
  }
  if (print && model) {
    ppn_buffer_t text = {0};
    ppn_mil_program_print(model->program, 16, &text);
    printf("%s", ppn_buffer_text(&text));
    ppn_buffer_release(&text);
  }
  if (model) ppn_coreml_model_free(model);
}

int main(int count, char** arguments) {
  char path[4096];
  bool print = count > 1 && strcmp(arguments[1], "print") == 0;
  while (fgets(path, sizeof path, stdin)) {
    path[strcspn(path, "\n")] = '\0';
    answer(path, print);
    fflush(stdout);
  }
  return 0;
}
