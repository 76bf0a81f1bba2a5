"""fairseq's `--user-dir` for the fast engine: the same model and recipe, made fast on a CPU (docs/engines.md).

It registers the architecture `roberta_small_fast` (weights and names as in `roberta_small`), the optimizer `row_adam`
(fairseq's Adam) and the criterion `masked_lm_fast` (fairseq's masked_lm).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from semis.fast import encoder
from semis.fast.gradients import clip_gradients, scale_gradients
from semis.fast.products import LinearCrossEntropy
from semis.fast.row_adam import RowAdam
from semis.machine.processor import compute_type

import fairseq_plugin
import torch
from fairseq.criterions import register_criterion
from fairseq.criterions.masked_lm import MaskedLmConfig, MaskedLmLoss
from fairseq.models import register_model, register_model_architecture
from fairseq.models.roberta.model import RobertaEncoder, RobertaModel
from fairseq.optim import register_optimizer
from fairseq.optim.adam import FairseqAdam, FairseqAdamConfig


class FastEncoder(RobertaEncoder):
    """fairseq's RoBERTa encoder with its own modules, run by `semis.fast.encoder`."""

    def __init__(self, args: Any, dictionary: Any) -> None:
        super().__init__(args, dictionary)
        modules = self.sentence_encoder
        self.packed = encoder.Encoder(
            tokens=modules.embed_tokens,
            positions=modules.embed_positions,
            types=None,
            norm=modules.layernorm_embedding,
            layers=[
                encoder.Layer(
                    layer.self_attn.q_proj,
                    layer.self_attn.k_proj,
                    layer.self_attn.v_proj,
                    layer.self_attn.out_proj,
                    layer.self_attn_layer_norm,
                    layer.fc1,
                    layer.fc2,
                    layer.final_layer_norm,
                )
                for layer in modules.layers
            ],
            heads=args.encoder_attention_heads,
            dropout=args.dropout,
            attention_dropout=args.attention_dropout,
            padding=dictionary.pad(),
        )
        self.kind = compute_type()
        encoder.never_save_late_rows(modules.embed_tokens)

    def forward(
        self,
        src_tokens: torch.Tensor,
        features_only: bool = False,
        return_all_hiddens: bool = False,
        masked_tokens: torch.Tensor | None = None,
        **unused: Any,
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        """Return the features of the first token of each text (texts x 1 x width), which a classification head reads.

        `src_tokens` is (texts x length). Raises ValueError without `features_only`.
        """
        if not features_only:
            raise ValueError("the masked language model is trained with the criterion masked_lm_fast")
        return encoder.first_rows(self.packed, src_tokens, self.training, self.kind), {"inner_states": None}

    def masked_lm_loss(self, src_tokens: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the negative log-likelihood (nats), summed over the masked tokens.

        Both arguments are (texts x length); `target` holds padding at the tokens that are not masked.
        """
        tokens, positions, lengths = encoder.pack(src_tokens, self.packed.padding)
        real = src_tokens.ne(self.packed.padding)
        hidden = target.ne(self.packed.padding)
        wanted = hidden[real].nonzero()[:, 0]
        read = hidden.sum(1).tolist()
        x = encoder.encode(self.packed, tokens, positions, lengths, self.training, self.kind, wanted, read)
        head = self.lm_head
        x = head.layer_norm(head.activation_fn(head.dense(x)))
        wanted, learning = target[hidden], torch.is_grad_enabled()
        return LinearCrossEntropy.apply(x, head.weight, head.bias, wanted, self.kind, learning)


@register_model("roberta_fast")
class FastRoberta(RobertaModel):
    """fairseq's RoBERTa with the fast encoder."""

    @classmethod
    def build_model(cls, args: Any, task: Any) -> "FastRoberta":
        """Build the model for the dictionary of a task."""
        fairseq_plugin.roberta_small(args)
        encoder.keep_freed_memory()
        print(encoder.arithmetic(), flush=True)
        return cls(args, FastEncoder(args, task.source_dictionary))


@register_model_architecture("roberta_fast", "roberta_small_fast")
def roberta_small_fast(args: Any) -> None:
    """Set the defaults of roberta_small, for the fast encoder."""
    fairseq_plugin.roberta_small(args)


@dataclass
class RowAdamConfig(FairseqAdamConfig):
    """fairseq's settings of Adam."""


@register_optimizer("row_adam", dataclass=RowAdamConfig)
class FairseqRowAdam(FairseqAdam):
    """fairseq's Adam, computed by `RowAdam`."""

    def __init__(self, cfg: Any, params: Iterable[torch.nn.Parameter]) -> None:
        super().__init__(cfg, params)
        self._optimizer = RowAdam(params, **self.optimizer_config, fairseq_epsilon=True)

    def multiply_grads(self, c: Any) -> None:
        """Multiply all gradients by `c`; of a sparse gradient fairseq's own method multiplies only a copy."""
        scale_gradients(self.params, c)

    def clip_grad_norm(self, max_norm: float, aggregate_norm_fn: Any = None) -> torch.Tensor:
        """Clip all gradients, sparse ones too; return their norm before clipping."""
        return clip_gradients(self.params, max_norm)


@register_criterion("masked_lm_fast", dataclass=MaskedLmConfig)
class FastMaskedLm(MaskedLmLoss):
    """fairseq's masked_lm, with the scores over all words in memory for only one block of masked tokens at a time."""

    def forward(
        self, model: Any, sample: dict[str, Any], reduce: bool = True
    ) -> tuple[torch.Tensor, torch.Tensor, dict[str, Any]]:
        """Return (summed loss, number of masked tokens, values to log), as masked_lm does."""
        target = sample["target"]
        size = target.ne(self.padding_idx).int().sum()
        loss = model.encoder.masked_lm_loss(sample["net_input"]["src_tokens"], target)
        logged = {
            "loss": loss.data,
            "ntokens": sample["ntokens"],
            "nsentences": sample["nsentences"],
            "sample_size": size,
        }
        return loss, size, logged
