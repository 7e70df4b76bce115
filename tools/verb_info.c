// pippin info: what is in a file.
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "report.h"
#include "verbs.h"

static void print_indent(int depth) {
  for (int i = 0; i < depth; ++i) fputs("  ", stdout);
}

static bool is_simple(const json_t* value) {
  return !json_is_object(value) && !json_is_array(value);
}

static bool is_list_of_simple(const json_t* value) {
  size_t index;
  json_t* item;
  if (!json_is_array(value)) return false;
  json_array_foreach((json_t*)value, index, item) {
    if (!is_simple(item) && !is_list_of_simple(item)) return false;
  }
  return true;
}

static void print_simple(const json_t* value) {
  if (json_is_string(value)) {
    fputs(json_string_value(value), stdout);
  } else if (json_is_array(value)) {
    size_t index;
    json_t* item;
    putchar('[');
    json_array_foreach((json_t*)value, index, item) {
      if (index) fputs(", ", stdout);
      print_simple(item);
    }
    putchar(']');
  } else {
    json_dumpf(value, stdout, JSON_ENCODE_ANY);
  }
}

// One line "x: float32 [1, 3]" for objects that have a name, type and shape.
static bool print_port(const json_t* value) {
  const json_t *name = json_object_get(value, "name"), *type = json_object_get(value, "type"),
               *shape = json_object_get(value, "shape");
  if (!name || !type || !shape) return false;
  printf("%s: %s ", json_string_value(name), json_string_value(type));
  print_simple(shape);
  const json_t* ranges = json_object_get(value, "ranges");
  if (ranges) {
    fputs(" ranges ", stdout);
    print_simple(ranges);
  }
  if (json_is_true(json_object_get(value, "dynamic"))) fputs(" upper bounds", stdout);
  putchar('\n');
  return true;
}

static void print_tree(json_t* value, int depth) {
  const char* key;
  json_t* item;
  size_t index;
  if (json_is_object(value)) {
    json_object_foreach(value, key, item) {
      if ((json_is_array(item) && json_array_size(item) == 0) ||
          (json_is_object(item) && json_object_size(item) == 0))
        continue;
      print_indent(depth);
      printf("%s:", key);
      if (is_simple(item) || is_list_of_simple(item)) {
        putchar(' ');
        print_simple(item);
        putchar('\n');
      } else {
        putchar('\n');
        print_tree(item, depth + 1);
      }
    }
  } else if (json_is_array(value)) {
    json_array_foreach(value, index, item) {
      if (json_is_object(item)) {
        print_indent(depth);
        fputs("- ", stdout);
        if (print_port(item)) continue;
        putchar('\n');
        print_tree(item, depth + 1);
      } else {
        print_indent(depth);
        print_simple(item);
        putchar('\n');
      }
    }
  }
}

static int run(int argument_count, char** arguments) {
  const char* path;
  size_t count;
  int stop = parse_options(&verb_info, NULL, 0, argument_count, arguments, &path, 1, &count);
  if (stop >= 0) return stop;
  install_log();
  if (count != 1) {
    fprintf(stderr, "pippin info: expected one FILE; see 'pippin info --help'\n");
    return EXIT_USAGE;
  }
  char* text;
  ppn_status_t status = ppn_inspect(path, &text);
  if (status) return fail(status);
  if (common.json) {
    puts(text);
  } else {
    json_t* json = json_loads(text, 0, NULL);
    print_tree(json, 0);
    json_decref(json);
  }
  ppn_text_free(text);
  return EXIT_DONE;
}

const verb_t verb_info = {
    "info", "tell what is in a .pt2, .pte or Core ML model: inputs, outputs, operators, sizes",
    "FILE", NULL, run};
