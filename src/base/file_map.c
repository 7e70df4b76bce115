#include "base/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

ppn_status_t ppn_file_map_open(const char* path, ppn_file_map_t* out_map) {
  memset(out_map, 0, sizeof(*out_map));
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return ppn_status_make(errno == ENOENT ? PPN_STATUS_NOT_FOUND : PPN_STATUS_IO,
                           "cannot open '%s': %s", path, strerror(errno));
  }
  struct stat info;
  ppn_status_t status = ppn_status_ok();
  if (fstat(descriptor, &info) != 0) {
    status = ppn_status_make(PPN_STATUS_IO, "cannot inspect '%s': %s", path, strerror(errno));
  } else if (S_ISDIR(info.st_mode)) {
    status =
        ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "'%s' is a folder; expected a file", path);
  } else if (!S_ISREG(info.st_mode)) {
    status = ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "'%s' is not a regular file", path);
  } else if (info.st_size > 0) {
    void* mapping = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (mapping == MAP_FAILED) {
      status = ppn_status_make(PPN_STATUS_IO, "cannot map '%s': %s", path, strerror(errno));
    } else {
      out_map->mapping = mapping;
      out_map->bytes = ppn_span_make(mapping, (size_t)info.st_size);
    }
  }
  close(descriptor);
  return status;
}

void ppn_file_map_discard(const ppn_file_map_t* map, ppn_span_t range) {
  if (!map->mapping || range.size == 0) return;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t start = ((uintptr_t)range.data + page - 1) & ~(page - 1);
  uintptr_t end = ((uintptr_t)range.data + range.size) & ~(page - 1);
  // Advice only: a failure costs memory, not correctness.
  if (end > start) (void)madvise((void*)start, end - start, MADV_DONTNEED);
}

void ppn_file_map_close(ppn_file_map_t* map) {
  if (map->mapping) munmap(map->mapping, map->bytes.size);
  memset(map, 0, sizeof(*map));
}
