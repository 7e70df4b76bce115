// pippin compile: a Core ML package as a compiled model.
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "pippin/model.h"
#include "report.h"
#include "verbs.h"

static const char* output;

static const option_t options[] = {
    {"output", 'o', OPTION_TEXT, &output, "FOLDER",
     "the compiled model; its name ends in .mlmodelc"},
};

static bool is_compiled_name(const char* path) {
  static const char extension[] = ".mlmodelc";
  size_t size = strlen(path), extension_size = strlen(extension);
  while (size > 1 && path[size - 1] == '/') --size;
  return size > extension_size && !strncmp(path + size - extension_size, extension, extension_size);
}

static int run(int argument_count, char** arguments) {
  const char* path;
  size_t count;
  int stop = parse_options(&verb_compile, options, 1, argument_count, arguments, &path, 1, &count);
  if (stop >= 0) return stop;
  install_log();
  if (count != 1 || !output) {
    fprintf(stderr,
            "pippin compile: expected a package and -o FOLDER; see 'pippin compile --help'\n");
    return EXIT_USAGE;
  }
  if (!is_compiled_name(output)) {
    fprintf(stderr, "pippin compile: -o '%s': expected a name that ends in .mlmodelc\n", output);
    return EXIT_USAGE;
  }
  ppn_model_t* model = NULL;
  ppn_status_t status = ppn_model_open(path, &model);
  if (!status) status = ppn_model_compile(model, output);
  ppn_model_free(model);
  return status ? fail(status) : EXIT_DONE;
}

const verb_t verb_compile = {"compile", "write a Core ML package as a compiled model",
                             "MODEL.mlpackage -o MODEL.mlmodelc",
                             "The folder has the form of published compiled models; no Apple "
                             "device has loaded one that was\n"
                             "made here. Devices compile packages themselves when they load them.",
                             run};
