// pippin run: executes a method or function once or many times, saves or compares its outputs.
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/status.h"
#include "options.h"
#include "report.h"
#include "runnable.h"
#include "tensor/tensor.h"
#include "tensor_file.h"
#include "verbs.h"

static const char *method, *output_folder, *numerics;
static text_list_t inputs, expected;
static double relative_tolerance = 1e-3, absolute_tolerance = 1e-5;
static long repeat = 1, threads;

static const option_t options[] = {
    {"method", 'm', OPTION_TEXT, &method, "NAME",
     "the method or function to run; default: forward, or the only one"},
    {"input", 'i', OPTION_LIST, &inputs, "[NAME=]SOURCE",
     "an input, by name or position, or in order: @FILE.npy, @IMAGE.png,\nrand, zeros, ones; "
     "inputs not given are rand"},
    {"output", 'o', OPTION_TEXT, &output_folder, "FOLDER", "save the outputs there as NAME.npy"},
    {"expect", 0, OPTION_LIST, &expected, "[NAME=]@FILE.npy",
     "compare an output; exit status 3 when one differs"},
    {"rtol", 0, OPTION_NUMBER, &relative_tolerance, "X",
     "allowed difference relative to the largest expected magnitude (1e-3)"},
    {"atol", 0, OPTION_NUMBER, &absolute_tolerance, "X",
     "allowed absolute difference, added to it (1e-5)"},
    {"numerics", 0, OPTION_TEXT, &numerics, "KIND",
     "device: fp16 rounds and overflows (default); fast: fp16 programs in fp32"},
    {"threads", 't', OPTION_INTEGER, &threads, "N", "threads; 0: one per processor (default)"},
    {"repeat", 'n', OPTION_INTEGER, &repeat, "N",
     "run N times after one warm-up and print the median time"},
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

// Position of an item "[NAME=]SOURCE": by name, by number, or `order` when it has none. SIZE_MAX
// when there is no such port.
static size_t find_port(const runnable_t* runnable, const char* item, size_t order, bool input,
                        const char** out_source) {
  const char* equals = item[0] == '@' ? NULL : strchr(item, '=');
  size_t count = input ? runnable_input_count(runnable) : runnable_output_count(runnable);
  *out_source = equals ? equals + 1 : item;
  if (!equals) return order < count ? order : SIZE_MAX;
  for (size_t i = 0; i < count; ++i) {
    runnable_port_t port = input ? runnable_input(runnable, i) : runnable_output(runnable, i);
    if (strlen(port.name) == (size_t)(equals - item) &&
        !strncmp(port.name, item, (size_t)(equals - item)))
      return i;
  }
  char* end;
  unsigned long index = strtoul(item, &end, 10);
  return end == equals && index < count ? index : SIZE_MAX;
}

static ppn_status_t no_port(const char* kind, const char* item, size_t count) {
  return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                         "there is no %s for '%s': the program has %zu; see 'pippin info'", kind,
                         item, count);
}

static ppn_status_t load_inputs(const runnable_t* runnable, loaded_tensor_t* loaded) {
  size_t count = runnable_input_count(runnable);
  for (size_t i = 0; i < inputs.count; ++i) {
    const char* source;
    size_t index = find_port(runnable, inputs.items[i], i, true, &source);
    if (index == SIZE_MAX) return no_port("input", inputs.items[i], count);
    runnable_port_t port = runnable_input(runnable, index);
    release_tensor(&loaded[index]);
    PPN_RETURN_IF_ERROR_ANNOTATED(load_tensor(source, &port.type, &loaded[index]), "input %s",
                                  port.name);
  }
  for (size_t i = 0; i < count; ++i) {
    runnable_port_t port = runnable_input(runnable, i);
    if (port.is_tensor && !loaded[i].tensor.data && !loaded[i].owned) {
      PPN_RETURN_IF_ERROR_ANNOTATED(load_tensor("rand", &port.type, &loaded[i]), "input %s",
                                    port.name);
    }
  }
  return ppn_status_ok();
}

typedef struct difference {
  double largest, scale, allowed;  // largest |actual - expected|; largest |expected|
  bool top1_equal, differs;
} difference_t;

// Both as contiguous float64 arrays of their own; the caller frees them.
static double* as_doubles(const ppn_tensor_t* tensor) {
  double* values = malloc((size_t)(ppn_tensor_numel(tensor) + 1) * sizeof(*values));
  if (!values) return NULL;
  ppn_tensor_t target = ppn_tensor_make(values, PPN_DTYPE_FLOAT64, tensor->rank, tensor->sizes);
  ppn_tensor_copy(tensor, &target);
  return values;
}

