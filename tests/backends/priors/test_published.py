"""Published checkpoints' layouts: every tensor finds its place, and the networks give the numbers
that the authors' own code gave on tiny ones."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file
from torch.nn import functional as F

from backends.conversion import adm, latent_diffusion
from backends.errors import BadInput
from backends.methods.common.views import Views
from backends.methods.ldce import LDCE
from backends.methods.rcsb import RCSB
from backends.priors.adm import ADM
from backends.priors.bridge import BridgeSchedule
from backends.priors.class_diffusion import LabelDenoiser, VQAutoencoder

GOLDEN = Path(__file__).parents[2] / "golden" / "photos"


def tensors(name):
    """Stored exactly in fewer bits."""
    return {key: value.float() for key, value in load_file(GOLDEN / name).items()}


def numbers(name):
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def listed(name):
    """The published names and shapes, without memory."""
    lines = gzip.decompress((GOLDEN / f"{name}.txt.gz").read_bytes()).decode().splitlines()[1:]
    with torch.device("meta"):
        return {
            key: torch.empty([int(n) for n in shape.strip("(),").split(",") if n.strip()])
            for key, shape, *_ in (line.split("\t") for line in lines)
        }


def far(ours, theirs):
    return float((ours - theirs).detach().abs().max())


def tiny_adm(stored=None):
    stored = tensors("tiny_net.safetensors") if stored is None else stored
    arguments = adm.adm_arguments(stored, head=16)
    network = ADM(size=32, **arguments).eval().requires_grad_(False)
    network.load_state_dict(adm.adm_state(stored, arguments))
    return network


class Tanh:
    """The target model of the golden walks.

    :param labels: of which each picture's classes are yes and no; else one of all is right.
    """

    class_names = tuple("abcde")
    differentiable = True

    def __init__(self, arrays, labels=None):
        self.arrays, self.labels = arrays, labels

    def logits(self, x):
        a = self.arrays
        stride = x.shape[-1] // 16
        h = F.conv2d(x, a["clf_conv_w"], a["clf_conv_b"], stride=stride, padding=1).tanh()
        found = F.adaptive_avg_pool2d(h, 4).flatten(1) @ a["clf_lin_w"].T + a["clf_lin_b"]
        if self.labels is None:
            return found
        one = found.gather(1, self.labels[:, None])[:, 0]
        return torch.stack([F.logsigmoid(one), F.logsigmoid(-one)], 1)


# ------------------------------------------------------------------ the bridge's network


def test_the_bridges_network_gives_the_authors_numbers_and_gradient():
    io = numbers("tiny_io_f32")
    x = io["x"].requires_grad_()
    out = tiny_adm()(x, io["noise_levels_at_step"])
    assert far(out, io["out"]) < 1e-4
    (gradient,) = torch.autograd.grad((out * io["cotangent"]).sum(), x)
    assert far(gradient, io["grad_x"]) < 1e-4 * io["grad_x"].abs().max()


def test_the_moving_average_is_in_the_order_of_the_network():
    io, average = numbers("tiny_io_f32"), tensors("tiny_ema_shadow_params.safetensors")
    net = tensors_in_order()
    checkpoint = {"net": net, "ema": {"shadow_params": [average[k] for k in sorted(average)]}}
    out = tiny_adm(adm.named_average(checkpoint))(io["x"], io["noise_levels_at_step"])
    assert far(out, numbers("tiny_io_ema_f32")["out_ema"]) < 1e-4
    with pytest.raises(BadInput, match="weights=net"):
        adm.named_average({"net": net, "ema": None})


def tensors_in_order():
    """The tiny network's tensors in its own order, which safetensors does not keep."""
    stored, order = tensors("tiny_net.safetensors"), adm_order()
    assert set(stored) == set(order)
    return {name: stored[name] for name in order}


def adm_order():
    inner = ("in_layers.0", "in_layers.2", "emb_layers.1", "out_layers.0", "out_layers.3",
             "skip_connection", "norm", "qkv", "proj_out")  # fmt: skip
    sides = ("time_embed", "input_blocks", "middle_block", "output_blocks", "out")

    def place(name):
        side, *rest = name.removeprefix("diffusion_model.").split(".")
        digits = [int(part) for part in rest[:2] if part.isdigit()]
        found = next((i for i, part in enumerate(inner) if f".{part}." in f".{name}"), 0)
        return sides.index(side), digits, found, name.endswith("bias")

    return sorted(tensors("tiny_net.safetensors"), key=place)


def test_of_openais_network_the_variance_stays_behind():
    stored = {
        name.removeprefix("diffusion_model."): tensor
        for name, tensor in tensors("tiny_net.safetensors").items()
    }
    stored |= tensors("tiny_openai_out6.safetensors")
    assert len(stored["out.2.weight"]) == 6
    io = numbers("tiny_io_f32")
    assert far(tiny_adm(stored)(io["x"], io["noise_levels_at_step"]), io["out"]) < 1e-4


