"""Set the devices and the precision that every number in the book is computed with."""

import os
import re
import sys

FLAG = "--xla_force_host_platform_device_count"


def use_devices(n_devices):
    """Let JAX see `n_devices` host devices and compute in float64.

    XLA reads the device count once, when the first computation starts, so this has to come before
    anything else uses JAX. With `JAX_PLATFORMS=cuda` in the environment, JAX computes on all GPUs
    that it finds instead.

    Parameters
    ----------
    n_devices : int
        Number of XLA host devices (threads of this machine that JAX treats as devices).

    Raises
    ------
    RuntimeError
        If JAX already runs with other devices, or was imported without 64-bit floats.
    """
    imported_before = "jax" in sys.modules
    flags = re.sub(rf"{FLAG}=\d+", "", os.environ.get("XLA_FLAGS", ""))
    os.environ["XLA_FLAGS"] = f"{flags} {FLAG}={n_devices}".strip()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")

    import jax

    if imported_before and not jax.config.jax_enable_x64:
        raise RuntimeError(
            "JAX was imported before _common, with 32-bit floats, but the book computes in 64: "
            "import _common first, in a fresh Python process or kernel."
        )
    jax.config.update("jax_enable_x64", True)
    if jax.default_backend() == "cpu" and jax.device_count() != n_devices:
        raise RuntimeError(
            f"JAX was started before _common, with {jax.device_count()} device(s), but the book "
            f"uses {n_devices}: import _common first, in a fresh Python process or kernel."
        )


def batch_shape():
    """Devices that work side by side, and states that each advances in step: (n_pmap, n_vmap).

    On a processor, states of 8 by 8 share the connectome in its cache. A GPU needs more at a time.
    """
    import jax

    return (8, 8) if jax.default_backend() == "cpu" else (jax.device_count(), 512)