static ppn_status_t compare(const ppn_tensor_t* actual, const ppn_tensor_t* reference,
                            difference_t* out) {
  if (ppn_tensor_numel(actual) != ppn_tensor_numel(reference)) {
    return ppn_status_make(PPN_STATUS_MISMATCH, "%lld elements, expected %lld",
                           (long long)ppn_tensor_numel(actual),
                           (long long)ppn_tensor_numel(reference));
  }
  double *a = as_doubles(actual), *b = as_doubles(reference);
  if (!a || !b) {
    free(a);
    free(b);
    return ppn_out_of_memory();
  }
  memset(out, 0, sizeof(*out));
  int64_t count = ppn_tensor_numel(actual), best_a = 0, best_b = 0;
  for (int64_t i = 0; i < count; ++i) {
    double gap = a[i] == b[i] || (isnan(a[i]) && isnan(b[i])) ? 0 : fabs(a[i] - b[i]);
    if (!(gap <= out->largest)) out->largest = gap;  // keeps a NaN
    if (isfinite(b[i]) && fabs(b[i]) > out->scale) out->scale = fabs(b[i]);
    if (a[i] > a[best_a]) best_a = i;
    if (b[i] > b[best_b]) best_b = i;
  }
  out->allowed = absolute_tolerance + relative_tolerance * out->scale;
  out->top1_equal = best_a == best_b;
  out->differs = !(out->largest <= out->allowed);
  free(a);
  free(b);
  return ppn_status_ok();
}

static ppn_status_t compare_outputs(runnable_t* runnable, json_t* report, bool* out_differs) {
  for (size_t i = 0; i < expected.count; ++i) {
    const char* source;
    size_t index = find_port(runnable, expected.items[i], i, false, &source);
    if (index == SIZE_MAX)
      return no_port("output", expected.items[i], runnable_output_count(runnable));
    runnable_port_t port = runnable_output(runnable, index);
    ppn_tensor_t actual;
    PPN_RETURN_IF_ERROR(runnable_get_output(runnable, index, &actual));
    loaded_tensor_t reference;
    PPN_RETURN_IF_ERROR(load_tensor(source, &port.type, &reference));
    difference_t difference = {0};
    ppn_status_t status = compare(&actual, &reference.tensor, &difference);
    release_tensor(&reference);
    PPN_RETURN_IF_ERROR_ANNOTATED(status, "output %s", port.name);
    *out_differs |= difference.differs;
    json_array_append_new(
        report,
        json_pack("{s:s, s:f, s:f, s:f, s:b, s:b}", "output", port.name, "largest_difference",
                  isfinite(difference.largest) ? difference.largest : 1e308, "scale",
                  difference.scale, "allowed", difference.allowed, "top1_equal",
                  difference.top1_equal, "equal", !difference.differs));
    if (!common.json && (!common.quiet || difference.differs)) {
      printf(
          "output %s %s: largest difference %.3g, %.3g of the scale %.3g (allowed %.3g); top-1 "
          "%s\n",
          port.name, difference.differs ? "DIFFERS" : "equal", difference.largest,
          difference.scale > 0 ? difference.largest / difference.scale : difference.largest,
          difference.scale, difference.allowed, difference.top1_equal ? "equal" : "differs");
    }
  }
  return ppn_status_ok();
}

static ppn_status_t save_outputs(runnable_t* runnable) {
  mkdir(output_folder,
        0777);  // fails when it exists, which is fine; writing tells when it is no folder
  for (size_t i = 0; i < runnable_output_count(runnable); ++i) {
    ppn_tensor_t tensor;
    PPN_RETURN_IF_ERROR(runnable_get_output(runnable, i, &tensor));
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s.npy", output_folder, runnable_output(runnable, i).name);
    PPN_RETURN_IF_ERROR(save_tensor(&tensor, path));
  }
  return ppn_status_ok();
}

#define SHOWN_CLASSES 5

static void print_class(const ppn_model_feature_t* feature, size_t index) {
  if (feature->labels) {
    printf(" %s", feature->labels[index]);
  } else {
    printf(" %lld", (long long)feature->label_numbers[index]);
  }
}

// What a classifier gives: the label, and the most probable classes. False for other outputs.
static bool print_classes(const ppn_model_feature_t* feature, const ppn_tensor_t* tensor) {
  if (!feature || feature->label_count == 0) return false;
  if (feature->kind == PPN_FEATURE_STRING) {
    int64_t index = *(const int64_t*)tensor->data;
    printf("output %s: %s\n", feature->name, feature->labels[index]);
    return true;
  }
  if (feature->kind != PPN_FEATURE_DICTIONARY) return false;
  printf("output %s:", feature->name);
  const double* values = tensor->data;
  double limit = INFINITY;
  size_t limit_index = 0;
  for (size_t shown = 0; shown < SHOWN_CLASSES && shown < feature->label_count; ++shown) {
    size_t best = feature->label_count;
    for (size_t i = 0; i < feature->label_count; ++i) {
      bool is_next = values[i] < limit || (values[i] == limit && i > limit_index);
      if (is_next && (best == feature->label_count || values[i] > values[best])) best = i;
    }
    if (best == feature->label_count) break;  // what is left is not a number
    printf("%s", shown ? "," : "");
    print_class(feature, best);
    printf(" %.6g", values[best]);
    limit = values[best];
    limit_index = best;
  }
  printf("\n");
  return true;
}

