// Programs from messages in memory, whatever these were read from. Private to the mil layer.
#ifndef PPN_MIL_PROTO_READING_H_
#define PPN_MIL_PROTO_READING_H_

#include "mil.pb-c.h"
#include "mil/proto.h"

// Says in an error where the operation stands in the source.
typedef struct ppn_mil_locator {
  ppn_status_t (*locate)(void* context, const MilPb__Operation* operation, ppn_status_t status);
  void* context;
} ppn_mil_locator_t;

// As ppn_mil_program_read_proto; the program keeps nothing of the message. `locator` may be NULL.
ppn_status_t ppn_mil_program_read_message(const MilPb__Program* message,
                                          ppn_mil_blob_source_t blobs,
                                          const ppn_mil_locator_t* locator,
                                          ppn_mil_program_t** out_program) PPN_MUST_USE;

#endif  // PPN_MIL_PROTO_READING_H_
