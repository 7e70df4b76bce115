// pippin lower: the main job.
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/status.h"
#include "options.h"
#include "report.h"
#include "verbs.h"

static const char* output;
static const char* compute_unit;
static const char* deployment_target;
static const char* compute_precision;
static const char* model_type;
static const char* weight_sharing;
static const char* report_path;
static text_list_t methods, skip_ops;
static bool lower_full_graph, take_over_mutable_buffer = true, take_over_constant_data = true,
                              delegate = true;

static const option_t options[] = {
    {"output", 'o', OPTION_TEXT, &output, "FILE",
     "where to write: a .pte, or a .mlpackage or .mlmodelc when the whole graph is lowered"},
    {"method", 'm', OPTION_LIST, &methods, "NAME=FILE",
     "add a method; the positional model is method 'forward'"},
    {"compute-unit", 0, OPTION_TEXT, &compute_unit, "UNIT",
     "all (default), cpu_only, cpu_and_gpu, cpu_and_ne"},
    {"minimum-deployment-target", 0, OPTION_TEXT, &deployment_target, "TARGET",
     "iOS15 … iOS18, iOS26, or the macOS release of that year;\ndefault: the smallest that the "
     "program needs"},
    {"compute-precision", 0, OPTION_TEXT, &compute_precision, "PRECISION",
     "float16 (default), float32"},
    {"model-type", 0, OPTION_TEXT, &model_type, "TYPE",
     "model (default): a package; compiled_model: compiled here, which no device has loaded yet"},
    {"weight-sharing", 0, OPTION_TEXT, &weight_sharing, "STRATEGY",
     "of several methods: positional (default; their n-th partitions are one model\nthat holds "
     "equal weights once), disabled"},
    {"skip-op", 0, OPTION_LIST, &skip_ops, "NAME",
     "leave an operator on the CPU: aten.mm.default; '*': all of them"},
    {"delegate", 0, OPTION_FLAG, &delegate, NULL,
     "delegate to Core ML (default); --no-delegate: everything on the CPU"},
    {"lower-full-graph", 0, OPTION_FLAG, &lower_full_graph, NULL,
     "fail when an operator cannot go to Core ML, and list all"},
    {"take-over-mutable-buffer", 0, OPTION_FLAG, &take_over_mutable_buffer, NULL,
     "mutated buffers become Core ML states (default);\n--no-take-over-mutable-buffer: they stay "
     "in the program"},
    {"take-over-constant-data", 0, OPTION_FLAG, &take_over_constant_data, NULL,
     "weights go into the delegate (default); --no-take-over-constant-data"},
    {"report", 0, OPTION_TEXT, &report_path, "FILE",
     "write what was delegated, and why not, as JSON"},
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

typedef struct choice {
  const char* text;
  int value;
} choice_t;

// Sets *out from one of the choices, ignoring case. Prints and returns false when it is none.
static bool choose(const char* option, const char* text, const choice_t* choices, size_t count,
                   int* out) {
  if (!text) return true;
  for (size_t i = 0; i < count; ++i) {
    const char *a = text, *b = choices[i].text;
    while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b)) ++a, ++b;
    if (!*a && !*b) {
      *out = choices[i].value;
      return true;
    }
  }
  fprintf(stderr, "pippin lower: --%s cannot be '%s'; expected", option, text);
  for (size_t i = 0; i < count; ++i) fprintf(stderr, "%s %s", i ? "," : "", choices[i].text);
  fputc('\n', stderr);
  return false;
}

static bool read_compile_options(ppn_coreml_compile_options_t* out) {
  static const choice_t units[] = {{"all", PPN_COMPUTE_UNIT_ALL},
                                   {"cpu_only", PPN_COMPUTE_UNIT_CPU_ONLY},
                                   {"cpu_and_gpu", PPN_COMPUTE_UNIT_CPU_AND_GPU},
                                   {"cpu_and_ne", PPN_COMPUTE_UNIT_CPU_AND_NE}};
  static const choice_t targets[] = {{"iOS15", 6},   {"iOS16", 7},   {"iOS17", 8},   {"iOS18", 9},
                                     {"iOS26", 10},  {"macOS12", 6}, {"macOS13", 7}, {"macOS14", 8},
                                     {"macOS15", 9}, {"macOS26", 10}};
  static const choice_t precisions[] = {{"float16", PPN_PRECISION_FLOAT16},
                                        {"float32", PPN_PRECISION_FLOAT32}};
  static const choice_t types[] = {{"model", PPN_MODEL_TYPE_MODEL},
                                   {"compiled_model", PPN_MODEL_TYPE_COMPILED_MODEL}};
  static const choice_t strategies[] = {{"positional", PPN_WEIGHT_SHARING_POSITIONAL},
                                        {"disabled", PPN_WEIGHT_SHARING_DISABLED}};
  int unit = out->compute_unit, target = out->minimum_deployment_target,
      precision = out->compute_precision, type = out->model_type, sharing = out->weight_sharing;
  if (!choose("compute-unit", compute_unit, units, 4, &unit) ||
      !choose("minimum-deployment-target", deployment_target, targets, 10, &target) ||
      !choose("compute-precision", compute_precision, precisions, 2, &precision) ||
      !choose("model-type", model_type, types, 2, &type) ||
      !choose("weight-sharing", weight_sharing, strategies, 2, &sharing)) {
    return false;
  }
  out->compute_unit = (ppn_compute_unit_t)unit;
  out->minimum_deployment_target = target;
  out->compute_precision = (ppn_compute_precision_t)precision;
  out->model_type = (ppn_model_type_t)type;
  out->weight_sharing = (ppn_weight_sharing_t)sharing;
  return true;
}

