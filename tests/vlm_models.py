"""Vision-language models with random weights, a few hundred kilobytes each, made offline.

The configurations, processors and chat templates have the form of the published checkpoints; the
tokenizer has one token a byte, so that a prompt can be read back from its tokens. Templates that
are long because of tools and system prompts are cut down to what a user's message renders.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

VIDEO_LLAVA = "video_llava"
FAMILIES = ("qwen2_5_vl", "qwen3_vl", "internvl", "llava_onevision", "smolvlm", VIDEO_LLAVA)

QWEN_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>"
    "system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif content['type'] == 'video' or 'video' in content %}"
    "<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
INTERNVL_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}"
    "{{ '<IMG_CONTEXT>\n' }}{% elif content['type'] == 'video' %}{{ '<video>\n' }}"
    "{% elif content['type'] == 'text' %}{{ content['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# LLaVA-OneVision and Video-LLaVA render all images, then all videos, then all text
MEDIA_FIRST = (
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}"
    "{{ '<video>' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ '\n' + content['text'] }}{% endfor %}"
)
ONEVISION_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' }}"
    + MEDIA_FIRST
    + "{{ '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
VIDEO_LLAVA_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    + MEDIA_FIRST
    + "{{ ' ' }}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
SMOLVLM_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% elif line['type'] == 'video' %}"
    "{{ '<video>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


def make_model(family: str, folder: Path, answer: str | None = None) -> Path:
    """Save a model of one of `FAMILIES` with its processor, as a checkpoint folder; the folder.

    With an `answer` its generation config makes it say that, whatever it is asked: here and in any
    server of it.
    """
    import torch

    torch.manual_seed(0)
    model, processor = MAKERS[family]()
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    if answer is not None:
        tokens = processor.tokenizer.encode(answer, add_special_tokens=False)
        tokens.append(processor.tokenizer.eos_token_id)
        # the longer the part already said, the more its next token is wanted
        model.generation_config.sequence_bias = [
            [tokens[: n + 1], 1000.0 * (n + 1)] for n in range(len(tokens))
        ]
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def byte_tokenizer(special: list[str], **named: str) -> Any:
    """Tokenizer with a token a byte and `special` tokens; `named` are attributes of it."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE({byte: i for i, byte in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>", *special])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=named or None,
    )


