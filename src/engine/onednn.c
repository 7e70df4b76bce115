#include "engine/onednn.h"

#ifdef PPN_WITH_ONEDNN

#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#ifdef PPN_WITH_OPENMP
#include <omp.h>
#endif
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "engine/node.h"

// Spatial parameters as oneDNN takes them.
typedef struct space {
  dnnl_dims_t kernel, strides, dilations, before, after;
} space_t;

// ---- Versions 2 and 3 ----
//
// Version 3 has memory descriptors as objects with creation and destruction, and creates primitive
// descriptors in one call.

#if DNNL_VERSION_MAJOR >= 3

typedef dnnl_memory_desc_t own_desc_t;
typedef const_dnnl_memory_desc_t desc_t;
#define DESC(own) ((desc_t)(own))

static dnnl_status_t desc_strided(own_desc_t* out, int rank, const dnnl_dims_t sizes,
                                  const dnnl_dims_t strides) {
  return dnnl_memory_desc_create_with_strides(out, rank, sizes, dnnl_f32, strides);
}
static dnnl_status_t desc_tagged(own_desc_t* out, int rank, const dnnl_dims_t sizes,
                                 dnnl_format_tag_t tag) {
  return dnnl_memory_desc_create_with_tag(out, rank, sizes, dnnl_f32, tag);
}
static void desc_release(own_desc_t* desc) {
  if (*desc) dnnl_memory_desc_destroy(*desc);
  *desc = NULL;
}
static dnnl_status_t desc_copy(own_desc_t* out, desc_t desc) {
  return dnnl_memory_desc_clone(out, desc);
}
static dnnl_status_t append_sum(dnnl_post_ops_t ops) {
  return dnnl_post_ops_append_sum(ops, 1, 0, dnnl_data_type_undef);
}
static dnnl_status_t append_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float alpha,
                                    float beta) {
  return dnnl_post_ops_append_eltwise(ops, kind, alpha, beta);
}
static dnnl_status_t create_convolution(dnnl_primitive_desc_t* out, dnnl_engine_t engine, desc_t x,
                                        desc_t weight, desc_t bias, desc_t y, const space_t* space,
                                        dnnl_primitive_attr_t attributes) {
  return dnnl_convolution_forward_primitive_desc_create(
      out, engine, dnnl_forward_inference, dnnl_convolution_direct, x, weight, bias, y,
      space->strides, space->dilations, space->before, space->after, attributes);
}
static dnnl_status_t create_matmul(dnnl_primitive_desc_t* out, dnnl_engine_t engine, desc_t x,
                                   desc_t weight, desc_t bias, desc_t y,
                                   dnnl_primitive_attr_t attributes) {
  return dnnl_matmul_primitive_desc_create(out, engine, x, weight, bias, y, attributes);
}
static dnnl_status_t create_pooling(dnnl_primitive_desc_t* out, dnnl_engine_t engine,
                                    dnnl_alg_kind_t kind, desc_t x, desc_t y, const space_t* space,
                                    dnnl_primitive_attr_t attributes) {
  return dnnl_pooling_forward_primitive_desc_create(out, engine, dnnl_forward_inference, kind, x, y,
                                                    space->strides, space->kernel, space->dilations,
                                                    space->before, space->after, attributes);
}

#else

typedef dnnl_memory_desc_t own_desc_t;
typedef const dnnl_memory_desc_t* desc_t;
#define DESC(own) ((desc_t) & (own))

static dnnl_status_t desc_strided(own_desc_t* out, int rank, const dnnl_dims_t sizes,
                                  const dnnl_dims_t strides) {
  return dnnl_memory_desc_init_by_strides(out, rank, sizes, dnnl_f32, strides);
}
static dnnl_status_t desc_tagged(own_desc_t* out, int rank, const dnnl_dims_t sizes,
                                 dnnl_format_tag_t tag) {
  return dnnl_memory_desc_init_by_tag(out, rank, sizes, dnnl_f32, tag);
}
static void desc_release(own_desc_t* desc) {
  (void)desc;
}
static dnnl_status_t desc_copy(own_desc_t* out, desc_t desc) {
  *out = *desc;
  return dnnl_success;
}
static dnnl_status_t append_sum(dnnl_post_ops_t ops) {
  return dnnl_post_ops_append_sum(ops, 1);
}
static dnnl_status_t append_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float alpha,
                                    float beta) {
  return dnnl_post_ops_append_eltwise(ops, 1, kind, alpha, beta);
}
static dnnl_status_t create_convolution(dnnl_primitive_desc_t* out, dnnl_engine_t engine, desc_t x,
                                        desc_t weight, desc_t bias, desc_t y, const space_t* space,
                                        dnnl_primitive_attr_t attributes) {
  dnnl_convolution_desc_t description;
  dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
      &description, dnnl_forward_inference, dnnl_convolution_direct, x, weight, bias, y,
      space->strides, space->dilations, space->before, space->after);
  if (status != dnnl_success) return status;
  return dnnl_primitive_desc_create(out, &description, attributes, engine, NULL);
}
static dnnl_status_t create_matmul(dnnl_primitive_desc_t* out, dnnl_engine_t engine, desc_t x,
                                   desc_t weight, desc_t bias, desc_t y,
                                   dnnl_primitive_attr_t attributes) {
  dnnl_matmul_desc_t description;
  dnnl_status_t status = dnnl_matmul_desc_init(&description, x, weight, bias, y);
  if (status != dnnl_success) return status;
  return dnnl_primitive_desc_create(out, &description, attributes, engine, NULL);
}
static dnnl_status_t create_pooling(dnnl_primitive_desc_t* out, dnnl_engine_t engine,
                                    dnnl_alg_kind_t kind, desc_t x, desc_t y, const space_t* space,
                                    dnnl_primitive_attr_t attributes) {
  dnnl_pooling_v2_desc_t description;
  dnnl_status_t status = dnnl_pooling_v2_forward_desc_init(
      &description, dnnl_forward_inference, kind, x, y, space->strides, space->kernel,
      space->dilations, space->before, space->after);
  if (status != dnnl_success) return status;
  return dnnl_primitive_desc_create(out, &description, attributes, engine, NULL);
}

