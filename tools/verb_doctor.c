// pippin doctor: what this build and this machine can do.
#include <jansson.h>
#include <stdio.h>

#include "base/cpu.h"
#include "options.h"
#include "report.h"
#include "verbs.h"

static int run(int argument_count, char** arguments) {
  size_t count;
  int stop = parse_options(&verb_doctor, NULL, 0, argument_count, arguments, NULL, 0, &count);
  if (stop >= 0) return stop;
#ifdef PPN_WITH_ONEDNN
  const char* kernels = "oneDNN";
#else
  const char* kernels = "reference";
#endif
  json_t* features = json_array();
  for (int i = 0; i < PPN_CPU_FEATURE_COUNT; ++i) {
    if (ppn_cpu_has((ppn_cpu_feature_t)i))
      json_array_append_new(features, json_string(ppn_cpu_feature_name((ppn_cpu_feature_t)i)));
  }
  json_t* all = json_pack("{s:s, s:s, s:i, s:o, s:I, s:I}", "version", ppn_version(), "kernels",
                          kernels, "processors", ppn_cpu_count(), "cpu_features", features,
                          "runtime_operators", (json_int_t)ppn_runtime_operator_count(),
                          "runtime_backends", (json_int_t)ppn_runtime_backend_count());
  if (common.json) {
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
  } else {
    printf("pippin %s, kernels: %s\n%d processors;", ppn_version(), kernels, ppn_cpu_count());
    size_t index;
    json_t* feature;
    json_array_foreach(features, index, feature) printf(" %s", json_string_value(feature));
    printf("\nruns %zu ExecuTorch operators; backends:", ppn_runtime_operator_count());
    for (size_t i = 0; i < ppn_runtime_backend_count(); ++i)
      printf(" %s", ppn_runtime_backend_name(i));
    printf("\nno Apple device: Core ML programs are executed by Pippin's own engine\n");
  }
  json_decref(all);
  return EXIT_DONE;
}

const verb_t verb_doctor = {"doctor", "tell what this build and this machine can do", "", NULL,
                            run};
