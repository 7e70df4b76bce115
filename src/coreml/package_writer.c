#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coreml/compiled.h"
#include "coreml/package_layout.h"

static ppn_status_t io_error(const char* action, const char* path) {
  return ppn_status_make(PPN_STATUS_IO, "cannot %s '%s': %s", action, path, strerror(errno));
}

static char* join(ppn_arena_t* arena, const char* folder, const char* name) {
  return ppn_arena_printf(arena, "%s/%s", folder, name);
}

// Removes a folder with all it holds; links are removed, not followed. Best effort.
static void remove_tree(ppn_arena_t* arena, const char* path) {
  DIR* folder = opendir(path);
  if (folder) {
    struct dirent* entry;
    while ((entry = readdir(folder)) != NULL) {
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
      const char* child = join(arena, path, entry->d_name);
      struct stat information;
      if (!child || lstat(child, &information) != 0) continue;
      if (S_ISDIR(information.st_mode)) {
        remove_tree(arena, child);
      } else {
        unlink(child);
      }
    }
    closedir(folder);
  }
  rmdir(path);
}

// Makes the folders that `file` below `root` lies in.
static ppn_status_t make_folders(ppn_arena_t* arena, const char* root, const char* file) {
  for (const char* slash = strchr(file, '/'); slash; slash = strchr(slash + 1, '/')) {
    const char* path = ppn_arena_printf(arena, "%s/%.*s", root, (int)(slash - file), file);
    if (!path) return ppn_out_of_memory();
    if (mkdir(path, 0777) != 0 && errno != EEXIST) return io_error("create the folder", path);
  }
  return ppn_status_ok();
}

static ppn_status_t write_file(const char* path, const ppn_producer_t* content) {
  ppn_file_writer_t* writer;
  PPN_RETURN_IF_ERROR(ppn_file_writer_open(path, &writer));
  ppn_status_t status = ppn_producer_write(content, ppn_file_writer_sink(writer));
  if (!status && ppn_file_writer_position(writer) != content->size) {
    status =
        ppn_status_make(PPN_STATUS_INTERNAL, "'%s' came out with another size than planned", path);
  }
  if (status) {
    ppn_file_writer_abandon(writer);
    return status;
  }
  return ppn_file_writer_commit(writer);
}

static ppn_status_t write_files(const ppn_package_file_t* files, uint32_t count, ppn_arena_t* arena,
                                const char* folder) {
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(make_folders(arena, folder, files[i].path));
    const char* path = join(arena, folder, files[i].path);
    if (!path) return ppn_out_of_memory();
    PPN_RETURN_IF_ERROR(write_file(path, &files[i].content));
  }
  return ppn_status_ok();
}

// What stands in the way at `path`: nothing, or a package or compiled model (which will be
// replaced). Anything else is left alone.
static ppn_status_t check_target(ppn_arena_t* arena, const char* path, bool* out_exists) {
  struct stat information;
  *out_exists = lstat(path, &information) == 0;
  if (!*out_exists) return ppn_status_ok();
  const char *manifest = join(arena, path, PPN_PACKAGE_MANIFEST),
             *data = join(arena, path, PPN_COMPILED_DATA);
  if (!manifest || !data) return ppn_out_of_memory();
  bool is_model = access(manifest, F_OK) == 0 || access(data, F_OK) == 0;
  if (!S_ISDIR(information.st_mode) || (!is_model && rmdir(path) != 0)) {
    return ppn_status_make(
        PPN_STATUS_FAILED_PRECONDITION,
        "'%s' exists and is no model package or compiled model; remove it or choose another "
        "name",
        path);
  }
  *out_exists = is_model;
  return ppn_status_ok();
}

static ppn_status_t write_package(const ppn_package_file_t* files, uint32_t count,
                                  ppn_arena_t* arena, const char* given_path) {
  size_t length = strlen(given_path);
  while (length > 1 && given_path[length - 1] == '/') --length;
  const char* path = ppn_arena_strdup(arena, ppn_sv_make(given_path, length));
  char* temporary = path ? ppn_arena_printf(arena, "%s.partial-XXXXXX", path) : NULL;
  if (!temporary) return ppn_out_of_memory();
  bool exists;
  PPN_RETURN_IF_ERROR(check_target(arena, path, &exists));
  if (!mkdtemp(temporary)) return io_error("create a folder beside", path);
  ppn_status_t status =
      chmod(temporary, 0755) == 0 ? ppn_status_ok() : io_error("set permissions of", temporary);
  if (!status) status = write_files(files, count, arena, temporary);
  char* old = NULL;
  if (!status && exists) {
    old = ppn_arena_printf(arena, "%s.old", temporary);
    if (!old)
      status = ppn_out_of_memory();
    else if (rename(path, old) != 0)
      status = io_error("replace", path);
  }
  if (!status && rename(temporary, path) != 0) {
    status = io_error("create", path);
    // Bring the old package back; when even that fails it is still there under its other name.
    if (old && rename(old, path) != 0) {
      return ppn_status_annotate(status, "the previous package is now '%s'", old);
    }
  }
  if (status) {
    remove_tree(arena, temporary);
    return status;
  }
  if (old) remove_tree(arena, old);
  return ppn_status_ok();
}

ppn_status_t ppn_coreml_package_write_files(const ppn_package_file_t* files, uint32_t count,
                                            const char* path) {
  ppn_arena_t arena = {0};
  ppn_status_t status = write_package(files, count, &arena, path);
  ppn_arena_release(&arena);
  return status;
}

ppn_status_t ppn_coreml_package_write(ppn_coreml_package_plan_t* plan, const char* path) {
  uint32_t count;
  const ppn_package_file_t* files = ppn_coreml_package_plan_files(plan, &count);
  return ppn_coreml_package_write_files(files, count, path);
}
