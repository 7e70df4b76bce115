"""Architectures of the transformers package, unchanged, small configurations, random weights: name -> (module, inputs).

The widths are small so that a model exports in seconds; the graph of a layer is the one of the full size.
"""

import inspect
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from torch import nn

MODELS = {}


class Wrapped(nn.Module):
    """Calls a model with keyword arguments and takes the tensors that matter from its answer."""

    def __init__(self, inner, names, outputs, **constants):
        super().__init__()
        self.inner, self.names, self.outputs, self.constants = inner, names, outputs, constants

    def forward(self, *inputs):
        answer = self.inner(**dict(zip(self.names, inputs)), **self.constants)
        results = tuple(getattr(answer, name) for name in self.outputs)
        return results[0] if len(results) == 1 else results


def add(name, model, inputs, outputs=("logits",), constants=None, config=None, **sizes):
    """`inputs`: input name -> function making a tensor. `config`: the class's name where it isn't derived from the model's."""

    def build():
        model_class = getattr(transformers, model)
        configuration = model_class.config_class(**sizes) if config is None else getattr(transformers, config)(**sizes)
        inner = model_class(configuration)
        accepted = inspect.signature(inner.forward).parameters
        fixed = dict(constants or {})
        for key, value in (("use_cache", False), ("return_dict", True)):
            if key in accepted:
                fixed.setdefault(key, value)
        return Wrapped(inner, list(inputs), outputs, **fixed), tuple(make() for make in inputs.values())

    MODELS[name] = build


def tokens(length=16, vocabulary=128):
    return lambda: torch.randint(3, vocabulary, (1, length))


def ones(length=16):
    return lambda: torch.ones(1, length, dtype=torch.int64)


def image(size=64, channels=3):
    return lambda: torch.randn(1, channels, size, size)


def noise(*sizes):
    return lambda: torch.randn(*sizes)


TEXT = {"input_ids": tokens()}
MASKED = {"input_ids": tokens(), "attention_mask": ones()}
PIXELS = {"pixel_values": image()}
HIDDEN = ("last_hidden_state",)
SMALL = dict(vocab_size=128, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
DECODER = dict(SMALL, num_key_value_heads=2, max_position_embeddings=64)

# ---- Text, encoders ----
for name, model in [("bert", "BertModel"), ("roberta", "RobertaModel"), ("electra", "ElectraModel"), ("mpnet", "MPNetModel"),
                    ("squeezebert", "SqueezeBertModel"), ("layoutlm", "LayoutLMModel")]:
    extra = {"embedding_size": 32} if name in ("electra", "squeezebert") else {}
    add(name, model, MASKED, HIDDEN, max_position_embeddings=64, **SMALL, **extra)
add("albert", "AlbertModel", MASKED, HIDDEN, embedding_size=16, max_position_embeddings=64, **SMALL)
add("distilbert", "DistilBertModel", MASKED, HIDDEN, vocab_size=128, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=64)
add("deberta_v2", "DebertaV2Model", MASKED, HIDDEN, max_position_embeddings=64, relative_attention=True, position_buckets=8,
    pos_att_type=["c2p", "p2c"], **SMALL)
add("fnet", "FNetModel", TEXT, HIDDEN, vocab_size=128, hidden_size=32, num_hidden_layers=2, intermediate_size=64, max_position_embeddings=64)

# ---- Text, decoders ----
for name, model in [("llama", "LlamaForCausalLM"), ("qwen2", "Qwen2ForCausalLM"), ("qwen3", "Qwen3ForCausalLM"), ("mistral", "MistralForCausalLM"),
                    ("gemma", "GemmaForCausalLM"), ("gemma2", "Gemma2ForCausalLM"), ("gemma3", "Gemma3ForCausalLM"), ("olmo", "OlmoForCausalLM"),
                    ("granite", "GraniteForCausalLM"), ("stablelm", "StableLmForCausalLM"), ("smollm3", "SmolLM3ForCausalLM")]:
    extra = {"head_dim": 8} if name.startswith(("gemma", "qwen3")) else {}
    add(name, model, TEXT, pad_token_id=0, bos_token_id=1, eos_token_id=2, **DECODER, **extra)
add("phi", "PhiForCausalLM", TEXT, **dict(DECODER, num_key_value_heads=4))
add("phi3", "Phi3ForCausalLM", TEXT, pad_token_id=0, **DECODER)
add("gpt_neox", "GPTNeoXForCausalLM", TEXT, max_position_embeddings=64, **SMALL)
add("opt", "OPTForCausalLM", TEXT, vocab_size=128, hidden_size=32, num_hidden_layers=2, ffn_dim=64, num_attention_heads=4,
    max_position_embeddings=64, word_embed_proj_dim=32)
add("bloom", "BloomForCausalLM", TEXT, vocab_size=128, hidden_size=32, n_layer=2, n_head=4)
add("falcon", "FalconForCausalLM", TEXT, vocab_size=128, hidden_size=32, num_hidden_layers=2, num_attention_heads=4)
add("mixtral", "MixtralForCausalLM", TEXT, num_local_experts=4, num_experts_per_tok=2, experts_implementation="batched_mm", **DECODER)
add("mamba", "MambaForCausalLM", TEXT, vocab_size=128, hidden_size=32, num_hidden_layers=2, state_size=8, time_step_rank=4)
add("rwkv", "RwkvForCausalLM", TEXT, vocab_size=128, hidden_size=32, num_hidden_layers=2, attention_hidden_size=32, intermediate_size=64)

# ---- Text, both ----
add("t5", "T5ForConditionalGeneration", {"input_ids": tokens(), "decoder_input_ids": tokens(8)}, vocab_size=128, d_model=32, d_kv=8,
    d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0)
add("bart", "BartModel", {"input_ids": tokens(), "decoder_input_ids": tokens(8)}, HIDDEN, vocab_size=128, d_model=32, encoder_layers=2,
    decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64)

# ---- Speech ----
add("whisper", "WhisperForConditionalGeneration", {"input_features": noise(1, 8, 64), "decoder_input_ids": tokens(8)}, vocab_size=128,
    num_mel_bins=8, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64,
    decoder_ffn_dim=64, max_source_positions=32, max_target_positions=32, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    decoder_start_token_id=1, begin_suppress_tokens=None)
SPEECH = dict(vocab_size=32, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, conv_dim=(16, 16),
              conv_stride=(5, 2), conv_kernel=(10, 3), num_feat_extract_layers=2, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2)
add("wav2vec2", "Wav2Vec2ForCTC", {"input_values": noise(1, 800)}, **SPEECH)
add("hubert", "HubertForCTC", {"input_values": noise(1, 800)}, **SPEECH)

# ---- Images ----
VISION = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, image_size=64, patch_size=16)
for name, model in [("vit", "ViTForImageClassification"), ("deit", "DeiTForImageClassification"), ("beit", "BeitForImageClassification"),
                    ("dinov2", "Dinov2ForImageClassification")]:
    add(name, model, PIXELS, **VISION)