@pytest.mark.parametrize(
    ("name", "parameters", "multipliers"),
    [
        ("keys_full_unet", 552_807_171, [1, 1, 2, 2, 4, 4]),
        ("keys_full_adm_uncond_openai", 552_807_171, [1, 1, 2, 2, 4, 4]),
        ("keys_full_rcsb_celeba128_unet", 105_195_139, [1, 1, 2, 3, 4]),
    ],
)
def test_every_published_tensor_of_a_bridge_is_used(name, parameters, multipliers):
    stored = listed(name)
    assert adm.is_adm(stored)
    arguments = adm.adm_arguments(stored)
    assert arguments["multipliers"] == multipliers
    with torch.device("meta"):
        network = ADM(**arguments)
    network.load_state_dict(adm.adm_state(stored, arguments), assign=True)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_a_wrong_number_of_head_channels_is_named():
    with pytest.raises(BadInput, match="head_channels=N"):
        adm.adm_arguments(tensors("tiny_net.safetensors"), head=64)
    with pytest.raises(BadInput, match="no U-Net"):
        adm.adm_arguments({"weight": torch.zeros(1)})


@pytest.mark.parametrize("case", ["rcsb_traj_f32", "rcsb_traj_multilabel_f32"])
def test_rcsbs_walk_on_the_published_network(case):
    golden = numbers(case)
    target = golden["target"]
    f = Tanh(golden, target if "multilabel" in case else None)
    method = RCSB(f, tiny_adm(), BridgeSchedule(1000, 1.0))
    nfe = len(golden["steps"])
    config = RCSB.Config(
        scale=1.5, truncation=round(int(golden["steps"][0]) + 1, -2) / 1000, steps=nfe,
        smoothing="pixel", view="stretch", composite_estimate=False,
    )  # fmt: skip
    x, mask = golden["image01"], golden["mask"][:, None]
    target = torch.zeros_like(target) if f.labels is not None else target
    start = golden["xt"][0].float()
    first = int(golden["steps"][0])
    _, gradient, _ = method._guidance(start, first, x, target, mask, config, Views(1))
    assert far(gradient, golden["raw_grad"][0]) < 2e-6
    steps = list(method.walk(x, target, mask, config, golden["noise_draw_1"]))
    for step, estimate in zip(steps[:-1], golden["pred_x0"], strict=False):
        assert far(2 * step.image - 1, estimate) < 2e-4
    assert far(steps[-1].image.clamp(0, 1), golden["result01"]) < 2e-4


# ------------------------------------------------------------------ latent diffusion


def label_denoiser():
    stored = tensors("tiny_unet_cin256_v2.safetensors")
    settings, state = latent_diffusion.unet(stored, size=16, heads=1)
    table = stored[latent_diffusion.EMBEDDING]
    network = LabelDenoiser(settings, len(table) - 1)
    network.unet.load_state_dict(state)
    network.labels.copy_(table[:, None])
    return network.eval().requires_grad_(False)


def codebook_autoencoder():
    settings, state = latent_diffusion.first_stage(tensors("tiny_vqf4.safetensors"), 32, 1.0)
    network = VQAutoencoder(settings)
    network.vq.load_state_dict(state)
    return network.eval().requires_grad_(False)


def test_the_class_conditional_network_gives_the_authors_numbers():
    io, network = numbers("tiny_unet_cin256_v2_io"), label_denoiser()
    x = io["x"].requires_grad_()
    assert far(network.condition(io["class_label"]), io["context"]) == 0
    out = network(x, io["t"], network.condition(io["class_label"]))
    assert far(out, io["out"]) < 1e-4
    # With one token alone, half of the cross-attention has no effect.
    assert far(network(x, io["t"], io["context3"]), io["out_context3"]) < 1e-4
    (gradient,) = torch.autograd.grad((out * io["cotangent"]).sum(), x)
    assert far(gradient, io["grad_x"]) < 1e-4 * io["grad_x"].abs().max()


def test_the_codebook_autoencoder_gives_the_authors_numbers():
    io, network = numbers("tiny_vqf4_io"), codebook_autoencoder()
    assert far(network.encode((io["image"] + 1) / 2), io["z_prequant"]) < 1e-4
    z = io["z_prequant"].requires_grad_()
    out = 2 * network.decode(z) - 1
    assert far(out, io["decode_quantized"]) < 1e-4
    (gradient,) = torch.autograd.grad((out * io["cotangent"]).sum(), z)
    assert far(gradient, io["grad_z_quantized"]) < 1e-4 * io["grad_z_quantized"].abs().max()
    with pytest.raises(BadInput, match="multiples of 4"):
        network.encode(torch.rand(1, 3, 30, 30))