#endif

// ---- Common to both ----

static dnnl_status_t desc_any(own_desc_t* out, int rank, const dnnl_dims_t sizes) {
  return desc_tagged(out, rank, sizes, dnnl_format_tag_any);
}

static dnnl_engine_t cpu;
static pthread_once_t cpu_once = PTHREAD_ONCE_INIT;

static void create_engine(void) {
  if (dnnl_engine_create(&cpu, dnnl_cpu, 0) != dnnl_success) cpu = NULL;
}

// oneDNN runs on OpenMP's threads; here it is to use the caller's alone.
static int use_one_thread(void) {
#ifdef PPN_WITH_OPENMP
  int previous = omp_get_max_threads();
  if (previous != 1) omp_set_num_threads(1);
  return previous;
#else
  return 1;
#endif
}

static void use_threads(int count) {
#ifdef PPN_WITH_OPENMP
  if (count != 1) omp_set_num_threads(count);
#else
  (void)count;
#endif
}

// Brings memory from one layout into another.
typedef struct reorder {
  dnnl_primitive_t primitive;  // NULL: nothing to do
  dnnl_memory_t from, to;
} reorder_t;

enum { MAX_ARGUMENTS = 8 };

struct ppn_onednn {
  dnnl_primitive_desc_t desc;
  dnnl_primitive_t primitive;
  dnnl_stream_t stream;
  dnnl_exec_arg_t arguments[MAX_ARGUMENTS];
  int argument_count;
  dnnl_memory_t x, other, y, scratchpad;  // among the arguments
  ppn_engine_packs_t* packs;
  const ppn_engine_pack_t* weight;  // one of `packs`
  void* bias;
  reorder_t take_x;  // x into the layout that the primitive wants, in scratch memory
  reorder_t take_added;
  size_t x_size;  // of the reordered x
  size_t scratch_size;
  ppn_engine_layout_t layout, x_layout;
  bool has_layout, has_x_layout;
  int previous_threads;  // of the creating thread's OpenMP
};

#define TRY(expression)                                \
  do {                                                 \
    dnnl_status_t status_ = (expression);              \
    if (status_ != dnnl_success) return fail(status_); \
  } while (0)

static ppn_status_t fail(dnnl_status_t status) {
  switch (status) {
    case dnnl_success:
      return ppn_status_ok();
    case dnnl_out_of_memory:
      return ppn_out_of_memory();
    case dnnl_unimplemented:
    case dnnl_invalid_arguments:
      return ppn_status_make(PPN_STATUS_UNSUPPORTED, "oneDNN does not have this");
    default:
      return ppn_status_make(PPN_STATUS_INTERNAL, "oneDNN failed (%d)", (int)status);
  }
}

static void reorder_release(reorder_t* reorder) {
  if (reorder->primitive) dnnl_primitive_destroy(reorder->primitive);
  if (reorder->from) dnnl_memory_destroy(reorder->from);
  if (reorder->to) dnnl_memory_destroy(reorder->to);
  *reorder = (reorder_t){0};
}

static ppn_status_t reorder_create(reorder_t* reorder, desc_t from, desc_t to) {
  dnnl_primitive_desc_t desc = NULL;
  TRY(dnnl_reorder_primitive_desc_create(&desc, from, cpu, to, cpu, NULL));
  dnnl_status_t status = dnnl_primitive_create(&reorder->primitive, desc);
  dnnl_primitive_desc_destroy(desc);
  TRY(status);
  TRY(dnnl_memory_create(&reorder->from, from, cpu, DNNL_MEMORY_NONE));
  TRY(dnnl_memory_create(&reorder->to, to, cpu, DNNL_MEMORY_NONE));
  return ppn_status_ok();
}

static ppn_status_t reorder_run(const reorder_t* reorder, dnnl_stream_t stream, void* from,
                                void* to) {
  TRY(dnnl_memory_set_data_handle(reorder->from, from));
  TRY(dnnl_memory_set_data_handle(reorder->to, to));
  const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, reorder->from}, {DNNL_ARG_TO, reorder->to}};
  TRY(dnnl_primitive_execute(reorder->primitive, stream, 2, arguments));
  TRY(dnnl_stream_wait(stream));
  return ppn_status_ok();
}

// ---- Descriptors ----

static dnnl_status_t desc_of(own_desc_t* out, const ppn_tensor_t* tensor) {
  return desc_strided(out, tensor->rank, tensor->sizes, tensor->strides);
}

static ppn_tensor_t contiguous(const ppn_tensor_t* tensor) {
  return ppn_tensor_make(NULL, PPN_DTYPE_FLOAT32, tensor->rank, tensor->sizes);
}

