// Runs an exported program on the engine without a file in between, for profiling and comparison:
//
//   engine_model_probe MODEL.pt2 FOLDER [half] [threads=N] [repeat=N] [trace]
//
// FOLDER holds input_<i>.npy and, for comparison, expected_<i>.npy (C order, little-endian).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/lowering_session.h"
#include "base/file_map.h"
#include "engine/engine.h"
#include "mil/op.h"

typedef struct settings {
  bool half, trace;
  int threads, repeat;
} settings_t;

static void check(ppn_status_t status) {
  if (!status) return;
  fprintf(stderr, "%s\n", ppn_status_message(status));
  exit(1);
}

// With one thread its CPU time, which other processes disturb less.
static clockid_t clock_id = CLOCK_MONOTONIC;

static double now(void) {
  struct timespec time;
  clock_gettime(clock_id, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

// The elements of an array whose type is known; NULL when there is no file.
static const void* read_array(const char* folder, const char* kind, uint32_t index) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s_%u.npy", folder, kind, index);
  FILE* file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  unsigned char* bytes = malloc((size_t)size);
  if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size) exit(1);
  fclose(file);
  return bytes + 10 + bytes[8] + 256 * bytes[9];
}

// ---- Trace ----

typedef struct total {
  const char* type;
  double milliseconds;
  int count;
} total_t;

static total_t totals[256];
static double least[8192];
static const ppn_mil_operation_t* operations[8192];
static int operation_count;

static void add_time(void* context, const ppn_mil_operation_t* operation, uint64_t nanoseconds) {
  (void)context;
  int i = 0;
  while (totals[i].type && strcmp(totals[i].type, operation->op->type) != 0) ++i;
  totals[i].type = operation->op->type;
  ++totals[i].count;
  int j = 0;
  while (j < operation_count && operations[j] != operation) ++j;
  if (j == operation_count && j < 8191) operations[operation_count++] = operation;
  double milliseconds = (double)nanoseconds * 1e-6;
  if (least[j] == 0 || milliseconds < least[j]) least[j] = milliseconds;
}

static void print_trace(int repeat) {
  for (int i = 0; totals[i].type; ++i) {
    for (int j = 0; j < operation_count; ++j) {
      if (strcmp(operations[j]->op->type, totals[i].type) == 0) totals[i].milliseconds += least[j];
    }
  }
  for (int i = 0; totals[i].type; ++i) {
    printf("%-32s %4d  %9.3f ms\n", totals[i].type, totals[i].count / repeat,
           totals[i].milliseconds);
  }
  for (int i = 0; i < operation_count; ++i) {
    const ppn_mil_operation_t* operation = operations[i];
    printf("  %9.3f ms  %s %s [", least[i], operation->op->type, operation->name);
    const ppn_mil_type_t* type = &operation->outputs[0]->type;
    for (int j = 0; j < type->rank; ++j) printf(" %lld", (long long)type->sizes[j].value);
    printf(" ]\n");
  }
}

// ---- Running ----

static ppn_mil_program_t* lower(const char* path, bool half) {
  ppn_exported_program_t* program = NULL;
  ppn_partition_result_t* partitions = calloc(1, sizeof *partitions);
  ppn_mil_program_t* mil = NULL;
  ppn_coreml_partitioner_t partitioner = ppn_coreml_partitioner_defaults();
  partitioner.compile_options.compute_precision =
      half ? PPN_PRECISION_FLOAT16 : PPN_PRECISION_FLOAT32;
  check(ppn_exported_program_load(path, &program));
  check(ppn_lowering_transform(program, &partitioner, false));
  check(ppn_lowering_partition(program, &partitioner, 0, partitions));
  if (partitions->partition_count != 1) {
    fprintf(stderr, "%u partitions; first obstacle: %s, %s\n", partitions->partition_count,
            partitions->undelegated_count ? partitions->undelegated[0].node->name : "",
            partitions->undelegated_count ? partitions->undelegated[0].reason : "");
    exit(1);
  }
  ppn_lower_options_t options = {.float16 = half};
  check(ppn_lower_program(partitions->partitions[0].submodule, &options, &mil));
  return mil;
}

