// Compiled models as models: description and program text instead of a Model message.
#include "coreml/compiled.h"
#include "coreml/model_proto.h"
#include "coreml/model_reading.h"
#include "mil/text.h"

// A compiled model without a program's text is another kind of model, or a pipeline.
static ppn_status_t find_program(ppn_package_find_t find, void* context, ppn_span_t* out_text) {
  ppn_status_t status = find(context, PPN_COMPILED_PROGRAM, out_text);
  if (ppn_status_code(status) != PPN_STATUS_NOT_FOUND) return status;
  return ppn_status_annotate(status, "the compiled model has no program");
}

ppn_status_t ppn_coreml_read_compiled(ppn_coreml_model_t* model, ppn_span_t data,
                                      ppn_package_find_t find, void* context) {
  int version = 0;
  ppn_span_t description, text;
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_coreml_compiled_read_data(data, &version, &description),
                                PPN_COMPILED_DATA);
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_coreml_model_read_description(version, description, model),
                                PPN_COMPILED_DATA);
  PPN_RETURN_IF_ERROR(find_program(find, context, &text));
  ppn_coreml_weight_source_t weights = {
      .model = model, .find = find, .context = context, .folder = ""};
  PPN_RETURN_IF_ERROR_ANNOTATED(
      ppn_mil_program_read_text(text, ppn_coreml_blob_source(&weights), &model->program),
      PPN_COMPILED_PROGRAM);
  model->owns_program = true;
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_coreml_model_match_interfaces(model), PPN_COMPILED_PROGRAM);
  return ppn_status_ok();
}