// oneDNN's dilations count what lies between elements: 0 for a dense window.
static space_t space_of(const ppn_engine_windows_t* windows) {
  space_t space;
  memset(&space, 0, sizeof(space));
  for (int i = 0; i < windows->rank; ++i) {
    space.kernel[i] = windows->kernel[i];
    space.strides[i] = windows->strides[i];
    space.dilations[i] = windows->dilations[i] - 1;
    space.before[i] = windows->pads_before[i];
    space.after[i] = windows->pads_after[i];
  }
  return space;
}

// ---- Fused work ----

static bool append_activation(dnnl_post_ops_t ops, const ppn_engine_fused_t* fused) {
  switch (fused->kind) {
    case PPN_ENGINE_FUSED_CLAMP:
      if (fused->alpha == 0 && isinf(fused->beta)) {
        return append_eltwise(ops, dnnl_eltwise_relu, 0, 0) == dnnl_success;
      }
      return append_eltwise(ops, dnnl_eltwise_clip, fused->alpha, fused->beta) == dnnl_success;
    case PPN_ENGINE_FUSED_LEAKY:
      return append_eltwise(ops, dnnl_eltwise_relu, fused->alpha, 0) == dnnl_success;
    case PPN_ENGINE_FUSED_ELU:
      return append_eltwise(ops, dnnl_eltwise_elu, fused->alpha, 0) == dnnl_success;
    case PPN_ENGINE_FUSED_SIGMOID:
      return append_eltwise(ops, dnnl_eltwise_logistic, 0, 0) == dnnl_success;
    case PPN_ENGINE_FUSED_TANH:
      return append_eltwise(ops, dnnl_eltwise_tanh, 0, 0) == dnnl_success;
    case PPN_ENGINE_FUSED_SWISH:
      return append_eltwise(ops, dnnl_eltwise_swish, fused->alpha, 0) == dnnl_success;
    case PPN_ENGINE_FUSED_GELU_ERF:
      return append_eltwise(ops, dnnl_eltwise_gelu_erf, 0, 0) == dnnl_success;
    case PPN_ENGINE_FUSED_GELU_TANH:
      return append_eltwise(ops, dnnl_eltwise_gelu_tanh, 0, 0) == dnnl_success;
    case PPN_ENGINE_FUSED_ADD:
      return append_sum(ops) == dnnl_success;
  }
  return false;
}

static ppn_status_t make_attributes(const ppn_onednn_request_t* request,
                                    dnnl_primitive_attr_t* out) {
  dnnl_post_ops_t ops = NULL;
  *out = NULL;
  TRY(dnnl_primitive_attr_create(out));
  TRY(dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user));
  TRY(dnnl_post_ops_create(&ops));
  bool good = true;
  for (uint32_t i = 0; i < request->fused_count; ++i) {
    good = good && append_activation(ops, &request->fused[i]);
  }
  dnnl_status_t status = dnnl_primitive_attr_set_post_ops(*out, ops);
  dnnl_post_ops_destroy(ops);
  return fail(good ? status : dnnl_unimplemented);
}

static ppn_engine_fused_t* find_addition(const ppn_onednn_request_t* request) {
  for (uint32_t i = 0; i < request->fused_count; ++i) {
    if (request->fused[i].kind == PPN_ENGINE_FUSED_ADD) return &request->fused[i];
  }
  return NULL;
}

// ---- Packing ----

typedef struct wanted {
  dnnl_stream_t stream;
  desc_t from, to;
} wanted_t;

// A pack's form.
typedef struct form {
  own_desc_t desc;
} form_t;

static bool is_wanted(const ppn_engine_pack_t* pack, const void* context) {
  const wanted_t* wanted = context;
  const form_t* form = pack->form;
  return dnnl_memory_desc_equal(DESC(form->desc), wanted->to);
}

static ppn_status_t make_pack(const ppn_tensor_t* constant, const void* context,
                              ppn_engine_pack_t* pack) {
  const wanted_t* wanted = context;
  form_t* form = pack->form = calloc(1, sizeof(*form));
  if (!form) return ppn_out_of_memory();
  TRY(desc_copy(&form->desc, wanted->to));
  void* memory = NULL;
  const float* floats = ppn_engine_pack_floats(constant, &memory);
  pack->memory = ppn_engine_pack_allocate(dnnl_memory_desc_get_size(wanted->to));
  ppn_status_t status = !floats || !pack->memory ? ppn_out_of_memory() : ppn_status_ok();
  reorder_t reorder = {0};
  if (!status) status = reorder_create(&reorder, wanted->from, wanted->to);
  if (!status) {
    status = reorder_run(&reorder, wanted->stream, (void*)(uintptr_t)floats, pack->memory);
  }
  reorder_release(&reorder);
  free(memory);
  return status;
}

static void release_form(void* form) {
  desc_release(&((form_t*)form)->desc);
  free(form);
}

static const ppn_engine_packing_t packing = {is_wanted, make_pack, release_form};

// ---- Making ready ----

static ppn_status_t add_argument(ppn_onednn_t* onednn, int index, desc_t desc, void* data,
                                 dnnl_memory_t* out_memory) {
  dnnl_memory_t memory = NULL;
  TRY(dnnl_memory_create(&memory, desc, cpu, data ? data : DNNL_MEMORY_NONE));
  onednn->arguments[onednn->argument_count++] = (dnnl_exec_arg_t){index, memory};
  if (out_memory) *out_memory = memory;
  return ppn_status_ok();
}

static bool is_fast(dnnl_primitive_desc_t desc) {
  const char* name = NULL;
  if (dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name) != dnnl_success) {
    return true;
  }
  return strncmp(name, "ref", 3) != 0 && strncmp(name, "simple:ref", 10) != 0;
}