// Defaults are not written into the program, as the official partitioner without compile specs
// does.
static void leave_out_default_specs(ppn_coreml_partitioner_t* partitioner) {
  static const ppn_compile_spec_t none;
  if (compute_unit || deployment_target || compute_precision || model_type || weight_sharing)
    return;
  partitioner->compile_specs = &none;
  partitioner->compile_spec_count = 0;
}

static json_t* report_as_json(const ppn_edge_program_t* edge) {
  size_t method_count;
  const ppn_method_report_t* reports = ppn_edge_program_report(edge, &method_count);
  json_t* list = json_array();
  for (size_t i = 0; i < method_count; ++i) {
    const ppn_method_report_t* method = &reports[i];
    json_t *partitions = json_array(), *undelegated = json_array();
    for (size_t j = 0; j < method->partition_count; ++j) {
      const ppn_partition_report_t* partition = &method->partitions[j];
      json_array_append_new(
          partitions,
          json_pack("{s:s, s:I, s:I, s:i, s:I, s:b}", "name", partition->name, "nodes",
                    (json_int_t)partition->node_count, "operations",
                    (json_int_t)partition->operation_count, "specification_version",
                    partition->specification_version, "weight_bytes",
                    (json_int_t)partition->weight_size, "shared", partition->is_shared));
    }
    for (size_t j = 0; j < method->undelegated_count; ++j) {
      const ppn_undelegated_node_t* node = &method->undelegated[j];
      json_array_append_new(
          undelegated, json_pack("{s:s, s:s, s:s, s:s, s:i, s:s}", "name", node->name, "target",
                                 node->target, "reason", node->reason, "file", node->file, "line",
                                 node->line, "source", node->source));
    }
    json_array_append_new(
        list, json_pack("{s:s, s:o, s:I, s:o}", "method", method->name, "partitions", partitions,
                        "delegated_nodes", (json_int_t)method->delegated_count, "undelegated",
                        undelegated));
  }
  return list;
}

static void print_report(const ppn_edge_program_t* edge, const char* path, uint64_t size,
                         double seconds) {
  char text[32];
  size_t method_count;
  const ppn_method_report_t* reports = ppn_edge_program_report(edge, &method_count);
  printf("%s: %s, lowered in %.2f s\n", path, format_size(size, text), seconds);
  for (size_t i = 0; i < method_count; ++i) {
    const ppn_method_report_t* method = &reports[i];
    printf("  %s: %zu of %zu nodes in %zu Core ML partition%s\n", method->name,
           method->delegated_count, method->delegated_count + method->undelegated_count,
           method->partition_count, method->partition_count == 1 ? "" : "s");
    for (size_t j = 0; j < method->partition_count; ++j) {
      const ppn_partition_report_t* partition = &method->partitions[j];
      printf("    %s: %zu operations, %s %s, iOS %d or later\n", partition->name,
             partition->operation_count, partition->is_shared ? "shared weights" : "weights",
             format_size(partition->weight_size, text),
             partition->specification_version >= 10 ? partition->specification_version + 16
                                                    : partition->specification_version + 9);
    }
  }
}

static bool ends_with(const char* text, const char* suffix) {
  size_t a = strlen(text), b = strlen(suffix);
  return a > b && !strcmp(text + a - b, suffix);
}

static bool is_model_name(const char* path) {
  return ends_with(path, ".mlpackage") || ends_with(path, ".mlmodelc");
}

// Devices may be called anything.
static bool is_output_name(const char* path) {
  struct stat information;
  if (ends_with(path, ".pte") || is_model_name(path)) return true;
  return stat(path, &information) == 0 && !S_ISREG(information.st_mode) &&
         !S_ISDIR(information.st_mode);
}

// The only partition of each method, when there is nothing else.
static ppn_status_t write_package(ppn_edge_program_t* edge, uint64_t* out_size) {
  size_t count;
  const ppn_method_report_t* reports = ppn_edge_program_report(edge, &count);
  for (size_t i = 0; i < count; ++i) {
    const ppn_method_report_t* method = &reports[i];
    if (method->partition_count != 1 || method->undelegated_count != 0) {
      return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                             "a .mlpackage holds programs that are lowered whole, but %zu of %zu "
                             "nodes of '%s' stay on the CPU; write a .pte, or see with "
                             "--lower-full-graph what is in the way",
                             method->undelegated_count,
                             method->delegated_count + method->undelegated_count, method->name);
    }
    if (count > 1 && !method->partitions[0].is_shared) {
      return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                             "a .mlpackage holds several methods as functions of one model; let "
                             "them share weights (--weight-sharing positional), or write a .pte");
    }
  }
  *out_size = reports[0].partitions[0].weight_size;
  return ppn_edge_program_write_package(edge, reports[0].name, 0, output);
}

