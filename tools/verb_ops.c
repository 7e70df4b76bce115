// pippin ops: which operators go to Core ML, and which run on the CPU.
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "report.h"
#include "verbs.h"

enum { MAXIMUM_FILTERS = 64 };

static bool markdown, operations;

static const option_t options[] = {
    {"operations", 0, OPTION_FLAG, &operations, NULL,
     "Core ML's operations instead of PyTorch's operators"},
    {"markdown", 0, OPTION_FLAG, &markdown, NULL, "print a page for documentation"},
};

static bool is_wanted(const char* name, const char* const* filters, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (strstr(name, filters[i])) return true;
  }
  return count == 0;
}

static void print_row(const char* const* cells, int count) {
  static const int widths[] = {44, 16, 12};
  for (int i = 0; i < count; ++i) {
    if (markdown) {
      printf("%s %s ", "|", cells[i]);
    } else {
      printf("%-*s ", i < count - 1 ? widths[i] : 0, cells[i]);
    }
  }
  puts(markdown ? "|" : "");
}

static void print_header(const char* const* titles, int count) {
  if (markdown) printf("# %s\n\nPrinted by `pippin ops --markdown`.\n\n", titles[0]);
  print_row(titles, count);
  if (markdown) puts(count == 2 ? "|---|---|" : "|---|---|---|");
}

static void print_table(json_t* rows) {
  static const char* const operator_titles[] = {"Operators", "Core ML", "CPU"};
  static const char* const operation_titles[] = {"Operations", "Since", "Engine"};
  size_t index, lowered = 0, run = 0;
  json_t* row;
  print_header(operations ? operation_titles : operator_titles, 3);
  json_array_foreach(rows, index, row) {
    const char *target = json_string_value(json_object_get(row, "core_ml")),
               *cpu = json_string_value(json_object_get(row, "cpu"));
    char core_ml[64];
    bool conditions = json_is_true(json_object_get(row, "has_conditions"));
    snprintf(core_ml, sizeof(core_ml), "%s%s", target ? target : "-", conditions ? ", if" : "");
    bool engine = json_is_true(json_object_get(row, "engine"));
    const char* last = operations ? (engine ? "yes" : "-") : (cpu ? cpu : "-");
    const char* cells[] = {json_string_value(json_object_get(row, "name")), core_ml, last};
    lowered += target != NULL;
    run += strcmp(last, "-") != 0;
    print_row(cells, 3);
  }
  if (operations) {
    printf("\n%zu operations, %zu of them run by the engine\n", json_array_size(rows), run);
  } else {
    printf(
        "\n%zu operators: %zu can go to Core ML from the release named (\"if\": depending on "
        "arguments), %zu can stay on the CPU\n",
        json_array_size(rows), lowered, run);
  }
}

static int run(int argument_count, char** arguments) {
  const char* filters[MAXIMUM_FILTERS];
  size_t count;
  int stop = parse_options(&verb_ops, options, 2, argument_count, arguments, filters,
                           MAXIMUM_FILTERS, &count);
  if (stop >= 0) return stop;
  char* text = NULL;
  ppn_status_t status = ppn_describe_operators(&text);
  if (status) return fail(status);
  json_t* all = json_loads(text, 0, NULL);
  ppn_text_free(text);
  json_t *rows = json_object_get(all, operations ? "operations" : "operators"),
         *wanted = json_array(), *row;
  size_t index;
  json_array_foreach(rows, index, row) {
    if (is_wanted(json_string_value(json_object_get(row, "name")), filters, count))
      json_array_append(wanted, row);
  }
  if (common.json) {
    json_dumpf(wanted, stdout, JSON_INDENT(2));
    putchar('\n');
  } else {
    print_table(wanted);
  }
  int result = json_array_size(wanted) ? EXIT_DONE : EXIT_FAILED;
  if (result == EXIT_FAILED) fprintf(stderr, "pippin ops: no operator's name has that in it\n");
  json_decref(wanted);
  json_decref(all);
  return result;
}

const verb_t verb_ops = {"ops", "list the operators: which go to Core ML, which run on the CPU",
                         "[PART-OF-A-NAME ...]",
                         "examples:\n  pippin ops softmax\n  pippin ops --operations conv\n", run};
