"""The fast engine for transformers: models of RoBERTa's family run without padding, and Adam steps only used rows."""

from typing import Any

from semis.fast import encoder as fast_encoder
from semis.fast.gradients import clip_gradients
from semis.fast.row_adam import RowAdam
from semis.huggingface.finite_trainer import FiniteTrainer
from semis.machine.processor import compute_type

import torch
from transformers.modeling_outputs import BaseModelOutput

FAMILY = ("camembert", "roberta", "xlm-roberta")


def _layer(layer: Any) -> fast_encoder.Layer:
    """Return the modules of a layer of transformers."""
    attention = layer.attention
    return fast_encoder.Layer(
        attention.self.query,
        attention.self.key,
        attention.self.value,
        attention.output.dense,
        attention.output.LayerNorm,
        layer.intermediate.dense,
        layer.output.dense,
        layer.output.LayerNorm,
    )


def prepare(model: Any) -> None:
    """Make a sequence classifier run its encoder by `semis.fast.encoder`; log the number type on standard output.

    A model outside RoBERTa's family, or with another activation than GELU, stays unchanged.
    """
    settings = model.config
    activation = getattr(settings, "hidden_act", None)
    if settings.model_type not in FAMILY or activation != "gelu":
        print(
            f"fast engine: not for {settings.model_type} with {activation or 'its layers'}; transformers' own is used"
        )
        return
    base = model.base_model
    embeddings = base.embeddings
    encoder = fast_encoder.Encoder(
        tokens=embeddings.word_embeddings,
        positions=embeddings.position_embeddings,
        types=embeddings.token_type_embeddings,
        norm=embeddings.LayerNorm,
        layers=[_layer(layer) for layer in base.encoder.layer],
        heads=settings.num_attention_heads,
        dropout=settings.hidden_dropout_prob,
        attention_dropout=settings.attention_probs_dropout_prob,
        padding=settings.pad_token_id,
    )
    kind = compute_type()
    fast_encoder.never_save_late_rows(encoder.tokens)
    base.forward = lambda input_ids, **_: BaseModelOutput(
        fast_encoder.first_rows(encoder, input_ids, base.training, kind)
    )
    fast_encoder.keep_freed_memory()
    print(fast_encoder.arithmetic(), flush=True)


class Trainer(FiniteTrainer):
    """A Trainer that measures and clips sparse gradients too."""

    def _clip_grad_norm(self, model: torch.nn.Module) -> torch.Tensor:
        return clip_gradients(model.parameters(), self.args.max_grad_norm)

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> float:
        return float(clip_gradients(model.parameters(), 0) if grad_norm is None else grad_norm)


def optimizer(training: dict) -> tuple[type, dict]:
    """Return the optimizer's class and its settings, from the config's `training`."""
    settings = {"betas": tuple(training["adam_betas"]), "eps": training["adam_epsilon"]}
    return RowAdam, settings | {"lr": training["learning_rate"], "weight_decay": training["weight_decay"]}