static ppn_status_t write_output(ppn_edge_program_t* edge, uint64_t* out_size) {
  if (is_model_name(output)) return write_package(edge, out_size);
  ppn_status_t status = ppn_edge_program_write(edge, output);
  return status ? status : ppn_edge_program_size(edge, out_size);
}

static ppn_status_t write_report_file(const json_t* report) {
  errno = 0;
  if (!report_path || json_dump_file(report, report_path, JSON_INDENT(2)) == 0) return NULL;
  return ppn_status_make(PPN_STATUS_IO, "cannot write the report '%s': %s", report_path,
                         errno ? strerror(errno) : "the disk is full");
}

static int lower(ppn_edge_method_source_t* sources, size_t count) {
  double start = now_seconds();
  ppn_lowering_options_t lowering = {.progress = show_progress};
  ppn_edge_program_t* edge = NULL;
  ppn_status_t status = ppn_to_edge_transform_and_lower(sources, count, &lowering, &edge);
  uint64_t size = 0;
  json_t* report = status ? NULL : report_as_json(edge);
  if (!status) status = write_report_file(report);
  if (!status) status = write_output(edge, &size);
  clear_progress();
  int result = EXIT_DONE;
  double seconds = now_seconds() - start;
  if (status) {
    result = fail(status);
  } else if (common.json) {
    json_t* all = json_pack("{s:s, s:I, s:f, s:O}", "output", output, "bytes", (json_int_t)size,
                            "seconds", seconds, "methods", report);
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
  } else if (!common.quiet) {
    print_report(edge, output, size, seconds);
  }
  json_decref(report);
  ppn_edge_program_free(edge);
  return result;
}

static int run(int argument_count, char** arguments) {
  const char* positional[1];
  size_t positional_count;
  int stop = parse_options(&verb_lower, options, OPTION_COUNT, argument_count, arguments,
                           positional, 1, &positional_count);
  if (stop >= 0) return stop;
  install_log();
  size_t count = positional_count + methods.count;
  if (count == 0 || !output) {
    fprintf(stderr, "pippin lower: expected a model and -o FILE; see 'pippin lower --help'\n");
    return EXIT_USAGE;
  }
  if (!is_output_name(output)) {
    fprintf(stderr,
            "pippin lower: -o '%s': expected a name that ends in .pte, .mlpackage or .mlmodelc\n",
            output);
    return EXIT_USAGE;
  }
  ppn_coreml_partitioner_t partitioner = ppn_coreml_partitioner_defaults();
  if (!read_compile_options(&partitioner.compile_options)) return EXIT_USAGE;
  leave_out_default_specs(&partitioner);
  partitioner.skip_ops_for_coreml_delegation = skip_ops.items;
  partitioner.skip_op_count = skip_ops.count;
  partitioner.lower_full_graph = lower_full_graph;
  partitioner.take_over_mutable_buffer = take_over_mutable_buffer;
  partitioner.take_over_constant_data = take_over_constant_data;

  ppn_edge_method_source_t* sources = calloc(count, sizeof(*sources));
  char** names = calloc(count, sizeof(*names));
  int result = EXIT_FAILED;
  size_t loaded = 0;
  for (; sources && names && loaded < count; ++loaded) {
    const char *path = positional_count ? positional[0] : NULL, *name = "forward";
    if (loaded >= positional_count) {
      const char* text = methods.items[loaded - positional_count];
      const char* equals = strchr(text, '=');
      if (!equals || equals == text) {
        fprintf(stderr, "pippin lower: --method expects NAME=FILE, not '%s'\n", text);
        result = EXIT_USAGE;
        break;
      }
      names[loaded] = strndup(text, (size_t)(equals - text));
      name = names[loaded];
      path = equals + 1;
    }
    sources[loaded].name = name;
    sources[loaded].partitioner = delegate ? &partitioner : NULL;
    ppn_status_t status = ppn_exported_program_load(path, &sources[loaded].program);
    if (status) {
      result = fail(status);
      break;
    }
  }
  if (loaded == count) result = lower(sources, count);
  for (size_t i = 0; i < count; ++i) {
    ppn_exported_program_free(sources[i].program);
    free(names[i]);
  }
  free(sources);
  free(names);
  free_text_list(&methods);
  free_text_list(&skip_ops);
  return result;
}

const verb_t verb_lower = {
    "lower", "lower a PyTorch exported program to an ExecuTorch program with Core ML delegates",
    "MODEL.pt2 -o MODEL.pte",
    "examples:\n"
    "  pippin lower model.pt2 -o model.pte\n"
    "  pippin lower model.pt2 -o model.pte --compute-precision float32 --minimum-deployment-target "
    "iOS17\n"
    "  pippin lower model.pt2 -o model.mlpackage --lower-full-graph",
    run};
