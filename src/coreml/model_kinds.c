// The kinds of Core ML models, for saying which one a model that cannot be read is.
#include "base/status.h"
#include "coreml/model_proto.h"
#include "model.pb-c.h"

// What to do instead.
#define FROM_NETWORK                                                                 \
  "convert the network it was made from to an ML Program (coremltools.convert with " \
  "convert_to=\"mlprogram\", or Pippin)"
#define FROM_MEMBERS "open the models it consists of one by one"
#define ON_APPLE "run it on an Apple device"

typedef struct kind {
  int field;  // of Model's oneof
  const char *name, *advice;
} kind_t;

static const kind_t kinds[] = {
    {200, "a pipeline classifier", FROM_MEMBERS},
    {201, "a pipeline regressor", FROM_MEMBERS},
    {202, "a pipeline", FROM_MEMBERS},
    {300, "a generalised linear regressor", ON_APPLE},
    {301, "a support vector regressor", ON_APPLE},
    {302, "a tree ensemble regressor", ON_APPLE},
    {303, "a neural network regressor", FROM_NETWORK},
    {304, "a Bayesian probit regressor", ON_APPLE},
    {400, "a generalised linear classifier", ON_APPLE},
    {401, "a support vector classifier", ON_APPLE},
    {402, "a tree ensemble classifier", ON_APPLE},
    {403, "a neural network classifier", FROM_NETWORK},
    {404, "a nearest neighbours classifier", ON_APPLE},
    {500, "a neural network", FROM_NETWORK},
    {501, "an item similarity recommender", ON_APPLE},
    {555, "a custom model", ON_APPLE},
    {556, "a linked model", ON_APPLE},
    {560, "a class confidence thresholding", ON_APPLE},
    {600, "a one-hot encoder", ON_APPLE},
    {601, "an imputer", ON_APPLE},
    {602, "a feature vectorizer", ON_APPLE},
    {603, "a dictionary vectorizer", ON_APPLE},
    {604, "a scaler", ON_APPLE},
    {606, "a categorical mapping", ON_APPLE},
    {607, "a normalizer", ON_APPLE},
    {609, "an array feature extractor", ON_APPLE},
    {610, "a non-maximum suppression", ON_APPLE},
    {900, "an identity", ON_APPLE},
    {2000, "a text classifier", ON_APPLE},
    {2001, "a word tagger", ON_APPLE},
    {2002, "a vision feature print", ON_APPLE},
    {2003, "a sound analysis preprocessing", ON_APPLE},
    {2004, "a gazetteer", ON_APPLE},
    {2005, "a word embedding", ON_APPLE},
    {2006, "an audio feature print", ON_APPLE},
    {3000, "a serialized model", ON_APPLE},
};

ppn_status_t ppn_coreml_check_model_kind(int field) {
  if (field == MODEL_PB__MODEL__TYPE_ML_PROGRAM) return ppn_status_ok();
  for (size_t i = 0; i < PPN_COUNT_OF(kinds); ++i) {
    if (kinds[i].field != field) continue;
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "the model is %s; Pippin runs ML Programs only: %s", kinds[i].name,
                           kinds[i].advice);
  }
  return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                         "the model is of no kind that Pippin knows; it runs ML Programs only");
}