// With one spatial position (and no padding), blocks of channels lie as the channels do.
static bool is_row_major(desc_t desc, const ppn_tensor_t* tensor, desc_t plain) {
  if (dnnl_memory_desc_equal(desc, plain)) return true;
  int64_t area = 1;
  for (int i = 2; i < tensor->rank; ++i) area *= tensor->sizes[i];
  return tensor->rank > 2 && area == 1 &&
         dnnl_memory_desc_get_size(desc) == dnnl_memory_desc_get_size(plain);
}

// The result's layout, from the primitive's descriptor.
static ppn_status_t set_layout(ppn_onednn_t* onednn, const ppn_tensor_t* y) {
  ppn_tensor_t dense = contiguous(y);
  desc_t desc = dnnl_primitive_desc_query_md(onednn->desc, dnnl_query_dst_md, 0);
  own_desc_t plain;
  TRY(desc_of(&plain, &dense));
  size_t size = dnnl_memory_desc_get_size(DESC(plain));
  onednn->has_layout = !is_row_major(desc, y, DESC(plain));
  onednn->layout.descriptor = desc;
  onednn->layout.size = dnnl_memory_desc_get_size(desc);
  onednn->layout.is_padded = onednn->layout.size != size;
  desc_release(&plain);
  return ppn_status_ok();
}

// `y` has the sizes of what is added.
static ppn_status_t take_added(ppn_onednn_t* onednn, ppn_engine_fused_t* added,
                               const ppn_tensor_t* y) {
  ppn_tensor_t dense = contiguous(y);
  desc_t to = dnnl_primitive_desc_query_md(onednn->desc, dnnl_query_dst_md, 0);
  own_desc_t plain;
  TRY(desc_of(&plain, &dense));
  desc_t from = added->layout ? added->layout->descriptor : DESC(plain);
  bool is_same = dnnl_memory_desc_equal(from, to) || (!added->layout && !onednn->has_layout);
  added->is_target = added->is_dead && is_same;
  ppn_status_t status =
      added->is_target ? ppn_status_ok() : reorder_create(&onednn->take_added, from, to);
  desc_release(&plain);
  return status;
}

// x comes as `given`; the primitive may want it otherwise.
static ppn_status_t take_x(ppn_onednn_t* onednn, const ppn_onednn_request_t* request,
                           desc_t given) {
  desc_t wanted = dnnl_primitive_desc_query_md(onednn->desc, dnnl_query_src_md, 0);
  PPN_RETURN_IF_ERROR(add_argument(onednn, DNNL_ARG_SRC, wanted, NULL, &onednn->x));
  onednn->has_x_layout = request->x_layout || !dnnl_memory_desc_equal(given, wanted);
  onednn->x_layout = (ppn_engine_layout_t){wanted, dnnl_memory_desc_get_size(wanted), false};
  bool is_same = dnnl_memory_desc_equal(given, wanted) ||
                 (!request->x_layout && is_row_major(wanted, request->x, given));
  if (is_same) return ppn_status_ok();
  onednn->x_size = ppn_align(dnnl_memory_desc_get_size(wanted), PPN_ENGINE_ALIGNMENT);
  return reorder_create(&onednn->take_x, given, wanted);
}

static ppn_status_t take_constants(ppn_onednn_t* onednn, const ppn_onednn_request_t* request,
                                   desc_t weight) {
  if (request->role == PPN_ONEDNN_FRAME) return ppn_status_ok();
  desc_t packed = dnnl_primitive_desc_query_md(onednn->desc, dnnl_query_weights_md, 0);
  onednn->packs = request->packs;
  const wanted_t wanted = {onednn->stream, weight, packed};
  PPN_RETURN_IF_ERROR(
      ppn_engine_packs_get(request->packs, &packing, request->weight, &wanted, &onednn->weight));
  PPN_RETURN_IF_ERROR(add_argument(onednn, DNNL_ARG_WEIGHTS, packed, onednn->weight->memory, NULL));
  if (!request->bias) return ppn_status_ok();
  desc_t bias = dnnl_primitive_desc_query_md(onednn->desc, dnnl_query_weights_md, 1);
  int64_t count = ppn_tensor_numel(request->y) > 0
                      ? (int64_t)(dnnl_memory_desc_get_size(bias) / sizeof(float))
                      : 0;
  float* values = onednn->bias = ppn_engine_pack_allocate((size_t)count * sizeof(float));
  if (!values) return ppn_out_of_memory();
  // A bias of one element counts for all.
  bool is_single = ppn_tensor_numel(request->bias) == 1;
  for (int64_t i = 0; i < count; ++i) {
    values[i] =
        (float)ppn_element_as_double(request->bias->dtype, request->bias->data, is_single ? 0 : i);
  }
  return add_argument(onednn, DNNL_ARG_BIAS, bias, values, NULL);
}

static ppn_status_t complete(ppn_onednn_t* onednn, const ppn_onednn_request_t* request) {
  desc_t y = dnnl_primitive_desc_query_md(onednn->desc, dnnl_query_dst_md, 0);
  desc_t scratchpad = dnnl_primitive_desc_query_md(onednn->desc, dnnl_query_scratchpad_md, 0);
  PPN_RETURN_IF_ERROR(add_argument(onednn, DNNL_ARG_DST, y, NULL, &onednn->y));
  PPN_RETURN_IF_ERROR(
      add_argument(onednn, DNNL_ARG_SCRATCHPAD, scratchpad, NULL, &onednn->scratchpad));
  onednn->scratch_size = onednn->x_size;
  if (request->role == PPN_ONEDNN_FRAME) return ppn_status_ok();
  onednn->scratch_size += dnnl_memory_desc_get_size(scratchpad);
  TRY(dnnl_primitive_create(&onednn->primitive, onednn->desc));
  return ppn_status_ok();
}

