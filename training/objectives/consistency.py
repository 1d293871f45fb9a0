"""The term that makes the noisy views of an image agree."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def consistency(
    logits: Float[Tensor, "views batch classes"], *, weight: float, entropy: float
) -> Float[Tensor, ""]:
    """How far the answers to the noisy views of an image are apart.

    With p_i the softmax of view i and p their mean:
    `mean over the batch of  weight * mean_i KL(p || p_i) + entropy * H(p)`, in nats.

    Source:
        Jeong and Shin (2020), Consistency regularization for certified robustness.
    """
    log_p = functional.log_softmax(logits.float(), dim=-1)
    mean = log_p.exp().mean(dim=0)
    log_mean = mean.clamp_min(1e-20).log()
    divergence = (mean * (log_mean - log_p)).sum(dim=-1).mean(dim=0)
    mean_entropy = -(mean * log_mean).sum(dim=-1)
    return (weight * divergence + entropy * mean_entropy).mean()
