"""usage: transformers_parity.py SLUICE WORK [PART...]; WORK holds train.txt. See transformers_test.sh."""
import sys

import torch

import curves
import export
import gradients
import imports
from product import SEQ_LENGTH, Product
from reference import failures

# exp_avg is then the gradient; see gradients.py. Steps so small that the positions stay unlike: at 3e-3 the gradients of queries and keys
# fall to 7e-6 within ten steps, and what is left of them is rounding.
PLAIN = {"adam_beta1": 0.0, "max_grad_norm": 0.0, "learning_rate": 1.0e-3, "min_learning_rate": 1.0e-4}
CURVE = {"adam_beta1": 0.9, "adam_beta2": 0.95, "adam_eps": 1e-8, "weight_decay": 0.1, "max_grad_norm": 0.8}
GLM_BIAS_RATE = 0.01
DENSE, SPARSE = 6, 12  # steps finished after the two stages


def two_stages(moe, steps=SPARSE - DENSE, **sparsify):
    return [
        {"name": "dense", "type": "pretrain", "max_steps": DENSE},
        {"name": "sparse", "type": "sparsify", "max_steps": steps, "method": "copy", "moe": moe, **sparsify},
    ]


class Runs:
    """One small run for each pair of a dense and a sparse architecture, made when first asked for."""

    def __init__(self, product):
        self.product = product
        self.made = {}

    def get(self, name):
        if name not in self.made:
            self.made[name] = getattr(self, name)()
        return self.made[name]

    def llama_mixtral(self):
        moe = {"num_experts": 4, "top_k": 2, "aux_loss_coef": 0.1, "z_loss_coef": 0.01}
        return self.product.train("llama_mixtral", two_stages(moe), {"qk_norm": "false", "tie_word_embeddings": False}, PLAIN)

    def mixtral_one_layer(self):
        moe = {"num_experts": 4, "top_k": 2, "aux_loss_coef": 0.1, "z_loss_coef": 0.0}
        return self.product.train("mixtral_one_layer", two_stages(moe), {"num_layers": 1, "qk_norm": "false"}, PLAIN)

    def qwen3_moe(self):
        moe = {"num_experts": 6, "top_k": 3, "layers": [1], "aux_loss_coef": 0.1, "z_loss_coef": 0.0}
        return self.product.train("qwen3_moe", two_stages(moe), None, PLAIN)

    def olmoe(self):
        """Sparse from the start: no dense architecture has query/key norms over the whole projection."""
        moe = {"num_experts": 6, "top_k": 2, "norm_topk_prob": False, "expert_hidden_size": 24, "aux_loss_coef": 0.1, "z_loss_coef": 0.01}
        stages = [{"name": "sparse", "type": "pretrain", "max_steps": DENSE}]
        return self.product.train("olmoe", stages, {"qk_norm": "projection", "num_key_value_heads": 2, "moe": moe}, PLAIN)

    def glm4_moe(self):
        moe = {"num_experts": 4, "top_k": 2, "layers": [1], "score_func": "sigmoid", "bias_update_rate": GLM_BIAS_RATE, "num_shared_experts": 1,
               "expert_hidden_size": 24, "routed_scaling_factor": 1.5, "aux_loss_coef": 0.0, "z_loss_coef": 0.0}
        return self.product.train("glm4_moe", two_stages(moe, allow_jump=True), None, PLAIN)

    def glm4_moe_alone(self):
        """Without shared experts and selection bias, which Glm4Moe has of width 0 and as zeros."""
        moe = {"num_experts": 4, "top_k": 2, "layers": [1], "score_func": "sigmoid", "aux_loss_coef": 0.0, "z_loss_coef": 0.0}
        return self.product.train("glm4_moe_alone", two_stages(moe, allow_jump=True), None, PLAIN)

    def curve_dense(self):
        return self.product.train("curve_dense", [{"name": "dense", "type": "pretrain", "max_steps": 51}], None, CURVE)

    def curve_all_experts(self):
        """Every token goes to all experts, so that no rounding can change the routing."""
        moe = {"num_experts": 3, "top_k": 3, "aux_loss_coef": 0.1, "z_loss_coef": 0.01}
        return self.product.train("curve_all_experts", two_stages(moe, steps=51), None, CURVE)

    def curve_sparse(self):
        moe = {"num_experts": 4, "top_k": 2, "aux_loss_coef": 0.01, "z_loss_coef": 0.001}
        return self.product.train("curve_sparse", two_stages(moe, steps=51), None, CURVE)

    def words(self):
        """With a trained byte-pair tokenizer."""
        data = {"train": [str(self.product.text)], "tokenizer": {"type": "bpe", "vocab_size": 320}, "seq_length": SEQ_LENGTH}
        return self.product.train("words", [{"name": "dense", "type": "pretrain", "max_steps": 2}], data=data)