static ppn_status_t finish(ppn_onednn_t* onednn, const ppn_onednn_request_t* request) {
  ppn_engine_fused_t* added = find_addition(request);
  PPN_RETURN_IF_ERROR(set_layout(onednn, request->y));
  if (added && request->role != PPN_ONEDNN_PART) {
    PPN_RETURN_IF_ERROR(take_added(onednn, added, request->y));
  }
  return complete(onednn, request);
}

// The result is row-major although its descriptor has other dimensions; so is what is added.
static ppn_status_t finish_row_major(ppn_onednn_t* onednn, const ppn_onednn_request_t* request) {
  ppn_engine_fused_t* added = find_addition(request);
  if (added && request->role != PPN_ONEDNN_PART) {
    desc_t y = dnnl_primitive_desc_query_md(onednn->desc, dnnl_query_dst_md, 0);
    added->is_target = added->is_dead;
    if (!added->is_target) PPN_RETURN_IF_ERROR(reorder_create(&onednn->take_added, y, y));
  }
  return complete(onednn, request);
}

static ppn_status_t start(ppn_onednn_t** out_onednn) {
  *out_onednn = NULL;
  pthread_once(&cpu_once, create_engine);
  if (!cpu) return ppn_status_make(PPN_STATUS_UNSUPPORTED, "oneDNN has no CPU engine");
  ppn_onednn_t* onednn = calloc(1, sizeof(*onednn));
  if (!onednn) return ppn_out_of_memory();
  dnnl_status_t status = dnnl_stream_create(&onednn->stream, cpu, dnnl_stream_default_flags);
  if (status != dnnl_success) {
    free(onednn);
    return fail(status);
  }
  onednn->previous_threads = use_one_thread();
  *out_onednn = onednn;
  return ppn_status_ok();
}

void ppn_onednn_free(ppn_onednn_t* onednn) {
  if (!onednn) return;
  reorder_release(&onednn->take_x);
  reorder_release(&onednn->take_added);
  for (int i = 0; i < onednn->argument_count; ++i) {
    dnnl_memory_destroy(onednn->arguments[i].memory);
  }
  if (onednn->primitive) dnnl_primitive_destroy(onednn->primitive);
  if (onednn->desc) dnnl_primitive_desc_destroy(onednn->desc);
  if (onednn->stream) dnnl_stream_destroy(onednn->stream);
  ppn_engine_packs_release(onednn->packs, onednn->weight);
  free(onednn->bias);
  free(onednn);
}

// Keeps or frees what a creating function made.
static ppn_status_t conclude(ppn_status_t status, ppn_onednn_t* onednn, ppn_onednn_t** out_onednn) {
  use_threads(onednn->previous_threads);
  *out_onednn = status ? NULL : onednn;
  if (status) ppn_onednn_free(onednn);
  return status;
}

static ppn_status_t check_fast(const ppn_onednn_t* onednn) {
  return is_fast(onednn->desc) ? ppn_status_ok() : fail(dnnl_unimplemented);
}

// ---- Convolution ----

typedef struct descs {
  own_desc_t given, x, weight, any_weight, bias, y;
} descs_t;

static void release_descs(descs_t* descs) {
  desc_release(&descs->given);
  desc_release(&descs->x);
  desc_release(&descs->weight);
  desc_release(&descs->any_weight);
  desc_release(&descs->bias);
  desc_release(&descs->y);
}

// [out, in / groups, …] as [groups, out / groups, in / groups, …].
static ppn_tensor_t grouped(const ppn_tensor_t* weight, int64_t groups) {
  int64_t sizes[PPN_MAX_RANK];
  if (groups == 1) return contiguous(weight);
  sizes[0] = groups;
  for (int i = 0; i < weight->rank; ++i) sizes[i + 1] = weight->sizes[i];
  sizes[1] /= groups;
  return ppn_tensor_make(NULL, PPN_DTYPE_FLOAT32, weight->rank + 1, sizes);
}

static ppn_status_t describe_convolution(const ppn_onednn_request_t* request, int64_t groups,
                                         descs_t* out) {
  ppn_tensor_t x = contiguous(request->x), y = contiguous(request->y),
               weight = grouped(request->weight, groups);
  TRY(desc_of(&out->given, &x));
  TRY(desc_any(&out->x, x.rank, x.sizes));
  TRY(desc_of(&out->weight, &weight));
  TRY(desc_any(&out->any_weight, weight.rank, weight.sizes));
  TRY(desc_any(&out->y, y.rank, y.sizes));
  if (request->bias) {
    const dnnl_dims_t size = {y.sizes[1]}, stride = {1};
    TRY(desc_strided(&out->bias, 1, size, stride));
  }
  return ppn_status_ok();
}

static ppn_status_t make_convolution(ppn_onednn_t* onednn, const ppn_onednn_request_t* request,
                                     const ppn_engine_windows_t* windows, const descs_t* descs) {
  dnnl_primitive_attr_t attributes = NULL;
  space_t space = space_of(windows);
  bool is_part = request->role == PPN_ONEDNN_PART;
  desc_t x = !is_part            ? DESC(descs->x)
             : request->x_layout ? request->x_layout->descriptor
                                 : DESC(descs->given);
  desc_t y = is_part && request->y_layout ? request->y_layout->descriptor : DESC(descs->y);
  ppn_status_t status = make_attributes(request, &attributes);
  if (!status) {
    dnnl_status_t result =
        create_convolution(&onednn->desc, cpu, x, DESC(descs->any_weight),
                           request->bias ? DESC(descs->bias) : NULL, y, &space, attributes);
    if (result != dnnl_success) status = fail(result);
  }
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  if (!status) status = check_fast(onednn);
  return status;
}

