// Names and fixed parts of a model package. Private to the coreml layer.
//
//   Name.mlpackage/
//     Manifest.json
//     Data/com.apple.CoreML/model.mlmodel
//     Data/com.apple.CoreML/weights/weight.bin    absent when no constant is large enough
#ifndef PPN_COREML_PACKAGE_LAYOUT_H_
#define PPN_COREML_PACKAGE_LAYOUT_H_

#include "base/buffer.h"
#include "base/hash.h"

#define PPN_PACKAGE_MANIFEST "Manifest.json"
#define PPN_PACKAGE_DATA "Data/"
#define PPN_PACKAGE_AUTHOR "com.apple.CoreML"
#define PPN_PACKAGE_MODEL_NAME "model.mlmodel"
#define PPN_PACKAGE_WEIGHTS_NAME "weights"
#define PPN_PACKAGE_MODEL PPN_PACKAGE_AUTHOR "/" PPN_PACKAGE_MODEL_NAME
#define PPN_PACKAGE_WEIGHTS PPN_PACKAGE_AUTHOR "/" PPN_PACKAGE_WEIGHTS_NAME
#define PPN_PACKAGE_WEIGHT_FILE PPN_PACKAGE_WEIGHTS "/weight.bin"
// The weight file as a program spells it.
#define PPN_PACKAGE_MODEL_PATH "@model_path/"
#define PPN_PACKAGE_BLOB_PATH PPN_PACKAGE_MODEL_PATH "weights/weight.bin"

// A key of ppn_coreml_payload_key looks like this; all have its length.
#define PPN_PAYLOAD_KEY_SAMPLE "coreml_executorch_00000000-0000-0000-0000-000000000000"

// The hash as text in the form of a UUID (version and variant bits set): 36 characters and a 0.
void ppn_uuid_from_hash(ppn_hash128_t hash, char out_text[37]);

// Appends `text` as a JSON string with quotes. Bytes over 127 are copied.
void ppn_json_append_string(ppn_buffer_t* out, const char* text);

#endif  // PPN_COREML_PACKAGE_LAYOUT_H_
