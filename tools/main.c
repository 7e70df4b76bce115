// pippin: the command line. `pippin <verb> …`; each verb is a file.
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "pippin/pippin.h"
#include "verbs.h"

static const verb_t* const verbs[] = {&verb_lower,   &verb_run,     &verb_info, &verb_dump,
                                      &verb_extract, &verb_compile, &verb_ops,  &verb_doctor};
#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static void print_overview(FILE* out) {
  fprintf(out, "pippin %s: PyTorch exported programs to Core ML, and Core ML on Linux\n\n",
          ppn_version());
  fprintf(out, "usage: pippin <verb> [options]\n\n");
  for (size_t i = 0; i < VERB_COUNT; ++i)
    fprintf(out, "  %-8s %s\n", verbs[i]->name, verbs[i]->summary);
  fprintf(out,
          "\n'pippin <verb> --help' tells more.\n\n"
          "exit status: 0 done; 1 failed, the reason is on standard error and no output file was "
          "written;\n"
          "             2 wrong use of the command line; 3 a comparison found a difference\n");
}

int main(int argument_count, char** arguments) {
  if (argument_count < 2) {
    print_overview(stderr);
    return EXIT_USAGE;
  }
  const char* name = arguments[1];
  if (!strcmp(name, "-h") || !strcmp(name, "--help") || !strcmp(name, "help")) {
    print_overview(stdout);
    return EXIT_DONE;
  }
  if (!strcmp(name, "--version")) {
    printf("pippin %s\n", ppn_version());
    return EXIT_DONE;
  }
  for (size_t i = 0; i < VERB_COUNT; ++i) {
    if (!strcmp(name, verbs[i]->name)) return verbs[i]->run(argument_count - 2, arguments + 2);
  }
  fprintf(stderr, "pippin: '%s' is no verb; see 'pippin --help'\n", name);
  return EXIT_USAGE;
}
