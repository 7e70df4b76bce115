// Programs from their text.
#include "formats/proto_message.h"
#include "mil/proto_reading.h"
#include "mil/text.h"
#include "mil/text_parser.h"

static ppn_status_t parse(ppn_span_t text, ppn_arena_t* arena, MilPb__Program** out_program) {
  ppn_mil_text_parser_t parser = {.arena = arena};
  parser.lexer.source = text.size > 0 ? ppn_sv_make((const char*)text.data, text.size) : ppn_sv("");
  ppn_status_t status = ppn_mil_text_parse_program(&parser, out_program);
  ppn_buffer_release(&parser.pointers);
  ppn_buffer_release(&parser.elements);
  return status;
}

static ppn_status_t locate(void* context, const MilPb__Operation* operation, ppn_status_t status) {
  const ppn_span_t* text = context;
  const ppn_mil_located_operation_t* located = (const ppn_mil_located_operation_t*)operation;
  uint32_t line, column;
  ppn_mil_text_position(ppn_sv_make((const char*)text->data, text->size), located->offset, &line,
                        &column);
  return ppn_status_annotate(status, "line %u, column %u", line, column);
}

ppn_status_t ppn_mil_program_read_text(ppn_span_t text, ppn_mil_blob_source_t blobs,
                                       ppn_mil_program_t** out_program) {
  *out_program = NULL;
  ppn_arena_t arena = {0};
  MilPb__Program* message = NULL;
  ppn_mil_locator_t locator = {locate, &text};
  ppn_status_t status = parse(text, &arena, &message);
  if (!status) status = ppn_mil_program_read_message(message, blobs, &locator, out_program);
  ppn_arena_release(&arena);
  return status;
}

ppn_status_t ppn_mil_text_to_proto(ppn_span_t text, ppn_buffer_t* out) {
  ppn_arena_t arena = {0};
  MilPb__Program* message = NULL;
  ppn_status_t status = parse(text, &arena, &message);
  if (!status) status = ppn_proto_pack(&message->base, out);
  ppn_arena_release(&arena);
  return status;
}
