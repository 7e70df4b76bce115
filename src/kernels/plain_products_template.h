// The loops of kernels/plain_products.h for one type of elements, ELEMENT, added up as SUM.

#ifndef CONVOLUTION_ONLY
void NAME(ppn_plain_product)(int64_t rows, int64_t columns, int64_t depth, const ELEMENT* a,
                             const ELEMENT* b, ELEMENT* c, ELEMENT alpha, ELEMENT beta) {
  for (int64_t i = 0; i < rows; ++i) {
    ELEMENT* row = c + i * columns;
    for (int64_t j = 0; j < columns; ++j)
      row[j] = beta == 0 ? 0 : (ELEMENT)((SUM)beta * (SUM)row[j]);
    for (int64_t k = 0; k < depth; ++k) {
      SUM factor = (SUM)alpha * (SUM)a[i * depth + k];
      for (int64_t j = 0; j < columns; ++j)
        row[j] = (ELEMENT)((SUM)row[j] + factor * (SUM)b[k * columns + j]);
    }
  }
}
#endif

// One element of y: channel `o` of group `g` at the flat position `position`, without bias.
static SUM NAME(convolution_element)(const ppn_convolution_t* convolution, const ELEMENT* x,
                                     const ELEMENT* weight, int64_t g, int64_t o,
                                     int64_t position) {
  int rank = convolution->rank;
  int64_t in_channels = convolution->in_channels / convolution->groups,
          out_channels = convolution->out_channels / convolution->groups;
  int64_t in_size = ppn_convolution_product(rank, convolution->in_sizes),
          kernel_size = ppn_convolution_product(rank, convolution->kernel);
  int64_t p[PPN_CONVOLUTION_MAX_RANK], k[PPN_CONVOLUTION_MAX_RANK];
  ppn_convolution_unflatten(rank, convolution->out_sizes, position, p);
  SUM sum = 0;
  for (int64_t tap = 0; tap < kernel_size; ++tap) {
    ppn_convolution_unflatten(rank, convolution->kernel, tap, k);
    int64_t in_position = 0;
    bool inside = true;
    for (int d = 0; d < rank && inside; ++d) {
      int64_t at = 0;
      inside = ppn_convolution_input_position(convolution, d, p[d], k[d], &at);
      in_position = in_position * convolution->in_sizes[d] + at;
    }
    if (!inside) continue;
    for (int64_t c = 0; c < in_channels; ++c) {
      int64_t at = convolution->is_transposed ? (g * in_channels + c) * out_channels + o
                                              : (g * out_channels + o) * in_channels + c;
      sum += (SUM)weight[at * kernel_size + tap] *
             (SUM)x[(g * in_channels + c) * in_size + in_position];
    }
  }
  return sum;
}

void NAME(ppn_plain_convolution)(const ppn_convolution_t* convolution, const ELEMENT* x,
                                 const ELEMENT* weight, const ELEMENT* bias, ELEMENT* y) {
  int rank = convolution->rank;
  int64_t in_size = ppn_convolution_product(rank, convolution->in_sizes),
          out_size = ppn_convolution_product(rank, convolution->out_sizes);
  int64_t per_group = convolution->out_channels / convolution->groups;
  for (int64_t n = 0; n < convolution->batch; ++n) {
    const ELEMENT* image = x + n * convolution->in_channels * in_size;
    for (int64_t o = 0; o < convolution->out_channels; ++o) {
      for (int64_t i = 0; i < out_size; ++i) {
        SUM sum =
            NAME(convolution_element)(convolution, image, weight, o / per_group, o % per_group, i);
        *y++ = (ELEMENT)(bias ? sum + (SUM)bias[o] : sum);
      }
    }
  }
}