add("swin", "SwinForImageClassification", PIXELS, image_size=64, patch_size=4, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4)
add("swinv2", "Swinv2ForImageClassification", PIXELS, image_size=64, patch_size=4, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4)
add("convnext", "ConvNextForImageClassification", PIXELS, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 2, 1])
add("convnextv2", "ConvNextV2ForImageClassification", PIXELS, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 2, 1])
add("mobilevit", "MobileViTForImageClassification", PIXELS, image_size=64)
add("efficientnet", "EfficientNetForImageClassification", PIXELS, image_size=64, width_coefficient=0.5, depth_coefficient=0.5, hidden_dim=640)
add("regnet", "RegNetForImageClassification", PIXELS, embedding_size=16, hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 2, 1], groups_width=8)
add("poolformer", "PoolFormerForImageClassification", PIXELS, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1])
add("hiera", "HieraForImageClassification", PIXELS, image_size=[64, 64], embed_dim=16, num_heads=[1, 2, 4, 8], depths=[1, 1, 2, 1])
add("segformer", "SegformerForSemanticSegmentation", PIXELS, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1],
    num_attention_heads=[1, 2, 2, 4], decoder_hidden_size=32)
add("dpt", "DPTForDepthEstimation", PIXELS, ("predicted_depth",), backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 16, 24, 32],
    fusion_hidden_size=16, is_hybrid=False, **dict(VISION, num_hidden_layers=4))
add("yolos", "YolosForObjectDetection", PIXELS, ("logits", "pred_boxes"), num_detection_tokens=10, **dict(VISION, image_size=[64, 64]))
add("clip_vision", "CLIPVisionModel", PIXELS, ("pooler_output",), **VISION)
add("clip_text", "CLIPTextModel", TEXT, ("pooler_output",), max_position_embeddings=64, eos_token_id=2, **SMALL)
add("siglip", "SiglipVisionModel", PIXELS, ("pooler_output",), **VISION)
add("videomae", "VideoMAEForVideoClassification", {"pixel_values": noise(1, 4, 3, 32, 32)}, num_frames=4, tubelet_size=2,
    **dict(VISION, image_size=32))


def _detr():
    """DETR with a small ResNet as its backbone."""
    configuration = transformers.DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, d_model=32, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, num_queries=10,
        backbone_config=transformers.ResNetConfig(embedding_size=16, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1],
                                                  out_features=["stage4"]))
    inner = transformers.DetrForObjectDetection(configuration)
    return Wrapped(inner, ["pixel_values", "pixel_mask"], ("logits", "pred_boxes")), (image()(), torch.ones(1, 64, 64, dtype=torch.int64))


def _sam():
    """SAM: image encoder, prompt encoder and mask decoder, one point as the prompt."""
    configuration = transformers.SamConfig(
        vision_config=dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, image_size=64, patch_size=16, output_channels=16,
                           mlp_dim=64, window_size=2, global_attn_indexes=[1], num_pos_feats=8),
        prompt_encoder_config=dict(hidden_size=16, image_size=64, patch_size=16, mask_input_channels=4),
        mask_decoder_config=dict(hidden_size=16, num_hidden_layers=1, mlp_dim=32, num_attention_heads=2, iou_head_hidden_dim=16))
    inner = transformers.SamModel(configuration)
    # As initialised, so narrow a model's masks are all but zero: denormal numbers in half precision.
    for parameter in inner.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_normal_(parameter)
    return (Wrapped(inner, ["pixel_values", "input_points"], ("iou_scores", "pred_masks"), multimask_output=False),
            (image()(), torch.tensor([[[[20.0, 30.0]]]])))


MODELS["detr"] = _detr
MODELS["sam"] = _sam