def test_ldces_first_steps_on_the_published_networks(monkeypatch):
    import backends.methods.ldce as module

    golden, seen = numbers("ldce_steps_zero_binning"), []
    denoised = module._denoised

    def spy(z, eps, a, a_prev):
        seen.append((eps, denoised(z, eps, a, a_prev)))
        return seen[-1][1]

    monkeypatch.setattr(module, "_denoised", spy)
    method = LDCE(Tanh(golden), codebook_autoencoder(), label_denoiser())
    config = LDCE.Config(
        steps=171, strength=0.342, class_weight=2.0, distance_weight=0.25, angle=40.0, scale=3.0
    )
    x, target = golden["image01"], golden["target"]
    assert far(method.epsilon.condition(target), golden["context_target"]) == 0
    z = method.autoencoder.encode(x)
    assert far(z, golden["z0"]) < 1e-4
    walk = method.walk(x, target, torch.ones_like(x[:, :1]), config, z, golden["noise"])
    for i in range(3):
        next(walk)
        eps, after = seen[i]
        # Where the decoded picture equals the factual but for rounding, which differs from
        # processor to processor, so does the sign that is the distance's gradient.
        theirs = golden["e_t_guided"][i]
        assert (eps - theirs).norm() < 2e-3 * theirs.norm()
        assert far(after, golden["x"][i + 1]) < 3e-4


def test_every_published_tensor_of_the_class_conditional_model_is_used():
    stored = listed("keys_full_cin256_v2")
    assert latent_diffusion.has_unet(stored)
    with torch.device("meta"):
        settings, state = latent_diffusion.unet(stored, 64, 1)
        network = LabelDenoiser(settings, 1000)
        network.unet.load_state_dict(state, assign=True)
        settings, codes = latent_diffusion.first_stage(stored, 256, 1.0)
        VQAutoencoder(settings).vq.load_state_dict(codes, assign=True)
    assert stored[latent_diffusion.EMBEDDING].shape == network.labels[:, 0].shape
    parts = (latent_diffusion.UNET, latent_diffusion.FIRST_STAGE, latent_diffusion.EMBEDDING)
    left = {name for name in stored if not name.startswith(parts)}
    assert len(left) == 12, "what is left is the schedule"


def test_the_older_model_of_imagenet_is_named():
    stored = listed("keys_full_cin256_old_vqf8")
    with torch.device("meta"):
        average = latent_diffusion.averaged(stored)
        settings, state = latent_diffusion.unet(average, 32, 8)
        UNet2DConditionModel.from_config(settings).load_state_dict(state, assign=True)
    with pytest.raises(BadInput, match="cin256-v2"):
        latent_diffusion.first_stage(stored, 256, 1.0)
    with pytest.raises(BadInput, match="weights=net"):
        latent_diffusion.averaged(listed("keys_full_cin256_v2"))


def test_stable_diffusions_networks_give_the_authors_numbers():
    io = numbers("tiny_sd_unet_io")
    settings, state = latent_diffusion.unet(tensors("tiny_sd_unet.safetensors"), 16, heads=8)
    network = UNet2DConditionModel.from_config(settings).eval()
    network.load_state_dict(state)
    out = network(io["x"], io["t"], encoder_hidden_states=io["context"]).sample
    assert far(out, io["out"]) < 1e-4
    io = numbers("tiny_kl_io")
    settings, state = latent_diffusion.first_stage(tensors("tiny_kl.safetensors"), 32, 0.18215)
    autoencoder = AutoencoderKL.from_config(settings).eval()
    autoencoder.load_state_dict(state)
    latent = autoencoder.encode(io["image"]).latent_dist.mean
    assert far(latent, io["mean"]) < 1e-4
    assert far(autoencoder.decode(io["mean"]).sample, io["decode_mode"]) < 1e-4


def test_every_published_tensor_of_stable_diffusion_is_used():
    stored = listed("keys_full_sd_v1_unet") | listed("keys_full_sd_v1_vae")
    with torch.device("meta"):
        settings, state = latent_diffusion.unet(stored, 64, 8)
        network = UNet2DConditionModel.from_config(settings)
        network.load_state_dict(state, assign=True)
        settings, kl = latent_diffusion.first_stage(stored, 512, 0.18215)
        autoencoder = AutoencoderKL.from_config(settings)
        autoencoder.load_state_dict(kl, assign=True)
    assert sum(p.numel() for p in network.parameters()) == 859_520_964
    assert sum(p.numel() for p in autoencoder.parameters()) == 83_653_863