def text_config(tokenizer: Any, **more: Any) -> dict[str, Any]:
    """A language model of two layers."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 8192,
        "initializer_range": 0.5,  # the largest logit is then clear of rounding
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        **more,
    }


def qwen2_5_vl() -> tuple[Any, Any]:
    import transformers as t

    tokenizer = byte_tokenizer(QWEN_TOKENS)
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 4,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [1],
        "tokens_per_second": 2,
    }
    rope = {"type": "mrope", "mrope_section": [2, 1, 1], "rope_theta": 10000.0}
    config = t.Qwen2_5_VLConfig(
        text_config=text_config(tokenizer, rope_parameters=rope),
        vision_config=vision,
        **qwen_ids(tokenizer),
    )
    size = {"shortest_edge": 56 * 56, "longest_edge": 56 * 56}
    processor = t.Qwen2_5_VLProcessor(
        t.Qwen2VLImageProcessor(size=size),
        tokenizer,
        t.Qwen2VLVideoProcessor(size={**size, "longest_edge": 56 * 56 * 64}),
        chat_template=QWEN_TEMPLATE,
    )
    return t.Qwen2_5_VLForConditionalGeneration(config), processor


def qwen3_vl() -> tuple[Any, Any]:
    import transformers as t

    tokenizer = byte_tokenizer(QWEN_TOKENS)
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 4,
        "out_hidden_size": 32,
        "num_position_embeddings": 16,
        "deepstack_visual_indexes": [0],
    }
    rope = {
        "rope_type": "default",
        "mrope_section": [2, 1, 1],
        "mrope_interleaved": True,
        "rope_theta": 10000.0,
    }
    config = t.Qwen3VLConfig(
        text_config=text_config(tokenizer, rope_parameters=rope, head_dim=8),
        vision_config=vision,
        **qwen_ids(tokenizer),
    )
    size = {"shortest_edge": 64 * 64, "longest_edge": 64 * 64}
    processor = t.Qwen3VLProcessor(
        t.Qwen2VLImageProcessor(size=size, patch_size=16),
        tokenizer,
        t.Qwen3VLVideoProcessor(size={**size, "longest_edge": 64 * 64 * 64}),
        chat_template=QWEN_TEMPLATE,
    )
    return t.Qwen3VLForConditionalGeneration(config), processor


QWEN_TOKENS = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]


def qwen_ids(tokenizer: Any) -> dict[str, int]:
    names = ("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id")
    ids = tokenizer.convert_tokens_to_ids(QWEN_TOKENS)
    return dict(zip(names, ids, strict=True))


def internvl() -> tuple[Any, Any]:
    import transformers as t

    tokenizer = byte_tokenizer(
        [],
        start_image_token="<img>",
        end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>",
        video_token="<video>",
    )
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": [56, 56],
        "patch_size": [14, 14],
    }
    config = t.InternVLConfig(
        text_config={"model_type": "qwen3", "head_dim": 8, **text_config(tokenizer)},
        vision_config=vision,
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    size = {"height": 56, "width": 56}
    processor = t.InternVLProcessor(
        t.GotOcr2ImageProcessor(size=size),
        tokenizer,
        t.InternVLVideoProcessor(size=size),
        image_seq_length=4,
        chat_template=INTERNVL_TEMPLATE,
    )
    return t.InternVLForConditionalGeneration(config), processor


def llava_onevision() -> tuple[Any, Any]:
    import transformers as t

    tokenizer = byte_tokenizer(["<image>", "<video>"])
    pinpoints = [[56, 56], [56, 112], [112, 56], [112, 112]]
    vision = {
        "model_type": "siglip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 56,
        "patch_size": 14,
        "vision_use_head": False,
    }
    config = t.LlavaOnevisionConfig(
        text_config={"model_type": "qwen2", **text_config(tokenizer)},
        vision_config=vision,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=pinpoints,
    )
    size = {"height": 56, "width": 56}
    processor = t.LlavaOnevisionProcessor(
        t.LlavaOnevisionImageProcessor(size=size, image_grid_pinpoints=pinpoints),
        tokenizer,
        t.LlavaOnevisionVideoProcessor(size=size),
        num_image_tokens=16,
        vision_feature_select_strategy="full",
        chat_template=ONEVISION_TEMPLATE,
    )
    return t.LlavaOnevisionForConditionalGeneration(config), processor


def smolvlm() -> tuple[Any, Any]:
    import transformers as t

    named = {
        "image_token": "<image>",
        "video_token": "<video>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    rows = [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]
    tokenizer = byte_tokenizer(rows, **named)
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 56,
        "patch_size": 14,
    }
    config = t.SmolVLMConfig(
        text_config={"model_type": "llama", **text_config(tokenizer)},
        vision_config=vision,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    edge = {"longest_edge": 56}
    processor = t.SmolVLMProcessor(
        t.SmolVLMImageProcessor(size={"longest_edge": 112}, max_image_size=edge),
        tokenizer,
        t.SmolVLMVideoProcessor(size=edge, max_image_size=edge, num_frames=64, fps=1),
        image_seq_len=4,
        chat_template=SMOLVLM_TEMPLATE,
    )
    return t.SmolVLMForConditionalGeneration(config), processor


def video_llava() -> tuple[Any, Any]:
    import transformers as t

    tokenizer = byte_tokenizer(["<image>", "<video>"])
    vision = {
        "model_type": "clip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": 56,
        "patch_size": 14,
    }
    config = t.VideoLlavaConfig(
        text_config={"model_type": "llama", **text_config(tokenizer)},
        vision_config=vision,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_seq_length=16,
        video_seq_length=17 * 8,
    )
    size = {"shortest_edge": 56}
    crop = {"height": 56, "width": 56}
    processor = t.VideoLlavaProcessor(
        t.VideoLlavaImageProcessor(size=size, crop_size=crop),
        t.VideoLlavaVideoProcessor(size=size, crop_size=crop),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=VIDEO_LLAVA_TEMPLATE,
    )
    return t.VideoLlavaForConditionalGeneration(config), processor


MAKERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    maker.__name__: maker
    for maker in (qwen2_5_vl, qwen3_vl, internvl, llava_onevision, smolvlm, video_llava)
}