static void compare(const ppn_tensor_t* output, const void* expected, uint32_t index) {
  double worst = 0, scale = 0;
  if (!expected) return;
  for (int64_t i = 0; i < ppn_tensor_numel(output); ++i) {
    double a = ppn_element_as_double(output->dtype, output->data, i);
    double b = (double)((const float*)expected)[i];
    if (!(fabs(a - b) <= worst)) worst = fabs(a - b);
    if (fabs(b) > scale) scale = fabs(b);
  }
  printf("output %u: largest difference %g, scale %g, relative %g\n", index, worst, scale,
         worst / scale);
}

static int by_value(const void* a, const void* b) {
  double x = *(const double*)a, y = *(const double*)b;
  return x < y ? -1 : x > y;
}

static void run(const ppn_mil_program_t* mil, const char* folder, const settings_t* settings) {
  ppn_engine_model_t* model = NULL;
  ppn_engine_context_t* context = NULL;
  ppn_engine_options_t options = {.thread_count = settings->threads};
  const ppn_mil_function_t* function = mil->functions[0];
  ppn_tensor_t inputs[64], outputs[64] = {{0}};
  double times[1000];
  for (uint32_t i = 0; i < function->input_count; ++i) {
    const ppn_mil_type_t* type = &function->inputs[i]->type;
    int64_t sizes[PPN_MAX_RANK];
    for (int j = 0; j < type->rank; ++j) sizes[j] = type->sizes[j].value;
    inputs[i] =
        ppn_tensor_make((void*)read_array(folder, "input", i), type->dtype, type->rank, sizes);
    if (type->dtype == PPN_DTYPE_INT32) {
      int32_t* narrow = malloc((size_t)ppn_tensor_numel(&inputs[i]) * 4 + 1);
      for (int64_t j = 0; j < ppn_tensor_numel(&inputs[i]); ++j) {
        narrow[j] = (int32_t)((const int64_t*)inputs[i].data)[j];
      }
      inputs[i].data = narrow;
    }
  }
  double start = now();
  check(ppn_engine_model_create(mil, "main", &options, NULL, &model));
  check(ppn_engine_context_create(model, &context));
  check(ppn_engine_prepare(context, inputs, function->input_count));
  printf("prepared in %.1f ms\n", now() - start);
  uint32_t output_count = function->block->output_count;
  for (int i = 0; i < settings->repeat; ++i) {
    if (i == 1 && settings->trace) ppn_engine_set_trace(context, add_time, NULL);
    for (uint32_t j = 0; j < output_count; ++j) outputs[j].data = NULL;
    start = now();
    check(ppn_engine_run(context, inputs, function->input_count, outputs, output_count));
    times[i] = now() - start;
  }
  printf("first run %.3f ms\n", times[0]);
  for (uint32_t j = 0; j < output_count; ++j) {
    compare(&outputs[j], read_array(folder, "expected", j), j);
  }
  if (settings->repeat > 1) {
    qsort(times + 1, (size_t)settings->repeat - 1, sizeof *times, by_value);
    printf("median %.3f ms, least %.3f ms\n", times[1 + (settings->repeat - 1) / 2], times[1]);
    if (settings->trace) print_trace(settings->repeat - 1);
  }
  ppn_engine_context_free(context);
  ppn_engine_model_free(model);
}

int main(int argc, char** argv) {
  settings_t settings = {.threads = 1, .repeat = 1};
  if (argc < 3) return 2;
  for (int i = 3; i < argc; ++i) {
    if (strcmp(argv[i], "half") == 0) settings.half = true;
    if (strcmp(argv[i], "trace") == 0) settings.trace = true;
    if (strncmp(argv[i], "threads=", 8) == 0) settings.threads = atoi(argv[i] + 8);
    if (strncmp(argv[i], "repeat=", 7) == 0) settings.repeat = atoi(argv[i] + 7);
  }
  if (settings.threads == 1) clock_id = CLOCK_PROCESS_CPUTIME_ID;
  if (settings.repeat < 1 || settings.repeat > 1000) return 2;
  run(lower(argv[1], settings.half), argv[2], &settings);
  return 0;
}