ppn_status_t ppn_onednn_convolution_create(const ppn_onednn_request_t* request, int64_t groups,
                                           const ppn_engine_windows_t* windows,
                                           ppn_onednn_t** out_onednn) {
  ppn_onednn_t* onednn = NULL;
  descs_t descs;
  memset(&descs, 0, sizeof(descs));
  PPN_RETURN_IF_ERROR(start(&onednn));
  ppn_status_t status = describe_convolution(request, groups, &descs);
  if (!status) status = make_convolution(onednn, request, windows, &descs);
  if (!status) {
    status = take_x(onednn, request,
                    request->x_layout ? request->x_layout->descriptor : DESC(descs.given));
  }
  if (!status) status = take_constants(onednn, request, DESC(descs.weight));
  if (!status) status = finish(onednn, request);
  release_descs(&descs);
  return conclude(status, onednn, out_onednn);
}

// ---- Matrix products ----

static ppn_status_t make_product(ppn_onednn_t* onednn, const ppn_onednn_request_t* request,
                                 desc_t weight, const descs_t* descs) {
  dnnl_primitive_attr_t attributes = NULL;
  ppn_status_t status = make_attributes(request, &attributes);
  if (!status) {
    dnnl_status_t result =
        create_matmul(&onednn->desc, cpu, DESC(descs->given), weight,
                      request->bias ? DESC(descs->bias) : NULL, DESC(descs->y), attributes);
    if (result != dnnl_success) status = fail(result);
  }
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  if (!status) status = check_fast(onednn);
  return status;
}

// [rows, columns] of a tensor whose leading dimensions are taken together.
static ppn_tensor_t as_matrix(const ppn_tensor_t* tensor) {
  if (tensor->rank == 2) return *tensor;
  int64_t columns = tensor->sizes[tensor->rank - 1];
  const int64_t sizes[] = {columns ? ppn_tensor_numel(tensor) / columns : 0, columns};
  return ppn_tensor_make(NULL, PPN_DTYPE_FLOAT32, 2, sizes);
}

static ppn_status_t create_by_matmul(ppn_onednn_t* onednn, const ppn_onednn_request_t* request,
                                     descs_t* descs) {
  const ppn_tensor_t *x = request->x, *y = request->y;
  const dnnl_dims_t sizes = {x->sizes[1], y->sizes[1]}, transposed = {1, x->sizes[1]},
                    bias_sizes = {1, y->sizes[1]}, bias_strides = {y->sizes[1], 1};
  TRY(desc_of(&descs->given, x));
  TRY(desc_of(&descs->y, y));
  TRY(desc_strided(&descs->weight, 2, sizes, transposed));
  TRY(desc_any(&descs->any_weight, 2, sizes));
  if (request->bias) TRY(desc_strided(&descs->bias, 2, bias_sizes, bias_strides));
  PPN_RETURN_IF_ERROR(make_product(onednn, request, DESC(descs->any_weight), descs));
  PPN_RETURN_IF_ERROR(take_x(onednn, request, DESC(descs->given)));
  PPN_RETURN_IF_ERROR(take_constants(onednn, request, DESC(descs->weight)));
  return finish(onednn, request);
}

// Rows are positions of an image of one line whose channels are the columns, and a dense image of
// channels last is a row-major matrix. Convolutions over one position are oneDNN's fastest
// products: their weights are packed, and what is fused costs little.
static ppn_status_t create_by_convolution(ppn_onednn_t* onednn, const ppn_onednn_request_t* request,
                                          descs_t* descs) {
  const ppn_tensor_t *x = request->x, *y = request->y;
  int64_t rows = x->sizes[0], depth = x->sizes[1], columns = y->sizes[1];
  const dnnl_dims_t x_sizes = {1, depth, 1, rows}, y_sizes = {1, columns, 1, rows},
                    sizes = {columns, depth, 1, 1}, strides = {depth, 1, 1, 1},
                    bias_sizes = {columns}, bias_strides = {1};
  static const ppn_engine_windows_t point = {
      .rank = 2, .kernel = {1, 1}, .strides = {1, 1}, .dilations = {1, 1}};
  space_t space = space_of(&point);
  dnnl_primitive_attr_t attributes = NULL;
  TRY(desc_tagged(&descs->given, 4, x_sizes, dnnl_nhwc));
  TRY(desc_tagged(&descs->y, 4, y_sizes, dnnl_nhwc));
  TRY(desc_strided(&descs->weight, 4, sizes, strides));
  TRY(desc_any(&descs->any_weight, 4, sizes));
  if (request->bias) TRY(desc_strided(&descs->bias, 1, bias_sizes, bias_strides));
  ppn_status_t status = make_attributes(request, &attributes);
  if (!status) {
    status = fail(create_convolution(
        &onednn->desc, cpu, DESC(descs->given), DESC(descs->any_weight),
        request->bias ? DESC(descs->bias) : NULL, DESC(descs->y), &space, attributes));
  }
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  if (!status) status = check_fast(onednn);
  PPN_RETURN_IF_ERROR(status);
  PPN_RETURN_IF_ERROR(take_x(onednn, request, DESC(descs->given)));
  PPN_RETURN_IF_ERROR(take_constants(onednn, request, DESC(descs->weight)));
  return finish_row_major(onednn, request);
}

