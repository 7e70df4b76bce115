#include <stdlib.h>

#include "pippin/pippin.h"

const char* ppn_version(void) {
  return PPN_VERSION;
}

void ppn_text_free(char* text) {
  free(text);
}
