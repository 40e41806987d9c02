"""Set the devices and the precision that every number is computed with, whatever a user has set."""

import os
import sys

COUNT = "--xla_force_host_platform_device_count"
PLACES = ("--xla_gpu_cuda_data_dir=",)  # flags that say where something is, and change no number
SETTINGS = {
    "jax_enable_x64": True,
    "jax_default_matmul_precision": None,
    "jax_numpy_dtype_promotion": "standard",
    "jax_numpy_rank_promotion": "allow",
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_enable_custom_prng": False,
    "jax_random_seed_offset": 0,
    "jax_high_dynamic_range_gumbel": False,
    "jax_num_cpu_devices": -1,  # XLA_FLAGS has their number
    "jax_disable_jit": False,
    "jax_disable_most_optimizations": False,
    "jax_debug_nans": False,  # a state without a value is one of a batch, and not its end
    "jax_debug_infs": False,
}


def use_devices(n_devices):
    """Let JAX see `n_devices` host devices and compute in float64.

    XLA reads the device count once, when the first computation starts, so this has to come before
    anything else uses JAX. With `JAX_PLATFORMS=cuda` in the environment, JAX computes on all GPUs
    that it finds instead. No other `JAX_...` variable and no flag in `XLA_FLAGS` changes what is
    computed: they are put aside, also for the processes that this one starts. Linear algebra takes
    one thread for each device, and there are more threads than devices, so that devices never wait
    for each other.

    Parameters
    ----------
    n_devices : int
        Number of XLA host devices (threads of this machine that JAX treats as devices).

    Raises
    ------
    RuntimeError
        If JAX already runs with other devices, or was imported without 64-bit floats, or has no
        device of the kind that `JAX_PLATFORMS` names.
    """
    imported_before = "jax" in sys.modules
    _settle(os.environ, n_devices)

    import jax

    if imported_before and not jax.config.jax_enable_x64:
        raise RuntimeError(
            "JAX was imported before its devices were set, with 32-bit floats, but 64 bits are "
            "needed: call use_devices or import _common first, in a fresh Python process or kernel."
        )
    for name, value in SETTINGS.items():
        if name in jax.config.values:  # versions of JAX differ in what can be set
            jax.config.update(name, value)
    if _backend() == "cpu" and jax.device_count() != n_devices:
        raise RuntimeError(
            f"JAX was started before its devices were set, with {jax.device_count()} device(s), "
            f"but {n_devices} are needed: call use_devices or import _common first, in a fresh "
            "Python process or kernel."
        )


def batch_shape():
    """Devices that work side by side, and states that each advances in step: (n_pmap, n_vmap).

    On a processor, 8 states a device share the connectome in its cache. A GPU needs more at a time.
    """
    import jax

    return jax.device_count(), 8 if jax.default_backend() == "cpu" else 512


def _settle(environment, n_devices):
    """Leave those variables that say where to compute, and none that says how."""
    platforms = environment.get("JAX_PLATFORMS", "").strip().lower() or "cpu"
    flags = [flag for flag in environment.get("XLA_FLAGS", "").split() if flag.startswith(PLACES)]
    kept = ("JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE")  # they save time
    for name in [name for name in environment if name.startswith(("JAX_", "EQX_", "JAXTYPING_"))]:
        if not name.startswith(kept):
            del environment[name]
    environment["JAX_PLATFORMS"] = platforms
    environment["XLA_FLAGS"] = " ".join([*flags, f"{COUNT}={n_devices}"])
    # Devices share the cores, and threads of linear algebra would wait for each other's cores.
    environment["OPENBLAS_NUM_THREADS"] = "1"
    # A thread that inverts many matrices waits for others of the same pool. If all of them were
    # devices that do so, as with one thread for each, they would wait for ever.
    environment["PJRT_NPROC"] = str(max(2 * n_devices, os.cpu_count() or 1))


def _backend():
    """Start JAX, and return the kind of its devices."""
    import jax

    try:
        return jax.default_backend()
    except Exception as error:
        why = str(error).split(" (set JAX_PLATFORMS")[0].rstrip(".")
        raise RuntimeError(
            f"JAX_PLATFORMS is {os.environ['JAX_PLATFORMS']!r}, but JAX finds no such device here "
            f"({why or 'it is not installed with support for it'}): unset JAX_PLATFORMS to compute "
            "on the processor, or install JAX for that device."
        ) from None