static ppn_status_t create_linear(ppn_onednn_t* onednn, const ppn_onednn_request_t* request,
                                  descs_t* descs) {
  enum { ROWS_OF_AN_IMAGE = 8 };  // with fewer, packing and positions cost more than they give
  ppn_tensor_t x = as_matrix(request->x), y = as_matrix(request->y);
  ppn_onednn_request_t flat = *request;
  flat.x = &x;
  flat.y = &y;
  if (x.sizes[0] >= ROWS_OF_AN_IMAGE && ppn_tensor_is_contiguous(&x) &&
      ppn_tensor_is_contiguous(&y)) {
    return create_by_convolution(onednn, &flat, descs);
  }
  return create_by_matmul(onednn, &flat, descs);
}

ppn_status_t ppn_onednn_linear_create(const ppn_onednn_request_t* request,
                                      ppn_onednn_t** out_onednn) {
  ppn_onednn_t* onednn = NULL;
  descs_t descs;
  memset(&descs, 0, sizeof(descs));
  PPN_RETURN_IF_ERROR(start(&onednn));
  ppn_status_t status = create_linear(onednn, request, &descs);
  release_descs(&descs);
  return conclude(status, onednn, out_onednn);
}

static ppn_status_t create_batched(ppn_onednn_t* onednn, const ppn_onednn_request_t* request,
                                   const ppn_tensor_t* other, descs_t* descs) {
  ppn_tensor_t y = *request->y;
  TRY(desc_of(&descs->given, request->x));
  TRY(desc_of(&descs->weight, other));
  TRY(desc_of(&descs->y, &y));
  PPN_RETURN_IF_ERROR(make_product(onednn, request, DESC(descs->weight), descs));
  PPN_RETURN_IF_ERROR(add_argument(onednn, DNNL_ARG_SRC, DESC(descs->given), NULL, &onednn->x));
  PPN_RETURN_IF_ERROR(
      add_argument(onednn, DNNL_ARG_WEIGHTS, DESC(descs->weight), NULL, &onednn->other));
  return finish(onednn, request);
}

ppn_status_t ppn_onednn_matmul_create(const ppn_onednn_request_t* request,
                                      const ppn_tensor_t* other, ppn_onednn_t** out_onednn) {
  ppn_onednn_t* onednn = NULL;
  descs_t descs;
  memset(&descs, 0, sizeof(descs));
  PPN_RETURN_IF_ERROR(start(&onednn));
  ppn_status_t status = create_batched(onednn, request, other, &descs);
  release_descs(&descs);
  return conclude(status, onednn, out_onednn);
}

// ---- Pooling, reordering ----

static ppn_status_t create_pool(ppn_onednn_t* onednn, const ppn_onednn_request_t* request,
                                ppn_onednn_pooling_t kind, const ppn_engine_windows_t* windows,
                                descs_t* descs) {
  static const dnnl_alg_kind_t kinds[] = {
      [PPN_ONEDNN_POOL_MAXIMUM] = dnnl_pooling_max,
      [PPN_ONEDNN_POOL_AVERAGE] = dnnl_pooling_avg_include_padding,
      [PPN_ONEDNN_POOL_AVERAGE_OF_INNER] = dnnl_pooling_avg_exclude_padding,
  };
  ppn_tensor_t x = contiguous(request->x), y = contiguous(request->y);
  dnnl_primitive_attr_t attributes = NULL;
  space_t space = space_of(windows);
  TRY(desc_of(&descs->given, &x));
  TRY(desc_any(&descs->y, y.rank, y.sizes));
  desc_t given = request->x_layout ? request->x_layout->descriptor : DESC(descs->given);
  ppn_status_t status = make_attributes(request, &attributes);
  if (!status) {
    dnnl_status_t result = create_pooling(
        &onednn->desc, cpu, kinds[kind], given,
        request->y_layout ? request->y_layout->descriptor : DESC(descs->y), &space, attributes);
    if (result != dnnl_success) status = fail(result);
  }
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  PPN_RETURN_IF_ERROR(status);
  PPN_RETURN_IF_ERROR(check_fast(onednn));
  PPN_RETURN_IF_ERROR(take_x(onednn, request, given));
  return finish(onednn, request);
}

ppn_status_t ppn_onednn_pooling_create(const ppn_onednn_request_t* request,
                                       ppn_onednn_pooling_t kind,
                                       const ppn_engine_windows_t* windows,
                                       ppn_onednn_t** out_onednn) {
  ppn_onednn_t* onednn = NULL;
  descs_t descs;
  memset(&descs, 0, sizeof(descs));
  PPN_RETURN_IF_ERROR(start(&onednn));
  ppn_status_t status = create_pool(onednn, request, kind, windows, &descs);
  release_descs(&descs);
  return conclude(status, onednn, out_onednn);
}

static ppn_status_t create_reorder(ppn_onednn_t* onednn, const ppn_onednn_request_t* request) {
  ppn_tensor_t y = contiguous(request->y);
  own_desc_t plain;
  TRY(desc_of(&plain, &y));
  ppn_status_t status = reorder_create(&onednn->take_x, request->x_layout->descriptor, DESC(plain));
  desc_release(&plain);
  return status;
}

ppn_status_t ppn_onednn_reorder_create(const ppn_onednn_request_t* request,
                                       ppn_onednn_t** out_onednn) {
  ppn_onednn_t* onednn = NULL;
  PPN_RETURN_IF_ERROR(start(&onednn));
  return conclude(create_reorder(onednn, request), onednn, out_onednn);
}

