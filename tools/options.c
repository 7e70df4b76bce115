#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

common_options_t common;

static const option_t common_table[] = {
    {"json", 0, OPTION_FLAG, &common.json, NULL, "print machine-readable JSON on standard output"},
    {"quiet", 'q', OPTION_FLAG, &common.quiet, NULL, "print errors only"},
    {"verbose", 'v', OPTION_FLAG, &common.verbose, NULL, "print more about what is done"},
};
#define COMMON_COUNT (sizeof(common_table) / sizeof(common_table[0]))

static void print_option(const option_t* option) {
  char left[64];
  int size = option->letter
                 ? snprintf(left, sizeof(left), "  -%c, --%s", option->letter, option->name)
                 : snprintf(left, sizeof(left), "      --%s", option->name);
  if (option->value_name && size > 0 && (size_t)size < sizeof(left)) {
    snprintf(left + size, sizeof(left) - (size_t)size, " %s", option->value_name);
  }
  const char* text = option->help;
  const char* end = strchr(text, '\n');
  printf("%-38s %.*s\n", left, end ? (int)(end - text) : (int)strlen(text), text);
  while (end) {
    text = end + 1;
    end = strchr(text, '\n');
    printf("%-38s %.*s\n", "", end ? (int)(end - text) : (int)strlen(text), text);
  }
}

void print_help(const verb_t* verb, const option_t* options, size_t option_count) {
  printf("usage: pippin %s %s\n\n%s\n\noptions:\n", verb->name, verb->arguments, verb->summary);
  for (size_t i = 0; i < option_count; ++i) print_option(&options[i]);
  for (size_t i = 0; i < COMMON_COUNT; ++i) print_option(&common_table[i]);
  printf("  -h, --help %26s %s\n", "", "print this");
  if (verb->details) printf("\n%s\n", verb->details);
}

static const option_t* find(const option_t* options, size_t count, const char* name, size_t size) {
  for (size_t i = 0; i < count; ++i) {
    if (strlen(options[i].name) == size && strncmp(options[i].name, name, size) == 0)
      return &options[i];
  }
  return NULL;
}

static const option_t* find_letter(const option_t* options, size_t count, char letter) {
  for (size_t i = 0; i < count; ++i) {
    if (options[i].letter == letter) return &options[i];
  }
  return NULL;
}

static int usage_error(const verb_t* verb, const char* what, const char* text) {
  fprintf(stderr, "pippin %s: %s '%s'; see 'pippin %s --help'\n", verb->name, what, text,
          verb->name);
  return EXIT_USAGE;
}

// Stores a value; false when it is not of the option's kind.
static bool store(const option_t* option, const char* value, bool flag) {
  char* end;
  switch (option->kind) {
    case OPTION_FLAG:
      *(bool*)option->target = flag;
      return true;
    case OPTION_TEXT:
      *(const char**)option->target = value;
      return true;
    case OPTION_INTEGER:
      *(long*)option->target = strtol(value, &end, 10);
      return end != value && *end == 0;
    case OPTION_NUMBER:
      *(double*)option->target = strtod(value, &end);
      return end != value && *end == 0;
    case OPTION_LIST: {
      text_list_t* list = option->target;
      const char** items = realloc(list->items, (list->count + 1) * sizeof(*items));
      if (!items) return false;
      list->items = items;
      list->items[list->count++] = value;
      return true;
    }
  }
  return false;
}

int parse_options(const verb_t* verb, const option_t* options, size_t option_count,
                  int argument_count, char** arguments, const char** positional, size_t capacity,
                  size_t* out_count) {
  *out_count = 0;
  bool only_positional = false;
  for (int i = 0; i < argument_count; ++i) {
    const char* text = arguments[i];
    if (only_positional || text[0] != '-' || text[1] == 0) {
      if (*out_count == capacity) return usage_error(verb, "unexpected argument", text);
      positional[(*out_count)++] = text;
      continue;
    }
    if (strcmp(text, "--") == 0) {
      only_positional = true;
      continue;
    }
    if (strcmp(text, "-h") == 0 || strcmp(text, "--help") == 0) {
      print_help(verb, options, option_count);
      return EXIT_DONE;
    }
    const option_t* option = NULL;
    const char* value = NULL;
    bool flag = true;
    if (text[1] == '-') {
      const char* equals = strchr(text, '=');
      size_t size = equals ? (size_t)(equals - text - 2) : strlen(text + 2);
      value = equals ? equals + 1 : NULL;
      option = find(options, option_count, text + 2, size);
      if (!option) option = find(common_table, COMMON_COUNT, text + 2, size);
      if (!option && strncmp(text, "--no-", 5) == 0) {
        option = find(options, option_count, text + 5, size - 3);
        flag = false;
        if (option && option->kind != OPTION_FLAG) option = NULL;
      }
    } else {
      option = find_letter(options, option_count, text[1]);
      if (!option) option = find_letter(common_table, COMMON_COUNT, text[1]);
      if (option && text[2]) {
        if (option->kind == OPTION_FLAG) option = NULL;
        value = text + 2;
      }
    }
    if (!option) return usage_error(verb, "unknown option", text);
    if (option->kind == OPTION_FLAG && value)
      return usage_error(verb, "this option takes no value:", text);
    if (option->kind != OPTION_FLAG && !value) {
      if (i + 1 == argument_count) return usage_error(verb, "a value is missing after", text);
      value = arguments[++i];
    }
    if (!store(option, value, flag)) return usage_error(verb, "not a number:", value);
  }
  return -1;
}

void free_text_list(text_list_t* list) {
  free(list->items);
  list->items = NULL;
  list->count = 0;
}