static void print_outputs(runnable_t* runnable) {
  for (size_t i = 0; i < runnable_output_count(runnable); ++i) {
    ppn_tensor_t tensor;
    if (ppn_status_consume(runnable_get_output(runnable, i, &tensor))) continue;
    if (print_classes(runnable_output_feature(runnable, i), &tensor)) continue;
    printf("output %s: %s[", runnable_output(runnable, i).name, ppn_dtype_name(tensor.dtype));
    for (int d = 0; d < tensor.rank; ++d)
      printf("%s%lld", d ? ", " : "", (long long)tensor.sizes[d]);
    printf("]");
    double* values = as_doubles(&tensor);
    int64_t count = ppn_tensor_numel(&tensor);
    for (int64_t k = 0; values && k < count && k < 8; ++k) printf(" %.6g", values[k]);
    printf("%s\n", count > 8 ? " …" : "");
    free(values);
  }
}

static int by_value(const void* a, const void* b) {
  double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

// Runs as often as asked; *out_median in seconds.
static ppn_status_t execute(runnable_t* runnable, const ppn_tensor_t* tensors, double* out_median) {
  double* times = calloc((size_t)repeat, sizeof(*times));
  if (!times) return ppn_out_of_memory();
  ppn_status_t status = repeat > 1 ? runnable_run(runnable, tensors) : ppn_status_ok();
  for (long i = 0; !status && i < repeat; ++i) {
    double start = now_seconds();
    status = runnable_run(runnable, tensors);
    times[i] = now_seconds() - start;
  }
  qsort(times, (size_t)repeat, sizeof(*times), by_value);
  *out_median = times[repeat / 2];
  free(times);
  return status;
}

static ppn_status_t run_all(runnable_t* runnable, bool* out_differs) {
  size_t count = runnable_input_count(runnable);
  loaded_tensor_t* loaded = calloc(count + 1, sizeof(*loaded));
  ppn_tensor_t* tensors = calloc(count + 1, sizeof(*tensors));
  json_t* comparisons = json_array();
  ppn_status_t status =
      loaded && tensors && comparisons ? load_inputs(runnable, loaded) : ppn_out_of_memory();
  double median = 0;
  if (!status) {
    for (size_t i = 0; i < count; ++i) tensors[i] = loaded[i].tensor;
    status = execute(runnable, tensors, &median);
  }
  if (!status && output_folder) status = save_outputs(runnable);
  if (!status) status = compare_outputs(runnable, comparisons, out_differs);
  if (!status && common.json) {
    json_t* all = json_pack("{s:I, s:f, s:O}", "runs", (json_int_t)repeat, "median_seconds", median,
                            "comparisons", comparisons);
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
  } else if (!status && !common.quiet) {
    if (!expected.count && !output_folder) print_outputs(runnable);
    if (repeat > 1) printf("median of %ld runs: %.3f ms\n", repeat, median * 1e3);
  }
  for (size_t i = 0; loaded && i < count; ++i) release_tensor(&loaded[i]);
  free(loaded);
  free(tensors);
  json_decref(comparisons);
  return status;
}

static int run(int argument_count, char** arguments) {
  const char* path;
  size_t count;
  int stop =
      parse_options(&verb_run, options, OPTION_COUNT, argument_count, arguments, &path, 1, &count);
  if (stop >= 0) return stop;
  install_log();
  bool fast = numerics && !strcmp(numerics, "fast");
  if (count != 1 || repeat < 1 || (numerics && !fast && strcmp(numerics, "device") != 0)) {
    fprintf(stderr,
            "pippin run: expected one FILE, --repeat of at least 1 and --numerics device or fast; "
            "see 'pippin run --help'\n");
    return EXIT_USAGE;
  }
  ppn_engine_options_t engine = {.numerics = fast ? PPN_NUMERICS_FAST : PPN_NUMERICS_DEVICE,
                                 .thread_count = (int)threads};
  runnable_t* runnable = NULL;
  bool differs = false;
  ppn_status_t status = runnable_open(path, method, &engine, &runnable);
  if (!status) status = run_all(runnable, &differs);
  runnable_free(runnable);
  free_text_list(&inputs);
  free_text_list(&expected);
  if (status) return fail(status);
  return differs ? EXIT_DIFFERENT : EXIT_DONE;
}

const verb_t verb_run = {
    "run", "execute a .pte or a Core ML model on this machine", "FILE [--input @x.npy …]",
    "examples:\n"
    "  pippin run model.pte --input @x.npy --expect @y.npy\n"
    "  pippin run model.mlpackage --input image=@photo.png --repeat 50 --threads 1",
    run};