// ---- Use ----

bool ppn_engine_layout_equal(const ppn_engine_layout_t* a, const ppn_engine_layout_t* b) {
  if (!a || !b) return a == b;
  return a->size == b->size && dnnl_memory_desc_equal(a->descriptor, b->descriptor);
}

const ppn_engine_layout_t* ppn_onednn_layout(const ppn_onednn_t* onednn) {
  return onednn->has_layout ? &onednn->layout : NULL;
}

size_t ppn_onednn_scratch_size(const ppn_onednn_t* onednn) {
  return onednn->scratch_size;
}

const ppn_engine_layout_t* ppn_onednn_x_layout(const ppn_onednn_t* onednn) {
  return onednn->has_x_layout ? &onednn->x_layout : NULL;
}

static ppn_status_t bring(ppn_onednn_t* onednn, const ppn_onednn_operands_t* operands,
                          void** out_x) {
  *out_x = operands->x;
  if (onednn->take_x.primitive) {
    PPN_RETURN_IF_ERROR(
        reorder_run(&onednn->take_x, onednn->stream, operands->x, operands->scratch));
    *out_x = operands->scratch;
  }
  if (!onednn->take_added.primitive) return ppn_status_ok();
  return reorder_run(&onednn->take_added, onednn->stream, operands->added, operands->y);
}

static ppn_status_t execute(ppn_onednn_t* onednn, const ppn_onednn_operands_t* operands) {
  void* x = NULL;
  if (!onednn->desc) {
    return reorder_run(&onednn->take_x, onednn->stream, operands->x, operands->y);
  }
  PPN_RETURN_IF_ERROR(bring(onednn, operands, &x));
  TRY(dnnl_memory_set_data_handle(onednn->x, x));
  if (onednn->other) TRY(dnnl_memory_set_data_handle(onednn->other, operands->other));
  TRY(dnnl_memory_set_data_handle(onednn->y, operands->y));
  TRY(dnnl_memory_set_data_handle(onednn->scratchpad, (char*)operands->scratch + onednn->x_size));
  TRY(dnnl_primitive_execute(onednn->primitive, onednn->stream, onednn->argument_count,
                             onednn->arguments));
  TRY(dnnl_stream_wait(onednn->stream));
  return ppn_status_ok();
}

ppn_status_t ppn_onednn_bring(ppn_onednn_t* frame, const ppn_onednn_operands_t* operands,
                              void** out_x) {
  int previous = use_one_thread();
  ppn_status_t status = bring(frame, operands, out_x);
  use_threads(previous);
  return status;
}

ppn_status_t ppn_onednn_run(ppn_onednn_t* onednn, const ppn_onednn_operands_t* operands) {
  int previous = use_one_thread();
  ppn_status_t status = execute(onednn, operands);
  use_threads(previous);
  return status;
}

// ---- Channels in blocks ----

struct ppn_onednn_blocks {
  ppn_engine_layout_t layout;
  own_desc_t desc;
};

static dnnl_status_t desc_blocked(own_desc_t* out, const ppn_tensor_t* tensor, int64_t block) {
  static const dnnl_format_tag_t tags[][2] = {
      {dnnl_nCw8c, dnnl_nCw16c}, {dnnl_nChw8c, dnnl_nChw16c}, {dnnl_nCdhw8c, dnnl_nCdhw16c}};
  if (tensor->rank < 3 || tensor->rank > 5) return dnnl_unimplemented;
  return desc_tagged(out, tensor->rank, tensor->sizes, tags[tensor->rank - 3][block == 16]);
}

int64_t ppn_onednn_channel_block(const ppn_engine_layout_t* layout, const ppn_tensor_t* tensor) {
  for (int64_t block = 16; layout && block >= 8; block /= 2) {
    own_desc_t blocked;
    if (desc_blocked(&blocked, tensor, block) != dnnl_success) continue;
    bool is_equal = dnnl_memory_desc_equal(layout->descriptor, DESC(blocked));
    desc_release(&blocked);
    if (is_equal) return block;
  }
  return 0;
}

ppn_status_t ppn_onednn_blocks_create(int64_t block, const ppn_tensor_t* tensor,
                                      ppn_onednn_blocks_t** out_blocks) {
  *out_blocks = NULL;
  ppn_onednn_blocks_t* blocks = calloc(1, sizeof(*blocks));
  if (!blocks) return ppn_out_of_memory();
  dnnl_status_t status = desc_blocked(&blocks->desc, tensor, block);
  if (status != dnnl_success) {
    free(blocks);
    return fail(status);
  }
  blocks->layout.descriptor = DESC(blocks->desc);
  blocks->layout.size = dnnl_memory_desc_get_size(DESC(blocks->desc));
  blocks->layout.is_padded = tensor->sizes[1] % block != 0;
  *out_blocks = blocks;
  return ppn_status_ok();
}

const ppn_engine_layout_t* ppn_onednn_blocks_layout(const ppn_onednn_blocks_t* blocks) {
  return blocks ? &blocks->layout : NULL;
}

void ppn_onednn_blocks_free(ppn_onednn_blocks_t* blocks) {
  if (!blocks) return;
  desc_release(&blocks->desc);
  free(blocks);
}

#else

bool ppn_engine_layout_equal(const ppn_engine_layout_t* a, const ppn_engine_layout_t* b) {
  return a == b;
}

#endif  // PPN_WITH_ONEDNN