def run_export(product, runs):
    mixtral, qwen, glm = runs.get("llama_mixtral"), runs.get("qwen3_moe"), runs.get("glm4_moe")
    export.compare(product, [
        (mixtral.checkpoint(DENSE), "llama"),
        (mixtral.checkpoint(SPARSE), "mixtral"),
        (qwen.checkpoint(DENSE), "qwen3"),
        (qwen.checkpoint(SPARSE), "qwen3_moe"),
        (runs.get("olmoe").checkpoint(DENSE), "olmoe"),
        (glm.checkpoint(SPARSE), "glm4_moe"),
        (runs.get("glm4_moe_alone").checkpoint(SPARSE), "glm4_moe"),
        (runs.get("words").checkpoint(2), "qwen3"),
    ])


def run_gradients(product, runs):
    none = {}
    with_z = {"aux_loss_coef": 0.1, "z_loss_coef": 0.01}
    without_z = {"aux_loss_coef": 0.1, "z_loss_coef": 0.0}
    stages = lambda coefficients: [(1, DENSE, none), (DENSE + 1, SPARSE, coefficients)]
    gradients.compare([
        (runs.get("llama_mixtral"), stages(with_z)),
        (runs.get("mixtral_one_layer"), stages(without_z)),
        (runs.get("qwen3_moe"), stages(without_z)),
        (runs.get("olmoe"), [(1, DENSE, with_z)]),
        (runs.get("glm4_moe"), stages(none)),
    ])
    for name in ("mixtral_one_layer", "qwen3_moe"):
        gradients.own_auxiliary_loss(runs.get(name), SPARSE, 0.1)
    for step in range(DENSE + 2, SPARSE + 1):
        gradients.bias_update(runs.get("glm4_moe"), step, GLM_BIAS_RATE)


def run_curves(product, runs):
    with_both = {"aux_loss_coef": 0.1, "z_loss_coef": 0.01}
    curves.follow(runs.get("curve_dense"), 1, 51, CURVE, {})
    curves.follow(runs.get("curve_all_experts"), DENSE + 1, DENSE + 51, CURVE, with_both)
    curves.follow_each(runs.get("curve_sparse"), DENSE + 1, DENSE + 51, coefficients=with_both)


def run_imports(product, runs):
    imports.compare(product, CURVE)
    # A checkpoint of the product is such a folder too; it brings its tokenizer.
    folder = runs.get("glm4_moe").checkpoint(SPARSE)
    data = {"train": [str(product.text)], "seq_length": SEQ_LENGTH, "order": "contiguous", "eval_sequences": 2}
    run = product.train("from_checkpoint", [{"name": "more", "type": "pretrain", "max_steps": 3}], None, CURVE, init_from=str(folder), data=data)
    curves.follow_each(run, 0, 3, folder)


PARTS = {"export": run_export, "gradients": run_gradients, "curves": run_curves, "imports": run_imports}


def main():
    torch.set_num_threads(1)
    product = Product(sys.argv[1], sys.argv[2])
    runs = Runs(product)
    for part in sys.argv[3:] or PARTS:
        try:
            PARTS[part](product, runs)
        except RuntimeError as error:
            failures.append(str(error))
            print(f"FAILED: {part}: {error}", file=sys.stderr, flush=True)
    if failures:
        sys.exit(f"{len(failures)} differences")
    print("the product and Transformers agree")


main()
